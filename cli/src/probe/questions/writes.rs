//! Changes of the ticket itself: what they are answered with, and what becomes of a related channel
//! that is nobody's. A channel of another customer is never named: the ticket would show it.

use desk_emulator::{StrangeRelated, WriteAnswer};
use serde_json::{Value, json};

use crate::probe::asking::{Asking, Written, checked};
use crate::probe::questions::lag;
use crate::probe::stop::Stop;

/// What the priority is set to, and what if the new ticket has that.
const PRIORITIES: [&str; 2] = ["LOW", "MEDIUM"];
/// A channel that does not exist.
const NO_CHANNEL: &str = "desk-handoff-probe-no-channel";

pub(crate) async fn ask(asking: &mut Asking<'_>, id: u64, ticket: &Value) -> Result<(), Stop> {
    let asked = write_answer(asking, id, ticket).await;
    asking.tolerated(&["write_answer", "lists_lag_ms"], asked)?;
    let asked = strange_related(asking, id).await;
    asking.tolerated(&["strange_related"], asked)
}

async fn write_answer(asking: &mut Asking<'_>, id: u64, ticket: &Value) -> Result<(), Stop> {
    asking.begins("what a change is answered with");
    let is_other = |priority: &&str| !has_priority(ticket, priority);
    let priority = PRIORITIES.into_iter().find(is_other).unwrap_or_default();
    let name = "set the priority";
    let body = json!({"priority": priority});
    let answer = asking.caller.patch(name, &format!("/tickets/{id}"), body).await?;
    let answer = checked(name, answer, id)?;
    if !answer.is_done() {
        for setting in ["write_answer", "lists_lag_ms"] {
            asking.unanswered(setting, "Desk refuses a change of the priority");
        }
        return Ok(());
    }
    // At once: the lag is counted from the change.
    let asked = lag::ask_of_change(asking, ticket, |listed| has_priority(listed, priority)).await;
    asking.tolerated(&["lists_lag_ms"], asked)?;

    // Only what the answer leaves open costs a view.
    let seen = if answer.body.is_null() {
        Some(WriteAnswer::Empty)
    } else if answer.body.get("customFields").is_none() {
        Some(WriteAnswer::WithoutFields)
    } else if has_priority(&answer.body, priority) {
        Some(WriteAnswer::Full)
    } else if has_priority(&asking.view(id).await?, priority) {
        Some(WriteAnswer::Stale)
    } else {
        None
    };
    asking.found.settings.write_answer = seen;
    if seen.is_none() {
        asking.unanswered(
            "write_answer",
            "Desk takes a change of the priority and keeps the old one",
        );
    }
    Ok(())
}

fn has_priority(ticket: &Value, priority: &str) -> bool {
    ticket.get("priority").and_then(Value::as_str) == Some(priority)
}

async fn strange_related(asking: &mut Asking<'_>, id: u64) -> Result<(), Stop> {
    asking.begins("a related channel that does not exist");
    let name = "relate an unknown channel";
    let body = json!({"relatedChannelUrls": NO_CHANNEL});
    let answer = asking.caller.patch(name, &format!("/tickets/{id}"), body).await?;
    let answer = checked(name, answer, id)?;

    let seen = match asking.written(answer, id).await? {
        Written::Refused => StrangeRelated::Refuse,
        Written::Taken(ticket) if shows_channel(&ticket) => StrangeRelated::Take,
        Written::Taken(_) => StrangeRelated::Drop,
    };
    asking.found.settings.strange_related = Some(seen);
    Ok(())
}

/// The property is a JSON text, or what that text would hold.
fn shows_channel(ticket: &Value) -> bool {
    ticket.get("relatedChannels").is_some_and(|related| related.to_string().contains(NO_CHANNEL))
}
