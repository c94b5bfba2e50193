//! Reads a JSON value of unknown shape, and collects everything that is wrong with it, each with
//! its path.
//!
//! Pure. A problem never repeats a value: the value may be a customer's, or a token. Used for what
//! strangers write: the body of a handoff ([`crate::handoff`]) and the `fields` parameter
//! ([`crate::rules`]).

use std::fmt;

use serde_json::{Map, Value};

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// Such as `data.conversation.user_id` or `fields[2].options`; empty for the whole.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// The properties of an object.
pub type Object = Map<String, Value>;

/// Walks a value; what it cannot use it reports, and goes on.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) problems: Vec<ReadError>,
}

impl Reader {
    /// `value`, or every problem met on the way to it.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Vec<ReadError>> {
        match value {
            // What was read in part is not used: its missing half would be missed by nobody.
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(self.problems),
        }
    }

    pub(crate) fn report(&mut self, path: &str, message: impl Into<String>) {
        self.problems.push(ReadError { path: path.to_owned(), message: message.into() });
    }

    pub(crate) fn object<'v>(&mut self, path: &str, value: &'v Value) -> Option<&'v Object> {
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
    ) -> Option<&'v Object> {
        let parts = self.object(path, value)?;
        for name in parts.keys().filter(|name| !known.contains(&name.as_str())) {
            self.report(
                &join(path, name),
                format!("is not known here; known are {}", known.join(", ")),
            );
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

    pub(crate) fn required<'v>(
        &mut self,
        path: &str,
        parts: &'v Object,
        name: &str,
    ) -> Option<&'v Value> {
        let value = present(parts, name);
        if value.is_none() {
            self.report(&join(path, name), "is required");
        }
        value
    }
}

/// JSON as JavaScript writes it: half of a surrogate pair, as of a text that was cut within an
/// emoji, stands for U+FFFD.
///
/// # Errors
/// What is not JSON, with its place.
pub fn json(text: &str) -> serde_json::Result<Value> {
    // What stands for it is as long as it is, so an error keeps its place.
    serde_json::from_str(text).or_else(|_| serde_json::from_str(&whole_pairs(text)))
}

/// The text with every escaped half of a pair replaced.
fn whole_pairs(text: &str) -> String {
    let unit = |at: usize| {
        let digits = text.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let (mut whole, mut copied, mut at) = (String::new(), 0, 0);

    while let Some(next) = text[at..].find('\\') {
        at += next;
        at += match unit(at) {
            Some(0xD800..=0xDBFF) if matches!(unit(at + 6), Some(0xDC00..=0xDFFF)) => 12,
            Some(0xD800..=0xDFFF) => {
                whole.push_str(&text[copied..at]);
                whole.push_str("\\ufffd");
                copied = at + 6;
                6
            }
            // The backslash and what it escapes, which may be a backslash.
            _ => 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
        };
    }

    whole + &text[copied..]
}

/// A property that is there and not null.
pub(crate) fn present<'v>(parts: &'v Object, name: &str) -> Option<&'v Value> {
    parts.get(name).filter(|value| !value.is_null())
}

/// `a.b`, or `a["b c"]` where the name is not a plain word.
pub fn join(path: &str, name: &str) -> String {
    let plain = !name.is_empty()
        && name.chars().all(|char| char.is_ascii_alphanumeric() || "_-$".contains(char));
    match (path, plain) {
        ("", true) => name.to_owned(),
        (_, true) => format!("{path}.{name}"),
        (_, false) => format!("{path}[{name:?}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_a_surrogate_pair_is_replaced() {
        for (text, expected) in [
            (r#""abc\ud83d""#, "abc\u{fffd}"),
            (r#""\ud83d\ude00\uD83D""#, "\u{1f600}\u{fffd}"),
            (r#""\ude00\ud83dx""#, "\u{fffd}\u{fffd}x"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
            (r#""\\ud83d \ud83d\n""#, "\\ud83d \u{fffd}\n"),
            (r#""é\ud83dé""#, "é\u{fffd}é"),
        ] {
            assert_eq!(json(text).unwrap(), Value::from(expected), "{text}");
        }
    }

    #[test]
    fn invalid_json_keeps_its_place() {
        for text in [r#"{"a": "\ud83"}"#, r#"{"a": "\ud83d"#, "\\", r#""\"#, r#""\é""#, ""] {
            assert!(json(text).is_err(), "{text}");
        }
        let error = json("{\n  \"a\": \"\\ud83d\",\n  b}").unwrap_err();
        assert_eq!((error.line(), error.column()), (3, 3));
    }

    proptest! {
        #[test]
        fn whatever_is_json_already_is_read_as_it_is(text in r#"["\\\PCdcu8-f0-9]{0,40}"#) {
            match serde_json::from_str::<Value>(&text) {
                Ok(value) => prop_assert_eq!(json(&text).unwrap(), value),
                Err(_) => { let _ = json(&text); }
            }
        }

        #[test]
        fn any_units_of_a_javascript_string_can_be_read(units in prop::collection::vec(any::<u16>(), 0..30)) {
            let text: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            prop_assert_eq!(json(&format!("\"{text}\"")).unwrap(), Value::from(String::from_utf16_lossy(&units)));
        }
    }
}
