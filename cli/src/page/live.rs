//! Server-sent events: the version of the journal, whenever it has grown. What has changed, a tab
//! then asks for itself.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::stream::{self, Stream};
use tokio::sync::watch;
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
    let stream = stream::unfold((watching, page.ends.clone()), next);
    Sse::new(stream).keep_alive(KeepAlive::default())
}

/// What an open stream holds: the versions, and whether the page has ended.
type Watching = (watch::Receiver<u64>, watch::Receiver<bool>);

async fn next((mut watching, mut ends): Watching) -> Option<(Result<Event, Infallible>, Watching)> {
    tokio::select! {
        changed = watching.changed() => changed.ok()?,
        _ = ends.wait_for(|has_ended| *has_ended) => return None,
    }
    sleep(TOGETHER).await;
    // Read after the pause, so that what has changed within it is told of, too.
    let version = watching.borrow_and_update().to_string();
    Some((Ok(Event::default().id(&version).data(&version)), (watching, ends)))
}
