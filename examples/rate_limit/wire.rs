//! What goes over the wire, byte by byte.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A response that somebody has only begun to read. The connection ends with this value.
pub(crate) struct Open {
    _stream: TcpStream,
    pub(crate) read: String,
}

/// Sends a request and reads what comes until the head of the answer is there, with the body that came along.
pub(crate) async fn open(address: SocketAddr, path: &str, key: &str) -> io::Result<Open> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nx-api-key: {key}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                let read = text.into_owned();
                return Ok(Open { _stream: stream, read });
            }
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
