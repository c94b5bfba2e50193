//! What the customer's first message makes of the ticket, and whether a pending ticket is
//! transferred. Asked only with Chat's token, and late, so that agents see the ticket for seconds
//! only.

use desk_emulator::{FirstMessage, Transfer};
use serde_json::{Value, json};

use crate::probe::asking::Asking;
use crate::probe::pages::encoded;
use crate::probe::questions::team::{has_moved, transfer};
use crate::probe::stop::Stop;

const NO_CHAT: &str = "it takes a message of the customer: --chat-token-env";
const MESSAGE: &str = "This is a test of desk-handoff. Please leave it; it is closed in a moment.";

/// The channel is the ticket's.
pub(crate) async fn ask(
    asking: &mut Asking<'_>,
    id: u64,
    channel: &str,
    team: Option<&str>,
) -> Result<(), Stop> {
    if !asking.caller.has_chat() {
        asking.unanswered("first_message", NO_CHAT);
        leave_transfer_open(asking, NO_CHAT);
        return Ok(());
    }

    let asked = first_message(asking, id, channel).await;
    asking.tolerated(&["first_message"], asked)?;
    if asking.found.settings.first_message == Some(FirstMessage::Pending) {
        let asked = pending(asking, id, team).await;
        return asking.tolerated(&["transfer"], asked);
    }
    leave_transfer_open(asking, "the test ticket did not become pending");
    Ok(())
}

/// That a ticket without a message is not moved leaves open whether a pending one is.
fn leave_transfer_open(asking: &mut Asking<'_>, why: &str) {
    if asking.found.settings.transfer == Some(Transfer::PendingOnly) {
        asking.found.settings.transfer = None;
        asking.unanswered("transfer", why);
    }
}

async fn first_message(asking: &mut Asking<'_>, id: u64, channel: &str) -> Result<(), Stop> {
    asking.begins("the customer's first message");
    let path = format!("/group_channels/{}/messages", encoded(channel));
    let body = json!({"message_type": "MESG", "user_id": asking.user, "message": MESSAGE});
    let posted = asking.caller.post_to_chat("post a message", &path, body).await;
    let is_posted = match posted {
        Some(Ok(answer)) => answer.is_done(),
        // Another token than Desk's: that it is refused says nothing of the rest.
        Some(Err(Stop::Unauthorized(..))) | None => false,
        Some(Err(stop)) => return Err(stop),
    };
    if !is_posted {
        asking.unanswered("first_message", "Chat refuses the message");
        return Ok(());
    }

    asking.has_message = true;
    let ticket = asking.view(id).await?;
    let seen = match ticket.get("status2").and_then(Value::as_str) {
        Some("PENDING") => Ok(FirstMessage::Pending),
        Some("ACTIVE") => Ok(FirstMessage::Active),
        Some("INITIALIZED") => Ok(FirstMessage::Nothing),
        _ => Err("the ticket is in another state than those that are known"),
    };
    asking.found.settings.first_message = asking.noted("first_message", seen);
    Ok(())
}

/// Where tickets are moved that nobody has written in, pending ones are moved as well.
async fn pending(asking: &mut Asking<'_>, id: u64, team: Option<&str>) -> Result<(), Stop> {
    let Some(team) = team.filter(|_| asking.found.settings.transfer == Some(Transfer::PendingOnly))
    else {
        return Ok(());
    };
    asking.begins("a transfer of the pending ticket");
    asking.found.settings.transfer = None;
    let moved = transfer(asking, "transfer while pending", id, team).await?;

    let seen = match (moved.is_done(), has_moved(&moved, id)) {
        (true, None) => Err("the answer does not say what was moved"),
        (true, Some(true)) => Ok(Transfer::PendingOnly),
        (false, _) | (true, Some(false)) => Ok(Transfer::Never),
    };
    asking.found.settings.transfer = asking.noted("transfer", seen);
    Ok(())
}
