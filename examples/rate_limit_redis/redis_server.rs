//! A Redis for as long as this program runs.

use std::io;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// It ends with this value.
pub(crate) struct RedisServer {
    process: Child,
    port: u16,
}

impl RedisServer {
    pub(crate) async fn start() -> io::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let text = port.to_string();
        let process = Command::new("redis-server")
            .args(["--port", &text, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--maxmemory-policy", "noeviction"])
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("`redis-server`: {error}")))?;
        let mut server = Self { process, port };
        while server.ping().await.is_err() {
            if let Some(status) = server.process.try_wait()? {
                return Err(io::Error::other(format!("`redis-server` has ended: {status}")));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(server)
    }

    async fn ping(&self) -> io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.write_all(b"PING\r\n").await?;
        stream.read_exact(&mut [0; 7]).await.map(|_| ())
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// It keeps its connections, and answers nothing: what a server looks like whose machine is overloaded.
    pub(crate) async fn pause(&self) -> io::Result<()> {
        self.signal("-STOP").await
    }

    pub(crate) async fn go_on(&self) -> io::Result<()> {
        self.signal("-CONT").await
    }

    async fn signal(&self, signal: &str) -> io::Result<()> {
        let process = self.process.id().ok_or_else(|| io::Error::other("it has ended"))?;
        let status = Command::new("kill").args([signal, &process.to_string()]).status().await?;
        if status.success() { Ok(()) } else { Err(io::Error::other("`kill` failed")) }
    }
}
