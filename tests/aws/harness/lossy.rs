//! A bad line to AWS's services: every other answer is lost, after the service has done what was
//! asked.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::moto;

/// The line, which lasts as long as the test's runtime.
pub(crate) struct Lossy {
    endpoint: String,
    lost: Arc<AtomicUsize>,
}

impl Lossy {
    /// A line whose first answer is lost, then every other one.
    pub(crate) async fn start() -> Self {
        let (listener, endpoint) = listen().await;
        let lost = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&lost);
        tokio::spawn(async move {
            for nth in 0.. {
                let (client, _) = listener.accept().await.expect("connections come");
                if carry(client, nth % 2 == 1).await.expect("moto answers") {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            }
        });

        Self { endpoint, lost }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How many answers were lost.
    pub(crate) fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }
}

/// A port that nobody listened on, and its URL.
pub(super) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("a listener has an address");

    (listener, format!("http://{address}"))
}

/// One request a connection; whether its answer was lost.
async fn carry(mut client: TcpStream, whole: bool) -> io::Result<bool> {
    let request = message(&mut client).await?;
    let mut service = TcpStream::connect(moto::endpoint().trim_start_matches("http://")).await?;
    service.write_all(&request).await?;
    let answer = message(&mut service).await?;

    if whole {
        let answer = String::from_utf8(answer).expect("answers are JSON").replacen(
            "\r\n",
            "\r\nConnection: close\r\n",
            1,
        );
        client.write_all(answer.as_bytes()).await?;
    }

    Ok(!whole)
}

/// Head and body of a request or an answer.
async fn message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .split("\r\n")
                .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Ok(read);
            }
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
