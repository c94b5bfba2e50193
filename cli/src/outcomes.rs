//! The outcome of every key: a table to look over, and below it a sentence for every key that is not filled.

use desk_handoff::fields::{Entry, Private};
use desk_handoff::rules::Rules;

use crate::answer::outcome_name;
use crate::explain::{WITHOUT_FIELDS, advice, meaning, target};
use crate::out::{Out, cell, toned};

/// What the last column of the table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// The outcome's meaning.
    Meaning,
    /// The value that would be sent.
    Value,
}

pub(crate) fn tell(heading: &str, lines: &[Entry], rules: &Rules, out: &mut Out, last: Last) {
    if lines.is_empty() {
        out.heading("The context is empty: there is no key to match");
        return;
    }
    out.heading(heading);
    let rows = lines.iter().map(|line| {
        let (meaning, tone) = meaning(line.outcome);
        let last = match last {
            Last::Meaning => cell(meaning),
            Last::Value => cell(line.value.as_ref().map_or("", Private::expose)),
        };
        vec![cell(visible(&line.key)), toned(&outcome_name(line.outcome), tone), cell(target(line, rules).word()), last]
    });
    let name = if last == Last::Meaning { "meaning" } else { "value" };
    out.table(&["key", "outcome", "→ field", name], rows.collect());
}

/// Why, for each key that there is something to say of, and for all of them.
pub(crate) fn tell_why(lines: &[Entry], rules: &Rules, out: &mut Out) {
    let reasons: Vec<_> = lines.iter().filter_map(|line| Some((visible(&line.key), advice(line, rules)?))).collect();
    if !reasons.is_empty() {
        out.heading("Why, and what to do");
        out.pairs(reasons);
    }
    if rules.fields.is_none() {
        out.heading("No list of fields");
        out.text(WITHOUT_FIELDS);
    }
}

/// A key as it can be seen, also where there is nothing to see.
fn visible(key: &str) -> &str {
    if key.trim().is_empty() { "(blank)" } else { key }
}
