//! Near names: what a key, or a dropdown's value, was probably meant to be.
//!
//! Pure. A suggestion is shown to a person and never acted on: a key matches exactly or not at all.

use crate::rules::{FieldKey, MAX_KEY, MAX_VALUE};

/// How many keys that match nothing are likened to the fields for a hint: a context of a quarter of
/// a mebibyte has tens of thousands, and each would be held against every field.
const MAX_LIKENED: usize = 100;

/// What a text may have been meant for, each beside its letters and digits.
pub(super) struct Candidates<'c>(Vec<(&'c str, String)>);

impl<'c> FromIterator<&'c str> for Candidates<'c> {
    fn from_iter<I: IntoIterator<Item = &'c str>>(texts: I) -> Self {
        Self(texts.into_iter().map(|text| (text, letters(text))).collect())
    }
}

impl<'c> Candidates<'c> {
    /// The candidate that was probably meant: the same letters and digits in the same order, else
    /// one slip of the pen away.
    pub(super) fn near(&self, text: &str) -> Option<&'c str> {
        // Whatever is this long is no slip of the pen, and a caller may send it thousands of times.
        if text.len() > 4 * MAX_VALUE {
            return None;
        }

        let wanted = letters(text);
        let same = self.0.iter().find(|(_, letters)| *letters == wanted);
        let close = |(text, letters): &&(&str, String)| {
            // Short words are one slip away from each other by chance.
            let comparable = text.len() <= MAX_VALUE && wanted.len().min(letters.len()) >= 4;
            comparable
                && wanted.len().abs_diff(letters.len()) <= 4
                && strsim::osa_distance(&wanted, letters) <= 1
        };

        same.or_else(|| self.0.iter().find(close)).map(|(text, _)| *text)
    }
}

/// The fields, for so many keys that may be likened to them.
pub(super) struct Likened<'c> {
    fields: Candidates<'c>,
    left: usize,
}

impl<'c> Likened<'c> {
    /// For [`MAX_LIKENED`] keys.
    pub(super) fn new(fields: impl Iterator<Item = &'c str>) -> Self {
        Self { fields: fields.collect(), left: MAX_LIKENED }
    }

    pub(super) fn near(&mut self, key: &str) -> Option<&'c str> {
        self.left = self.left.checked_sub(1)?;
        self.fields.near(key)
    }
}

fn letters(text: &str) -> String {
    text.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The key as Desk could know it: `orderId`, `order_id`, `Order Id` become `order-id`; too long a
/// one ends at a dash.
pub(super) fn legal_form(key: &str) -> Option<String> {
    let mut form = String::new();
    let mut after_small = false;
    // A key may be of any length, and most of it would be cut off below.
    for char in key.chars().take(4 * MAX_KEY) {
        if char.is_ascii_alphanumeric() {
            if char.is_ascii_uppercase() && after_small {
                form.push('-');
            }
            form.push(char.to_ascii_lowercase());
        } else if !form.ends_with('-') {
            form.push('-');
        }
        after_small = char.is_ascii_lowercase() || char.is_ascii_digit();
    }

    let mut form = form.trim_matches('-').replace("--", "-");
    if form.len() > MAX_KEY {
        let end = form[..=MAX_KEY].rfind('-').unwrap_or(MAX_KEY);
        form.truncate(end);
    }

    FieldKey::parse(&form).map(|key| key.as_str().to_owned())
}
