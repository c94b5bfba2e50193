//! What a field of each type takes, and how a context value becomes the text that is sent.
//!
//! Pure. A value is sent as it is, cut at Desk's limit, or not at all.

use serde_json::Value;
use url::Url;

use super::matched::OutcomeDetails;
use super::outcome::Outcome;
use super::suggestion::Candidates;
use crate::rules::{FieldKind, MAX_VALUE};

/// Null or blank.
pub(super) fn is_empty(value: Option<&Value>) -> bool {
    value.is_none_or(|value| {
        value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
    })
}

/// The text to send for a value, and whether it was cut; or why none is sent.
pub(super) fn convert(
    kind: &FieldKind,
    value: Option<&Value>,
) -> Result<(String, bool), OutcomeDetails> {
    let text = match value {
        None | Some(Value::Null) => return Err(Outcome::Empty.into()),
        Some(Value::Array(_) | Value::Object(_)) => return Err(Outcome::NotScalar.into()),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        // Desk knows strings only (desk-wire section 4), so it gets what the sender would have
        // quoted.
        Some(Value::Bool(truth)) => truth.to_string(),
    };

    if text.trim().is_empty() {
        return Err(Outcome::Empty.into());
    }
    match kind {
        FieldKind::Text => {
            let cut = cut(&text, MAX_VALUE);
            let truncated = cut.len() < text.len();
            // The text may begin with more blanks than a field takes.
            if cut.trim().is_empty() {
                Err(Outcome::Empty.into())
            } else {
                // Not trimmed: what blanks mean is Desk's to say (desk-wire section 9, question 4).
                Ok((cut.to_owned(), truncated))
            }
        }
        // Whole or not at all: a part of a number or of a link is another one.
        FieldKind::Integer | FieldKind::Link | FieldKind::Dropdown(_) if fits(kind, &text) => {
            Ok((text, false))
        }
        FieldKind::Integer | FieldKind::Link => Err(Outcome::WrongType.into()),
        FieldKind::Dropdown(options) => {
            let near = Candidates::from_iter(options.iter().map(String::as_str)).near(&text);
            Err(OutcomeDetails::with_hint(Outcome::NotAnOption, near.map(str::to_owned)))
        }
    }
}

/// Whether a field of this type takes the text; a text field takes any, if need be cut.
pub fn fits(kind: &FieldKind, text: &str) -> bool {
    match kind {
        FieldKind::Text => true,
        FieldKind::Integer => is_integer(text),
        FieldKind::Link => is_link(text),
        FieldKind::Dropdown(options) => options.iter().any(|option| option == text),
    }
}

/// As much of the text's beginning as fits into `limit` UTF-16 units, without half a character.
pub fn cut(text: &str, limit: usize) -> &str {
    let mut units = 0;
    let end = text.char_indices().find(|(_, char)| {
        units += char.len_utf16();
        units > limit
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// As much of the text's beginning as fits into `limit` bytes, without half a character.
pub fn cut_bytes(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// Decimal digits with at most one minus sign, within 64 bits.
fn is_integer(text: &str) -> bool {
    // No plus sign and no blanks: Desk drops what it does not take for a number, without an error.
    text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<i64>().is_ok()
}

/// An http or https address that arrives whole: half a link is a wrong one. Browsers read
/// `HTTPS:\\a.b` as one too; what Desk does with it nobody knows.
fn is_link(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let web = rest.is_some_and(|rest| !rest.starts_with(['/', '\\'])) && Url::parse(text).is_ok();
    let clean = !text.chars().any(|char| char.is_whitespace() || char.is_control());
    clean && web && text.encode_utf16().count() <= MAX_VALUE
}
