//! The connections, each with a handle by which the server can cut it in mid-sentence. It takes an
//! answer to be written with its head and body together, as hyper does for a body that is whole and
//! a stream without vectored writes. It never changes a byte: it only stops sending.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

/// The handle of one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connection(Arc<Mutex<Flow>>);

/// What may still be written.
#[derive(Debug, Clone, Copy, Default)]
enum Flow {
    /// Everything.
    #[default]
    Open,
    /// The head of the next answer and half of its body.
    HalfAnswer,
    /// So many bytes, and then the connection is closed.
    Left(usize),
}

impl Connection {
    /// Nothing more is sent, and the connection is closed.
    pub(crate) fn cut(&self) {
        *self.flow() = Flow::Left(0);
    }

    /// The next answer stops in the middle of its body.
    pub(crate) fn cut_in_body(&self) {
        *self.flow() = Flow::HalfAnswer;
    }

    /// How much of `bytes` may be written now; `None` when nothing may be written any more.
    fn allowance(&self, bytes: &[u8]) -> Option<usize> {
        let mut flow = self.flow();
        // Only at the write is the answer's length known, of which half is wanted.
        if let Flow::HalfAnswer = *flow {
            *flow = Flow::Left(half(bytes));
        }
        match *flow {
            Flow::Left(0) => None,
            Flow::Left(left) => Some(left.min(bytes.len())),
            Flow::Open | Flow::HalfAnswer => Some(bytes.len()),
        }
    }

    fn wrote(&self, count: usize) {
        if let Flow::Left(left) = &mut *self.flow() {
            *left = left.saturating_sub(count);
        }
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        // The lock holds one plain value, which no panic leaves half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The length of an answer's head and half of its body.
fn half(answer: &[u8]) -> usize {
    let blank = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let head = blank.map_or(0, |at| at + 4);
    head + (answer.len() - head) / 2
}

/// The door: a listener whose connections have handles.
#[derive(Debug)]
pub(crate) struct CuttableListener(pub(crate) TcpListener);

impl Listener for CuttableListener {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (CuttableStream, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Best effort: without it an answer may only be slower.
        let _ = stream.set_nodelay(true);
        let connection = Connection::default();
        (CuttableStream { stream, connection }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        stream.io().connection.clone()
    }
}

/// A connection that obeys its [`Connection`].
#[derive(Debug)]
pub(crate) struct CuttableStream {
    stream: TcpStream,
    connection: Connection,
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Requests are never cut: the log has what was asked, whatever becomes of the answer.
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(allowed) = self.connection.allowance(bytes) else {
            // An error, since hyper would only try again after a short write.
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        };
        let written = Pin::new(&mut self.stream).poll_write(cx, &bytes[..allowed]);
        // The socket may take less than it was allowed, so that what it took is counted.
        if let Poll::Ready(Ok(count)) = written {
            self.connection.wrote(count);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
