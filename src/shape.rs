//! Reads a JSON value of unknown shape, and collects everything that is wrong with it, each with its path.
//!
//! Pure. A problem never repeats a value: the value may be a customer's, or a token. Used for what strangers write: the
//! body of a handoff ([`crate::handoff`]) and the `fields` parameter ([`crate::rules`]).

use std::fmt;

use serde_json::{Map, Value};

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Such as `data.conversation.user_id` or `fields[2].options`; empty for the whole.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.path, self.message) }
    }
}

/// Walks a value; what it cannot use it reports, and goes on.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) problems: Vec<Problem>,
}

impl Reader {
    /// `value`, or every problem met on the way to it.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Vec<Problem>> {
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(self.problems),
        }
    }

    pub(crate) fn report(&mut self, path: &str, message: impl Into<String>) {
        self.problems.push(Problem { path: path.to_owned(), message: message.into() });
    }

    pub(crate) fn object<'v>(&mut self, path: &str, value: &'v Value) -> Option<&'v Map<String, Value>> {
        if !value.is_object() {
            self.report(path, "must be an object");
        }
        value.as_object()
    }

    /// An object in which nothing but the `known` properties may stand.
    pub(crate) fn closed_object<'v>(
        &mut self,
        path: &str,
        value: &'v Value,
        known: &[&str],
    ) -> Option<&'v Map<String, Value>> {
        let parts = self.object(path, value)?;
        for name in parts.keys().filter(|name| !known.contains(&name.as_str())) {
            self.report(&join(path, name), format!("is not known here; known are {}", known.join(", ")));
        }
        Some(parts)
    }

    pub(crate) fn array<'v>(&mut self, path: &str, value: &'v Value) -> &'v [Value] {
        if !value.is_array() {
            self.report(path, "must be an array");
        }
        value.as_array().map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn string<'v>(&mut self, path: &str, value: &'v Value) -> Option<&'v str> {
        if !value.is_string() {
            self.report(path, "must be a string");
        }
        value.as_str()
    }

    /// A string with something in it.
    pub(crate) fn filled<'v>(&mut self, path: &str, value: &'v Value) -> Option<&'v str> {
        let text = self.string(path, value)?;
        if text.trim().is_empty() {
            self.report(path, "must not be empty");
            return None;
        }
        Some(text)
    }

    pub(crate) fn required<'v>(&mut self, path: &str, parts: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
        let value = present(parts, name);
        if value.is_none() {
            self.report(&join(path, name), "is required");
        }
        value
    }
}

/// A property that is there and not null.
pub(crate) fn present<'v>(parts: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    parts.get(name).filter(|value| !value.is_null())
}

/// `a.b`, or `a["b c"]` where the name is not a plain word.
pub(crate) fn join(path: &str, name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || "_-$".contains(char));
    match (path, plain) {
        ("", true) => name.to_owned(),
        (_, true) => format!("{path}.{name}"),
        (_, false) => format!("{path}[{name:?}]"),
    }
}
