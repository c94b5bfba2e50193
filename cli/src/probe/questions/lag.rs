//! How long a new ticket is hidden from views and from lists, and how long a change is from lists.
//! Each is looked for at once and later; what is kept is not the time of the look but a time
//! between it and the one before, so that two runs against one Desk agree.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use crate::probe::asking::Asking;
use crate::probe::pages::{encoded, first_and_last, page};
use crate::probe::stop::Stop;
use crate::probe::ticket::id;

/// When it is looked for, after the create, and the lag that is kept if it is there then; both in
/// milliseconds.
const LOOKS: [(u64, u64); 3] = [(0, 0), (2000, 1500), (5000, 3500)];
/// The same for a change: each look is a call, and it matters most whether a change is there at once.
const LOOKS_AT_CHANGE: [(u64, u64); 2] = [LOOKS[0], LOOKS[2]];
/// A look that takes longer may see what only the next one should: nothing is kept of it.
const TOO_SLOW: Duration = Duration::from_millis(1400);
/// That a change is in lists at once is said only of a list that came at once: a handoff may follow
/// another in no time.
const AT_ONCE: Duration = Duration::from_secs(1);

const VIEWED: &str = "view the new ticket";
const LISTED: &str = "list the new ticket";
const VISIBLE: &str = "visible_after_ms";
const LISTED_AFTER: &str = "listed_after_ms";
/// So many calls may have been made before a list is looked at for a change: these looks and what is
/// asked afterwards take up to 37.
const MOST_BEFORE: u32 = 23;

const CHANGED: &str = "list the changed ticket";
const LISTS_LAG: &str = "lists_lag_ms";
pub(crate) const NO_CALL_LEFT: &str =
    "this Desk's lists take so many calls that none was left to see when a change is listed";
const SLOW: &str = "Desk answered too slowly to tell";

/// The ticket as it was first seen.
pub(crate) async fn ask(asking: &mut Asking<'_>, ticket: u64) -> Result<Value, Stop> {
    asking.begins("how soon the new ticket is shown and listed");
    let made = Instant::now();
    let (mut first_seen, mut is_listed) = (None, false);

    for (after, lag) in LOOKS {
        let due = made + Duration::from_millis(after);
        sleep_until(due).await;
        if first_seen.is_none() {
            first_seen = viewed(asking, ticket).await?;
            let is_seen = first_seen.is_some();
            asking.found.settings.visible_after_ms = kept(asking, VISIBLE, is_seen, due, lag);
        }
        let Some(seen) = &first_seen else { continue };

        is_listed = match is_listed_anywhere(asking, seen).await {
            Err(stop @ Stop::Failed(_, 400..)) => {
                // The next look would say that it was hidden until then.
                asking.tolerated(&[LISTED_AFTER], Err(stop))?;
                break;
            }
            listed => listed?,
        };
        asking.found.settings.listed_after_ms = kept(asking, LISTED_AFTER, is_listed, due, lag);
        if is_listed {
            break;
        }
    }

    if !is_listed && !asking.found.unanswered.contains_key(LISTED_AFTER) {
        asking.unanswered(LISTED_AFTER, "the test ticket was not listed within 5 seconds");
    }
    first_seen.ok_or(Stop::Invisible)
}

/// The lag, if this look is one to go by.
fn kept(
    asking: &mut Asking<'_>,
    setting: &str,
    is_seen: bool,
    due: Instant,
    lag: u64,
) -> Option<u64> {
    let is_slow = due.elapsed() > TOO_SLOW;
    if is_seen && is_slow {
        asking.unanswered(setting, SLOW);
    }
    (is_seen && !is_slow).then_some(lag)
}

async fn viewed(asking: &Asking<'_>, ticket: u64) -> Result<Option<Value>, Stop> {
    let answer = asking.caller.get(VIEWED, &format!("/tickets/{ticket}")).await?;
    if !answer.is_done() {
        return Ok(None);
    }
    let is_it = id(&answer.body) == Some(ticket);
    if is_it { Ok(Some(answer.body)) } else { Err(Stop::Nonsense(VIEWED)) }
}

/// After a change that has just been answered: how soon a list shows the ticket changed.
pub(crate) async fn ask_of_change(
    asking: &mut Asking<'_>,
    ticket: &Value,
    is_changed: impl Fn(&Value) -> bool,
) -> Result<(), Stop> {
    if asking.caller.calls() > MOST_BEFORE {
        asking.unanswered(LISTS_LAG, NO_CALL_LEFT);
        return Ok(());
    }
    asking.begins("how soon lists show the change");
    let changed = Instant::now();
    // A call's distance later, a list that lags a little would look current.
    asking.caller.hurry();

    for (after, lag) in LOOKS_AT_CHANGE {
        let due = changed + Duration::from_millis(after);
        sleep_until(due).await;
        let found = listed(asking, ticket).await?;
        let Some(found) = found else {
            asking.unanswered(LISTS_LAG, "the test ticket is in no list that was looked at");
            return Ok(());
        };
        if is_changed(&found) {
            let is_slow = due.elapsed() > if lag == 0 { AT_ONCE } else { TOO_SLOW };
            let seen = if is_slow { Err(SLOW) } else { Ok(lag) };
            asking.found.settings.lists_lag_ms = asking.noted(LISTS_LAG, seen);
            return Ok(());
        }
    }
    asking.unanswered(LISTS_LAG, "no list showed the change within 5 seconds");
    Ok(())
}

/// The ticket as a list shows it right after a change.
pub(crate) async fn listed_at_once(
    asking: &Asking<'_>,
    ticket: &Value,
) -> Result<Option<Value>, Stop> {
    asking.caller.hurry();
    match listed(asking, ticket).await {
        // Something that is asked beside the question.
        Err(Stop::Failed(_, 400..) | Stop::Refused(..)) => Ok(None),
        listed => listed,
    }
}

/// Whether it is listed; keeps where. By all filters at once: whichever of them is honoured makes the
/// list shorter.
async fn is_listed_anywhere(asking: &mut Asking<'_>, ticket: &Value) -> Result<bool, Stop> {
    let own = |name: &str| encoded(ticket.get(name).and_then(Value::as_str).unwrap_or_default());
    let (user, channel, state) = (encoded(asking.user), own("channelUrl"), own("status2"));
    let path = format!("/tickets?sendbird_id={user}&channel_url={channel}&status2={state}");
    let is_it = |shown: &Value| id(shown) == id(ticket);
    let found = first_and_last(asking.caller, LISTED, &path, is_it).await?;

    let is_listed = found.things.iter().any(is_it);
    asking.listed_at = is_listed.then_some((path, found.last_offset));
    Ok(is_listed)
}

/// The ticket as it is listed now, where it was found before.
async fn listed(asking: &Asking<'_>, ticket: &Value) -> Result<Option<Value>, Stop> {
    let Some((path, offset)) = &asking.listed_at else { return Ok(None) };
    let page = page(asking.caller, CHANGED, path, *offset).await?;
    Ok(page.results.into_iter().find(|shown| id(shown) == id(ticket)))
}
