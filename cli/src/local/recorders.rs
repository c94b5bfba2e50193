//! Transport, queue and claims as the shipped code uses them, noted in the journal on their way.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use desk_handoff::claims::customer::Customer;
use desk_handoff::claims::{Acquired, ClaimRequest, Claims, Item, Lease, Memory};
use desk_handoff::desk::transport::{HttpTransport, Transport, TransportError};
use desk_handoff::queue::{Queue, QueueEntry};
use desk_handoff::store::{BoxFuture, StoreFuture};
use http::{Method, Request, Response};

use crate::local::current_entry;
use crate::local::journal::{Call, Happened, Journal};
use crate::local::queue::MemoryQueue;

/// The most that is kept of a body, in bytes.
const LONGEST_BODY: usize = 32 * 1024;

/// Called after every call that may have changed something, with the entry that it is a part of.
pub(crate) type AfterWrite = Box<dyn Fn(Option<u64>, &Written) + Send + Sync>;

/// Which ticket a call may have changed.
pub(crate) struct Written {
    /// The one in the path; a create has none.
    pub(crate) ticket: Option<u64>,
}

/// HTTP, noted.
pub(crate) struct NotedTransport {
    pub(crate) inner: HttpTransport,
    pub(crate) journal: Arc<Journal>,
    pub(crate) after_write: Arc<OnceLock<AfterWrite>>,
}

impl Transport for NotedTransport {
    fn send(
        &self,
        request: Request<Vec<u8>>,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Response<Vec<u8>>, TransportError>> {
        Box::pin(async move {
            let (entry, began) = (current_entry::entry(), Instant::now());
            let (method, uri) = (request.method().clone(), request.uri().clone());
            let sent = text(request.body());
            let answered = self.inner.send(request, timeout).await;

            // Also where the answer was lost: the write may be done all the same.
            if method != Method::GET
                && let Some(after_write) = self.after_write.get()
            {
                after_write(entry, &Written { ticket: ticket(uri.path()) });
            }
            let Some(entry) = entry else { return answered };
            let target = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
            let call = Call {
                method: method.to_string(),
                target,
                request: sent,
                status: answered.as_ref().map(|answer| answer.status().as_u16()).map_err(why),
                answer: answered.as_ref().map(|answer| text(answer.body())).unwrap_or_default(),
                took: began.elapsed(),
            };
            self.journal.step(entry, Happened::Called(Box::new(call)));
            answered
        })
    }
}

/// The ticket in the path of a call, as in `…/tickets/7/close`.
fn ticket(path: &str) -> Option<u64> {
    let mut parts = path.split('/').skip_while(|part| *part != "tickets");
    parts.nth(1)?.parse().ok()
}

fn text(body: &[u8]) -> String {
    let kept = &body[..body.len().min(LONGEST_BODY)];
    String::from_utf8_lossy(kept).into_owned()
}

fn why(error: &TransportError) -> &'static str {
    match error {
        TransportError::Unreachable => "no connection",
        TransportError::TimedOut => "no answer in time",
        TransportError::Interrupted => "the connection broke",
        TransportError::TooLarge(_) => "the answer is too large",
    }
}

/// The queue, noted.
pub(crate) struct NotedQueue {
    pub(crate) inner: MemoryQueue,
    pub(crate) journal: Arc<Journal>,
}

impl Queue for NotedQueue {
    fn send<'a>(&'a self, entry: &'a QueueEntry) -> StoreFuture<'a> {
        let origin = current_entry::entry();
        let is_known = self.inner.put(entry, origin);
        if let Some(origin) = origin {
            self.journal.step(origin, Happened::Queued { is_known });
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn change_visibility<'a>(&'a self, handle: &'a str, seconds: u32) -> StoreFuture<'a> {
        let pause = Duration::from_secs(seconds.into());
        Box::pin(std::future::ready(self.inner.put_off(handle, pause)))
    }
}

/// Claims in memory, noted.
pub(crate) struct NotedClaims {
    pub(crate) inner: Memory,
    pub(crate) journal: Arc<Journal>,
}

impl Claims for NotedClaims {
    fn acquire<'a>(&'a self, request: &'a ClaimRequest) -> StoreFuture<'a, Acquired> {
        Box::pin(async move {
            let acquired = self.inner.acquire(request).await?;
            if let Some(entry) = current_entry::entry() {
                let is_granted = matches!(acquired, Acquired::Lease(_));
                self.journal.step(entry, Happened::Claimed { is_granted });
            }
            Ok(acquired)
        })
    }

    fn give_back<'a>(&'a self, lease: Lease, customer: &'a Customer, now: u64) -> StoreFuture<'a> {
        Box::pin(async move {
            self.inner.give_back(lease, customer, now).await?;
            if let Some(entry) = current_entry::entry() {
                self.journal.step(entry, Happened::GivenBack);
            }
            Ok(())
        })
    }

    fn read<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Item>> {
        self.inner.read(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticket_of_a_path_is_found() {
        assert_eq!(ticket("/platform/v1/tickets/7/close"), Some(7));
        assert_eq!(ticket("/platform/v1/tickets/8"), Some(8));
        assert_eq!(ticket("/platform/v1/tickets"), None);
        assert_eq!(ticket("/platform/v1/tickets/transfer_to_group"), None);
    }
}
