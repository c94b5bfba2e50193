//! Whether each field of the document is there, and how Desk spells what it stores: one write of a
//! good value to every field, and the same once more.

use std::collections::BTreeMap;

use desk_emulator::{RepeatedWrite, WriteAnswer};
use serde_json::{Value, json};

use crate::probe::asking::{Asking, value};
use crate::probe::caller::Answer;
use crate::probe::known::{INTEGER, KnownFields, LINK, TEXT};
use crate::probe::questions::lag;
use crate::probe::stop::Stop;

/// The link, its host in lower case.
const LOWER_LINK: &str = "https://example.com/probe";

/// `first`: the ticket as it was first seen.
pub(crate) async fn ask(asking: &mut Asking<'_>, id: u64, first: &Value) -> Result<(), Stop> {
    asking.begins("a value for every field of the document");
    let Some((sent, answer)) = good_values(asking, id).await? else {
        // One that Desk does not have as the document says would make every later answer useless.
        asking.fields = KnownFields::default();
        return Ok(());
    };

    let ticket = after(asking, id, first, &sent).await?;
    let stored = |key: &str| value(&ticket, key).is_some();
    asking.not_stored = sent.keys().filter(|key| !stored(key)).cloned().collect();
    asking.fields = asking.fields.stored(stored);
    check_freshness(asking, &answer, &ticket, &sent);
    spelling(asking, &ticket);

    if asking.not_stored.len() < sent.len() {
        let asked = again(asking, id, &sent).await;
        asking.tolerated(&["repeated_write"], asked)?;
    }
    Ok(())
}

/// What was sent and taken: every field, or if Desk refuses that, one of each type.
async fn good_values(
    asking: &Asking<'_>,
    id: u64,
) -> Result<Option<(BTreeMap<String, String>, Answer)>, Stop> {
    let tries = [
        ("write every field", asking.fields.good.clone()),
        ("write a field of each type", asking.fields.spelt()),
    ];
    for (name, values) in tries {
        match asking.send_fields(name, id, json!(values)).await {
            Ok(answer) if answer.is_done() => return Ok(Some((values, answer))),
            // What Desk fails at is no better than what it refuses.
            Ok(_) | Err(Stop::Failed(_, 400..)) => {}
            Err(stop) => return Err(stop),
        }
    }
    Ok(None)
}

/// Whether lists were seen to show fields, and a change of the priority at once.
fn seems_current(asking: &Asking<'_>) -> bool {
    let settings = &asking.found.settings;
    settings.lists_show_fields == Some(true) && settings.lists_lag_ms == Some(0)
}

/// The ticket after the write: as a list shows it, if that shows every value; the new ticket had
/// none.
async fn after(
    asking: &mut Asking<'_>,
    id: u64,
    first: &Value,
    sent: &BTreeMap<String, String>,
) -> Result<Value, Stop> {
    if !seems_current(asking) {
        return asking.view(id).await;
    }
    let stored = |ticket: &Value| sent.keys().filter(|key| value(ticket, key).is_some()).count();
    let listed = lag::listed_at_once(asking, first).await?.unwrap_or_default();
    if stored(&listed) == sent.len() {
        return Ok(listed);
    }

    let ticket = asking.view(id).await?;
    if stored(&listed) < stored(&ticket) {
        asking.found.settings.lists_lag_ms = None;
        asking.unanswered("lists_lag_ms", "lists show a priority at once, and values later");
    }
    Ok(ticket)
}

/// An answer may show fresh properties and stale fields.
fn check_freshness(
    asking: &mut Asking<'_>,
    answer: &Answer,
    ticket: &Value,
    sent: &BTreeMap<String, String>,
) {
    let shows_fields = answer.body.get("customFields").is_some();
    let is_stale = sent.keys().any(|key| value(&answer.body, key) != value(ticket, key));
    if shows_fields && is_stale {
        asking.found.settings.write_answer = Some(WriteAnswer::Stale);
    }
}

fn spelling(asking: &mut Asking<'_>, ticket: &Value) {
    let stored = |key: &Option<String>| value(ticket, key.as_deref()?);
    let (text, integer, link) =
        (stored(&asking.fields.text), stored(&asking.fields.integer), stored(&asking.fields.link));
    let trimmed = respelt(text, TEXT, TEXT.trim());
    let shortened = respelt(integer, INTEGER, "7");
    let lowered = respelt(link, LINK, LOWER_LINK);

    asking.found.settings.trim = asking.noted("trim", trimmed);
    asking.found.settings.normalise_integers = asking.noted("normalise_integers", shortened);
    asking.found.settings.normalise_links = asking.noted("normalise_links", lowered);
}

/// Whether the stored text is the other spelling, or why that cannot be said.
fn respelt(stored: Option<String>, sent: &str, other: &str) -> Result<bool, &'static str> {
    match stored.as_deref() {
        None => Err("there is no field of this type in the document and in Desk"),
        Some(stored) if stored == sent => Ok(false),
        Some(stored) if stored == other => Ok(true),
        Some(_) => Err("it is stored in a spelling of Desk's own"),
    }
}

async fn again(
    asking: &mut Asking<'_>,
    id: u64,
    sent: &BTreeMap<String, String>,
) -> Result<(), Stop> {
    asking.begins("the same values again");
    let answer = asking.send_fields("write the same again", id, json!(sent)).await?;
    let seen = if answer.is_done() { RepeatedWrite::Accept } else { RepeatedWrite::Refuse };
    asking.found.settings.repeated_write = Some(seen);
    Ok(())
}
