//! The ticket fields that Desk shows on its tickets: there is no other way to learn of them
//! (desk-wire section 4).
//!
//! Pure. Customers' values go in and never come out: only keys, counts and types do.

use std::collections::{BTreeMap, BTreeSet};

use desk_handoff::fields::fits;
use desk_handoff::rules::FieldKind;
use desk_handoff::ticket::Ticket;

/// So many values must be seen before repetition says anything.
const ENOUGH: usize = 6;
/// A dropdown's values are repeated at least so often, on average.
const REPEATED: usize = 3;

/// A field key and what tickets show under it.
pub(crate) struct Shown<'t> {
    pub(crate) key: &'t str,
    /// Without the blank ones.
    values: Vec<&'t str>,
}

/// Every key that a ticket shows, those with the most values first.
pub(crate) fn shown(tickets: &[Ticket]) -> Vec<Shown<'_>> {
    let mut by_key: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (key, value) in tickets.iter().filter_map(|ticket| ticket.fields.as_ref()).flatten() {
        let values = by_key.entry(key).or_default();
        // A key without any value is kept: the field is there, though nobody fills it.
        values.extend(Some(value.expose().trim()).filter(|value| !value.is_empty()));
    }
    let mut all: Vec<_> = by_key.into_iter().map(|(key, values)| Shown { key, values }).collect();
    all.sort_by_key(|shown| std::cmp::Reverse(shown.values.len()));
    all
}

impl Shown<'_> {
    /// How many tickets show a value.
    pub(crate) fn count(&self) -> usize {
        self.values.len()
    }

    /// The narrowest type that takes every value; a dropdown cannot be told apart from a text.
    pub(crate) fn guess(&self) -> FieldKind {
        if self.values.is_empty() {
            FieldKind::Text
        } else if self.values.iter().all(|value| is_plain_integer(value)) {
            FieldKind::Integer
        } else if self.misfits(&FieldKind::Link) == 0 {
            FieldKind::Link
        } else {
            FieldKind::Text
        }
    }

    /// How many values a field of this type would not have taken.
    pub(crate) fn misfits(&self, kind: &FieldKind) -> usize {
        self.values.iter().filter(|value| !fits(kind, value)).count()
    }

    /// How many different values there are, if they are so few that this may be a dropdown.
    pub(crate) fn few_values(&self) -> Option<usize> {
        let different = self.values.iter().collect::<BTreeSet<_>>().len();
        (self.count() >= ENOUGH && different * REPEATED <= self.count()).then_some(different)
    }
}

/// Written as Desk would write the number: a phone or order number with a leading zero is a text.
fn is_plain_integer(value: &str) -> bool {
    value.parse::<i64>().is_ok_and(|number| number.to_string() == value)
}
