//! Server-sent events: the version of the journal, whenever it has grown. What has changed, a tab
//! then asks for itself.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::stream::{self, Stream};
use tokio::time::sleep;

use crate::page::Page;

/// Changes that follow each other this closely are told of once.
const TOGETHER: Duration = Duration::from_millis(40);

/// A stream until the page's end: an open one would keep Ctrl-C waiting.
pub(crate) async fn events(
    State(page): State<Arc<Page>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut watching = page.local.journal.watch();
    // The first event says where things stand.
    watching.mark_changed();
    let stream = stream::unfold((watching, page.ends.clone()), |(mut watching, mut ends)| async {
        tokio::select! {
            changed = watching.changed() => changed.ok()?,
            _ = ends.wait_for(|has_ended| *has_ended) => return None,
        }
        sleep(TOGETHER).await;
        let version = watching.borrow_and_update().to_string();
        Some((Ok(Event::default().id(&version).data(&version)), (watching, ends)))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}
