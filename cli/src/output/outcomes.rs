//! The outcome of every key: a table to look over, and below it a sentence for every key that is
//! not filled.

use std::borrow::Cow;

use desk_handoff::fields::{Entry, Private};
use desk_handoff::rules::Rules;

use crate::output::explain::{Tone, WITHOUT_FIELDS, advice, meaning, target};
use crate::output::{Out, cell, toned};

/// Of a longer key only the beginning is shown, in characters: it would push all else aside.
const LONGEST_KEY: usize = 60;

/// What the last column of the table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// The outcome's meaning.
    Meaning,
    /// The value that would be sent.
    Value,
}

pub(crate) fn show(heading: &str, lines: &[Entry], rules: &Rules, out: &mut Out, last: Last) {
    if lines.is_empty() {
        out.heading("The context is empty: there is no key to match");
        return;
    }
    out.heading(heading);
    let row = |line: &Entry| {
        let said = match last {
            Last::Meaning => meaning(line.outcome).0,
            Last::Value => line.value.as_ref().map_or("", Private::expose),
        };
        row(line, &target(line, rules).word(), said)
    };

    let name = if last == Last::Meaning { "meaning" } else { "value" };
    out.table(&["key", "outcome", "→ field", name], lines.iter().map(row).collect());
}

fn row(line: &Entry, field: &str, said: &str) -> Vec<comfy_table::Cell> {
    let (_, tone) = meaning(line.outcome);
    vec![cell(visible(&line.key)), toned(&line.outcome.to_string(), tone), cell(field), cell(said)]
}

/// The same for an answer from elsewhere, whose rules are not known here. Of a preview, which has
/// the values, nothing is in the ticket yet.
pub(crate) fn tell_answered(heading: &str, lines: &[Entry], out: &mut Out, last: Last) {
    if lines.is_empty() {
        return;
    }
    out.heading(heading);
    let row = |line: &Entry| row(line, filled_field(line), &said(line, last));

    let name = if last == Last::Meaning { "meaning" } else { "value or meaning" };
    out.table(&["key", "outcome", "→ field", name], lines.iter().map(row).collect());
}

/// The answer names a field only where it is called otherwise than the key.
fn filled_field(line: &Entry) -> &str {
    let is_filled = meaning(line.outcome).1 == Tone::Good;
    line.field.as_deref().unwrap_or(if is_filled { &line.key } else { "" })
}

fn said(line: &Entry, last: Last) -> String {
    let (meaning, tone) = meaning(line.outcome);
    match (&line.hint, &line.value) {
        (Some(hint), _) => format!("{meaning}: {hint}?"),
        (None, value) if last == Last::Value && tone == Tone::Good => {
            value.as_ref().map_or(String::new(), |value| value.expose().to_owned())
        }
        (None, _) => meaning.to_owned(),
    }
}

/// Why, for each key that there is something to say of, and for all of them.
pub(crate) fn tell_why(lines: &[Entry], rules: &Rules, out: &mut Out) {
    let reasons: Vec<_> =
        lines.iter().filter_map(|line| Some((visible(&line.key), advice(line, rules)?))).collect();
    if !reasons.is_empty() {
        out.heading("Why, and what to do");
        out.pairs(reasons);
    }

    if rules.fields.is_none() {
        out.heading("No list of fields");
        out.text(WITHOUT_FIELDS);
    }
}

/// A key as it can be seen, also where there is nothing to see, or too much.
pub(crate) fn visible(key: &str) -> Cow<'_, str> {
    if key.trim().is_empty() {
        return "(blank)".into();
    }
    match key.char_indices().nth(LONGEST_KEY) {
        Some((end, _)) => format!("{}…", &key[..end]).into(),
        None => key.into(),
    }
}
