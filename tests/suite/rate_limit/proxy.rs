//! A network between a client and a server that fails as it is told to.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What happens to everything that is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    None,
    /// It is held back until the fault is over.
    BlackHole,
    /// Connections are reset, the new ones too.
    Reset,
    /// It comes late.
    Delay(Duration),
    /// The client gets something else.
    Garbage,
    /// It comes in single bytes.
    Bytes,
}

/// Ends with this value.
pub(super) struct Proxy {
    port: u16,
    fault: watch::Sender<Fault>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(super) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let (fault, seen) = watch::channel(Fault::None);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connection(client, port, seen.clone()));
            }
        });
        Self { port: own, fault, task }
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    pub(super) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connection(mut client: TcpStream, port: u16, mut fault: watch::Receiver<Fault>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    client.set_nodelay(true).unwrap();
    let to_client = fault.clone();
    let result = {
        let (mut from_client, mut client_end) = client.split();
        let (mut from_server, mut server_end) = server.split();
        tokio::select! {
            _ = pump(&mut from_client, &mut server_end, fault.clone(), false) => true,
            _ = pump(&mut from_server, &mut client_end, to_client, true) => true,
            // The proxy itself may be gone by then.
            reset = fault.wait_for(|fault| *fault == Fault::Reset) => reset.is_err(),
        }
    };
    if !result {
        let _ = client.set_zero_linger();
    }
}

async fn pump(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    mut fault: watch::Receiver<Fault>,
    to_client: bool,
) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        let bytes = &buffer[..length];
        let _ = fault.wait_for(|fault| *fault != Fault::BlackHole).await;
        let now = *fault.borrow();
        match now {
            Fault::Garbage if to_client => {
                to.write_all(b"\x00HTTP/1.1 200 OK\r\n*-7\r\n$9\r\n").await?;
            }
            Fault::Bytes => {
                for byte in bytes {
                    to.write_all(&[*byte]).await?;
                    to.flush().await?;
                    tokio::task::yield_now().await;
                }
            }
            Fault::Delay(by) => {
                tokio::time::sleep(by).await;
                to.write_all(bytes).await?;
            }
            _ => to.write_all(bytes).await?,
        }
    }
}
