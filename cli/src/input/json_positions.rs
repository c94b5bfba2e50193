//! Where in a JSON text the value of a path stands: line, column and the text itself.
//!
//! Paths are written as `desk_handoff::json_reader` writes them. What is missing is placed where it
//! would stand: at the object that lacks it.

use std::collections::HashMap;
use std::ops::Range;

use desk_handoff::json_reader::{ReadError, join};
use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

/// The places of a document, found once.
pub(crate) struct Places<'t> {
    text: &'t str,
    ranges: HashMap<String, Range<usize>>,
    /// Paths of properties that stand twice in one object.
    repeated: Vec<String>,
}

/// A place in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place<'t> {
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    /// The whole line.
    pub(crate) whole: &'t str,
    /// What of the line is meant.
    pub(crate) text: &'t str,
}

impl<'t> Places<'t> {
    /// Those of a text that is JSON; of another text there are none but the whole.
    pub(crate) fn of(text: &'t str) -> Self {
        let mut places = Self { text, ranges: HashMap::new(), repeated: Vec::new() };
        // serde_json keeps no places of what it has read, and this parser does.
        let parsed = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default());
        if let Some(value) = parsed.ok().and_then(|parsed| parsed.value) {
            let range = value.range();
            places.visit("", &value, range.start..range.end);
        }
        places
    }

    /// What stands twice in one object: JSON would keep the last one in silence.
    pub(crate) fn repetitions(&self) -> impl Iterator<Item = ReadError> {
        let message = "is there twice, and only the last one counts";
        self.repeated
            .iter()
            .map(move |path| ReadError { path: path.clone(), message: message.to_owned() })
    }

    /// Where this path stands, or the nearest thing around it that is there.
    pub(crate) fn find(&self, path: &str) -> Place<'t> {
        let mut path = path;
        loop {
            if let Some(range) = self.ranges.get(path) {
                return self.place(range.clone());
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None if path.is_empty() => return self.place(0..self.text.len()),
                None => path = "",
            }
        }
    }

    /// Where this line and column are, as a parser of JSON counts them.
    pub(crate) fn at(&self, line: usize, column: usize) -> Place<'t> {
        let before = self.text.split_inclusive('\n').take(line.saturating_sub(1));
        let start: usize = before.map(str::len).sum();
        // The parser counts bytes, and may stand within a character.
        let mut at = (start + column.saturating_sub(1)).min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        self.place(at..self.text.len())
    }

    fn visit(&mut self, path: &str, value: &Value<'_>, range: Range<usize>) {
        self.ranges.insert(path.to_owned(), range);
        match value {
            Value::Object(object) => {
                for property in &object.properties {
                    let path = join(path, property.name.as_str());
                    if self.ranges.contains_key(&path) {
                        self.repeated.push(path.clone());
                    }
                    // JSON keeps the later value, so its place is kept as well.
                    let range = property.range();
                    self.visit(&path, &property.value, range.start..range.end);
                }
            }
            Value::Array(array) => {
                for (index, item) in array.elements.iter().enumerate() {
                    let range = item.range();
                    self.visit(&format!("{path}[{index}]"), item, range.start..range.end);
                }
            }
            Value::StringLit(_)
            | Value::NumberLit(_)
            | Value::BooleanLit(_)
            | Value::NullKeyword(_) => {}
        }
    }

    fn place(&self, range: Range<usize>) -> Place<'t> {
        let before = &self.text[..range.start];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let length = self.text[start..].find('\n').unwrap_or(self.text.len() - start);
        // A file from Windows ends its lines with a carriage return, too.
        let whole = self.text[start..start + length].trim_end_matches('\r');
        // An object goes over many lines, and only its first one is shown.
        let end = range.end.min(start + whole.len()).max(range.start);

        Place {
            line: before.matches('\n').count() + 1,
            column: self.text[start..range.start].chars().count() + 1,
            whole,
            text: &self.text[range.start..end],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "{\n  \"fields\": [\n    {\"key\": \"é\", \"type\": \"text\"}\n  ],\n  \"a b\": 1\n}";

    fn found(path: &str) -> (usize, usize, &'static str) {
        let place = Places::of(TEXT).find(path);
        (place.line, place.column, place.text)
    }

    #[test]
    fn property_is_found_with_its_name() {
        assert_eq!(found("fields[0].key"), (3, 6, "\"key\": \"é\""));
        assert_eq!(found("fields[0].type"), (3, 18, "\"type\": \"text\""));
        assert_eq!(found("[\"a b\"]"), (5, 3, "\"a b\": 1"));
    }

    #[test]
    fn missing_part_stands_at_its_object() {
        assert_eq!(found("fields[0].options"), (3, 5, "{\"key\": \"é\", \"type\": \"text\"}"));
        assert_eq!(found("ticket.title"), (1, 1, "{"));
        assert_eq!(found(""), (1, 1, "{"));
    }

    #[test]
    fn repeated_property_is_known() {
        assert_eq!(Places::of(r#"{"a": {"b": 1, "b": 2}, "c": 1}"#).repeated, ["a.b"]);
        assert!(Places::of(TEXT).repeated.is_empty());
    }

    #[test]
    fn place_of_a_parser_is_within_the_text() {
        for (line, column) in [(0, 0), (1, 1), (3, 14), (3, 99), (99, 1)] {
            let place = Places::of(TEXT).at(line, column);
            assert!(place.whole.ends_with(place.text), "{place:?}");
        }
        assert_eq!(Places::of("{\n  x").at(2, 3).column, 3);
    }
}
