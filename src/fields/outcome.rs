//! What became of a context key, and the lines that say so.
//!
//! Pure. A line names a key, never its value, unless it is a preview's.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What became of a context key or of a field with a source of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Sent, and Desk's answer holds it.
    Written,
    /// As written, cut to the field's limit at a character boundary.
    Truncated,
    /// Desk already holds this value.
    Unchanged,
    /// Desk holds another value, which the rules keep.
    Kept,
    /// No field has this key.
    Unmatched,
    /// Breaks the key rule, so can never match.
    InvalidKey,
    /// Not an integer, not an http(s) link, or a link too long to be sent whole.
    WrongType,
    /// Not among the dropdown's options.
    NotAnOption,
    /// An object or an array.
    NotScalar,
    /// Null or blank: never sent, so never clears a field.
    Empty,
    /// On the deny list, or it looks like a credential.
    Denied,
    /// A better source filled its field; `by` names it.
    Superseded,
    /// Beyond Desk's 20 fields.
    OverLimit,
    /// Sent, and Desk refused it or does not hold it.
    Rejected,
    /// Would have been sent, but the rules leave the ticket alone (`when_missing`, `when_closed`).
    Left,
}

impl Outcome {
    /// Whether the human agent finds the value in the ticket.
    pub fn is_filled(self) -> bool {
        matches!(self, Self::Written | Self::Truncated | Self::Unchanged)
    }

    /// Whether the human agent looks for the value in vain, against the sender's will.
    pub fn is_missed(self) -> bool {
        match self {
            Self::Unmatched
            | Self::InvalidKey
            | Self::WrongType
            | Self::NotAnOption
            | Self::NotScalar
            | Self::OverLimit
            | Self::Rejected => true,
            Self::Written
            | Self::Truncated
            | Self::Unchanged
            | Self::Kept
            | Self::Empty
            | Self::Denied
            | Self::Superseded
            | Self::Left => false,
        }
    }
}

/// As every answer spells it.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// One line of the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The context key, or the key of a field with a source of its own.
    pub key: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The ticket field that it went to, where the name differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What would have matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The source that filled the field instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What would be sent: in a preview only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Private>,
    /// Whether the better source said the same.
    #[serde(skip)]
    pub agrees: bool,
}

impl Entry {
    /// Whether the human agent looks for the value in vain, against the sender's will.
    pub fn is_missed(&self) -> bool {
        // That a better source said the same is nothing that anybody misses.
        self.outcome.is_missed() || (self.outcome == Outcome::Superseded && !self.agrees)
    }
}

/// A customer's value. Serialises as itself, prints as nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Private(String);

impl Private {
    /// The value itself, on its way to Desk or into a preview.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Private {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Also where a whole struct is printed: no value may reach a log line.
        f.write_str("(private)")
    }
}
