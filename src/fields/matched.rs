//! What is to be sent, and what became of every key.

use super::outcome::{Entry, Outcome, Private};
use crate::rules::{FieldKey, Priority, TeamKey};

/// The most fields that a ticket holds (desk-wire section 4).
pub const MAX_FIELDS: usize = 20;

/// A value that Desk's rules allow, for a field of the ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldValue {
    /// The ticket field.
    pub key: FieldKey,
    /// At most [`crate::rules::MAX_VALUE`] UTF-16 units, never blank.
    pub text: Private,
    /// Whether Desk may answer with another spelling of the same number.
    pub is_integer: bool,
    /// Whether the end was cut off.
    pub truncated: bool,
}

/// Everything that is to be sent, and the outcome of everything that is not.
#[derive(Debug, Clone, Default)]
pub struct Matched {
    /// At most [`MAX_FIELDS`], no key twice.
    pub values: Vec<FieldValue>,
    /// The ticket's priority, if one is asked for.
    pub priority: Option<Priority>,
    /// The ticket's team, if one is asked for.
    pub team: Option<TeamKey>,
    pub(super) rows: Vec<Row>,
}

#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) key: String,
    pub(super) field: Option<String>,
    pub(super) resolution: Resolution,
}

/// Decided here, or by what Desk says of the thing sent.
#[derive(Debug, Clone)]
pub(super) enum Resolution {
    Decided(OutcomeDetails),
    Value(usize),
    Priority,
    Team,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OutcomeDetails {
    pub(super) outcome: Outcome,
    pub(super) hint: Option<String>,
    pub(super) by: Option<String>,
    pub(super) agrees: bool,
}

impl From<Outcome> for OutcomeDetails {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, hint: None, by: None, agrees: false }
    }
}

impl OutcomeDetails {
    pub(super) fn with_hint(outcome: Outcome, hint: Option<String>) -> Self {
        Self { hint, ..outcome.into() }
    }
}

impl Matched {
    /// The result's lines: one for every context key and every field with a source of its own.
    /// Configured fields come first, in their order, the rest by name.
    pub fn entries(&self, outcomes: &FieldOutcomes, with_values: bool) -> Vec<Entry> {
        self.rows.iter().map(|row| self.entry(row, outcomes, with_values)).collect()
    }

    fn entry(&self, row: &Row, outcomes: &FieldOutcomes, with_values: bool) -> Entry {
        let (key, field) = (row.key.clone(), row.field.clone());
        let (outcome, value) = match &row.resolution {
            Resolution::Decided(OutcomeDetails { outcome, hint, by, agrees }) => {
                let (hint, by) = (hint.clone(), by.clone());
                let (outcome, agrees) = (*outcome, *agrees);
                return Entry { key, outcome, field, hint, by, value: None, agrees };
            }
            Resolution::Value(index) => {
                (outcomes.values[*index], Some(self.values[*index].text.clone()))
            }
            Resolution::Priority => {
                let text = self.priority.map(|priority| priority.as_str().to_owned().into());
                (outcomes.priority, text)
            }
            Resolution::Team => {
                (outcomes.team, self.team.as_ref().map(|team| team.as_str().to_owned().into()))
            }
        };

        // The answer of a real handoff goes to a language model and into its logs: no value in it.
        let value = value.filter(|_| with_values);
        Entry { key, outcome, field, hint: None, by: None, value, agrees: false }
    }
}

/// What became of the things sent, in the places of [`Matched`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldOutcomes {
    /// One for each of [`Matched::values`].
    pub values: Vec<Outcome>,
    /// Of the priority.
    pub priority: Outcome,
    /// Of the team.
    pub team: Outcome,
}

impl FieldOutcomes {
    /// The same outcome for everything that `matched` sends.
    pub fn all(matched: &Matched, outcome: Outcome) -> Self {
        Self { values: vec![outcome; matched.values.len()], priority: outcome, team: outcome }
    }
}
