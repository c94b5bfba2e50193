//! A line to AWS's services that counts the calls of one kind.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::lossy::listen;
use super::moto;

/// The line, which lasts as long as the test's runtime.
pub(crate) struct Counting {
    endpoint: String,
    calls: Arc<AtomicUsize>,
}

impl Counting {
    /// Counts the requests that hold this text, which no request holds twice.
    pub(crate) async fn start(text: &'static str) -> Self {
        let (listener, endpoint) = listen().await;
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.expect("connections come");
                // Either side may end a connection at any time.
                tokio::spawn(carry(client, text, Arc::clone(&counter)));
            }
        });

        Self { endpoint, calls }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

async fn carry(client: TcpStream, text: &str, calls: Arc<AtomicUsize>) -> io::Result<()> {
    let service = TcpStream::connect(moto::endpoint().trim_start_matches("http://")).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_service, mut to_service) = service.into_split();
    let answers =
        tokio::spawn(async move { tokio::io::copy(&mut from_service, &mut to_client).await });

    let mut read = Vec::new();
    while from_client.read_buf(&mut read).await? > 0 {
        // The head of a request is sent as one piece.
        calls.fetch_add(String::from_utf8_lossy(&read).matches(text).count(), Ordering::Relaxed);
        to_service.write_all(&read).await?;
        read.clear();
    }
    answers.abort();

    Ok(())
}
