//! The end of the test ticket, and what becomes of a change that comes after it.

use desk_emulator::{CloseNew, ClosedWrites};
use serde_json::{Value, json};

use crate::probe::asking::{Asking, checked};
use crate::probe::stop::Stop;

const HAS_MESSAGE: &str = "the test ticket had a message (--chat-token-env)";
/// Another priority than any that the ticket had before.
const PRIORITY: &str = "HIGH";

pub(crate) async fn ask(asking: &mut Asking<'_>, id: u64) -> Result<(), Stop> {
    asking.begins("closing the test ticket");
    // What was kept for closing it is for this.
    asking.caller.begin_closing();
    match asking.ticket.close().await {
        Ok(()) if asking.has_message => asking.unanswered("close_new", HAS_MESSAGE),
        Ok(()) => asking.found.settings.close_new = Some(CloseNew::Accept),
        // The answers are worth more than the end: what is left is named beside them.
        Err(stop) => {
            match stop {
                Stop::Refused(..) if asking.has_message => {
                    asking.unanswered("close_new", HAS_MESSAGE);
                }
                Stop::Refused(..) => asking.found.settings.close_new = Some(CloseNew::Refuse),
                other => asking.unanswered("close_new", other.to_string()),
            }
            asking.unanswered("closed_writes", "the test ticket was not seen to close");
            return Ok(());
        }
    }

    let asked = write_to_closed(asking, id).await;
    asking.tolerated(&["closed_writes"], asked)
}

async fn write_to_closed(asking: &mut Asking<'_>, id: u64) -> Result<(), Stop> {
    asking.begins("a change of a closed ticket");
    let name = "change a closed ticket";
    let body = json!({"priority": PRIORITY});
    let answer = asking.caller.patch(name, &format!("/tickets/{id}"), body).await?;
    let answer = checked(name, answer, id)?;
    let seen = if answer.is_done() {
        let ticket = asking.view(id).await?;
        let is_changed = ticket.get("priority").and_then(Value::as_str) == Some(PRIORITY);
        if is_changed { ClosedWrites::Accept } else { ClosedWrites::Ignore }
    } else {
        ClosedWrites::Refuse
    };

    asking.found.settings.closed_writes = Some(seen);
    Ok(())
}
