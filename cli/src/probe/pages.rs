//! Pages of a list, read as they come: nothing is taken for granted but `results`.

use serde_json::Value;

use crate::probe::caller::{Answer, Caller};
use crate::probe::stop::Stop;

/// As many as the shipped client asks for at first: a Desk with many tickets takes its time for the
/// 500 that it may give (desk-wire section 3.1).
pub(crate) const LARGE_PAGE: u64 = 100;
/// How many pages are looked at after the first where Desk does not say how many there are.
const MOST_STEPS: u32 = 3;

/// One page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    pub(crate) results: Vec<Value>,
    /// How many there are in all, if Desk says so.
    pub(crate) count: Option<u64>,
    has_next: bool,
}

impl Page {
    /// The page, if the answer is one.
    pub(crate) fn read(answer: &Answer) -> Option<Self> {
        let results = answer.body.get("results")?.as_array()?.clone();
        let count = answer.body.get("count").and_then(Value::as_u64);
        let has_next = answer.body.get("next").is_some_and(|next| !next.is_null());
        Some(Self { results, count, has_next })
    }

    pub(crate) fn received(&self) -> u64 {
        self.results.len() as u64
    }

    /// Whether there are more than stand on this page, the first one.
    pub(crate) fn has_more(&self) -> bool {
        self.has_next || self.count.is_some_and(|count| count > self.received())
    }
}

/// What some pages of a list hold.
pub(crate) struct Listed {
    pub(crate) things: Vec<Value>,
    /// Where the last one of them begins.
    pub(crate) last_offset: u64,
}

/// What the first page holds and, if `is_enough` finds nothing there, what the last one does: in
/// which order Desk lists is not known, so the newest may be on either.
pub(crate) async fn first_and_last(
    caller: &Caller<'_>,
    name: &'static str,
    path: &str,
    is_enough: impl Fn(&Value) -> bool,
) -> Result<Listed, Stop> {
    let first = page(caller, name, path, 0).await?;
    let (received, count) = (first.received(), first.count);
    let (mut offset, steps) = match count {
        // By what came, not by what was asked for: Desk's own limit may be lower.
        Some(count) => (count.saturating_sub(received).max(received), 1),
        None => (received, MOST_STEPS),
    };
    let mut last = first.clone();
    let mut listed = Listed { things: first.results.clone(), last_offset: 0 };

    for _ in 0..steps {
        let has_more = if count.is_some() { first.has_more() } else { last.has_next };
        if !has_more || caller.ignores_offset() || listed.things.iter().any(&is_enough) {
            break;
        }
        last = page(caller, name, path, offset).await?;
        // The same page again: whatever offset is named, nothing else comes.
        if !last.results.is_empty() && last.results.first() == first.results.first() {
            caller.note_ignored_offset();
        }
        listed.last_offset = offset;
        listed.things.extend(last.results.iter().cloned());
        offset += last.received();
    }

    Ok(listed)
}

/// One page of a list that begins at this offset.
pub(crate) async fn page(
    caller: &Caller<'_>,
    name: &'static str,
    path: &str,
    offset: u64,
) -> Result<Page, Stop> {
    let path = format!("{path}&limit={LARGE_PAGE}&offset={offset}");
    let answer = caller.get(name, &path).await?;
    if !answer.is_done() {
        return Err(Stop::Refused(name, answer.status));
    }
    Page::read(&answer).ok_or(Stop::Nonsense(name))
}

/// For a query.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let escaped = |byte: u8| {
        if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(escaped).collect()
}
