//! The ticket fields that the probe may write to: those of the user's fields document, one of each
//! type. Pure. It invents no key: a Desk that stored an invented one would keep it.

use std::collections::BTreeMap;

use desk_handoff::rules::{Field, FieldKind, MAX_KEY};

/// White space around it shows whether values are trimmed.
pub(crate) const TEXT: &str = "  probe  ";
/// Shows whether integers are respelt.
pub(crate) const INTEGER: &str = "007";
/// Shows whether links are respelt.
pub(crate) const LINK: &str = "https://EXAMPLE.com/probe";

/// One key of each type, as far as there are.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownFields {
    document: Vec<Field>,
    /// Whatever is asked about texts is asked of this one.
    pub(crate) text: Option<String>,
    /// A text field whose key is as long as a key may be: only with it a key that is cut can be
    /// told from one that is left out.
    pub(crate) longest_key: Option<String>,
    pub(crate) integer: Option<String>,
    pub(crate) link: Option<String>,
    pub(crate) dropdown: Option<Dropdown>,
    /// Every field of the document with a value that its type takes.
    pub(crate) good: BTreeMap<String, String>,
}

/// A dropdown with an option in which upper and lower case differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dropdown {
    pub(crate) key: String,
    /// An option, its upper and lower case exchanged.
    pub(crate) swapped: String,
}

impl KnownFields {
    pub(crate) fn of(fields: &[Field]) -> Self {
        let first = |wanted: &FieldKind| {
            let found = fields.iter().find(|field| field.kind == *wanted);
            found.map(|field| field.key.to_string())
        };
        let texts = || fields.iter().filter(|field| field.kind == FieldKind::Text);
        let is_longest = |field: &&Field| field.key.as_str().len() == MAX_KEY;
        // The longest key is wanted for another question; one field for both does as well.
        let text = texts().find(|field| !is_longest(field)).or_else(|| texts().next());
        let dropdown = fields.iter().find_map(dropdown);

        Self {
            document: fields.to_vec(),
            text: text.map(|field| field.key.to_string()),
            longest_key: texts().find(is_longest).map(|field| field.key.to_string()),
            integer: first(&FieldKind::Integer),
            link: first(&FieldKind::Link),
            good: fields.iter().filter_map(|field| good(field, dropdown.as_ref())).collect(),
            dropdown,
        }
    }

    /// Only the values that show how Desk spells them.
    pub(crate) fn spelt(&self) -> BTreeMap<String, String> {
        let spelt = [&self.text, &self.integer, &self.link];
        let keys = spelt.into_iter().flatten();
        keys.filter_map(|key| Some((key.clone(), self.good.get(key)?.clone()))).collect()
    }

    /// Those under whose keys something is stored: of the others nothing can be asked.
    pub(crate) fn stored(&self, is_stored: impl Fn(&str) -> bool) -> Self {
        let stored = self.document.iter().filter(|field| is_stored(field.key.as_str()));
        let stored: Vec<Field> = stored.cloned().collect();
        Self::of(&stored)
    }
}

/// The value to begin with. Of the dropdown that is asked about it is another option than the one
/// that is sent in another case later, so that both can be told apart.
fn good(field: &Field, asked: Option<&Dropdown>) -> Option<(String, String)> {
    let key = field.key.to_string();
    let value = match &field.kind {
        FieldKind::Text => TEXT,
        FieldKind::Integer => INTEGER,
        FieldKind::Link => LINK,
        FieldKind::Dropdown(options) => {
            let is_asked = asked.is_some_and(|asked| asked.key == key);
            if is_asked { options.last()? } else { options.first()? }
        }
    };
    Some((key, value.to_owned()))
}

/// Of the first of its options, if that can be spelt in another case and is then no option.
fn dropdown(field: &Field) -> Option<Dropdown> {
    let FieldKind::Dropdown(options) = &field.kind else { return None };
    let [first, _, ..] = options.as_slice() else { return None };
    let swapped = swapped(first);
    let key = field.key.to_string();
    (!options.contains(&swapped)).then_some(Dropdown { key, swapped })
}

fn swapped(text: &str) -> String {
    // Of other letters the other case may be longer, or more than one.
    let swap = |char: char| match char {
        'a'..='z' => char.to_ascii_uppercase(),
        'A'..='Z' => char.to_ascii_lowercase(),
        other => other,
    };
    text.chars().map(swap).collect()
}

#[cfg(test)]
mod tests {
    use desk_handoff::rules::Rules;
    use serde_json::json;

    use super::*;

    fn known(fields: serde_json::Value) -> KnownFields {
        let rules = Rules::parse(&json!({ "fields": fields }).to_string()).unwrap();
        KnownFields::of(&rules.fields.unwrap())
    }

    #[test]
    fn one_field_of_each_type_is_taken() {
        let known = known(json!([
            {"key": "a-key-of-20-letters-", "type": "text"}, {"key": "note", "type": "text"},
            {"key": "items", "type": "integer"}, {"key": "page", "type": "link"},
            {"key": "tier", "type": "dropdown", "options": ["gold", "silver"]}
        ]));
        assert_eq!(known.text.as_deref(), Some("note"));
        assert_eq!(known.longest_key.as_deref(), Some("a-key-of-20-letters-"));
        assert_eq!(known.dropdown.unwrap().swapped, "GOLD");

        assert_eq!(known.good.len(), 5);
        assert_eq!(known.good["tier"], "silver");
    }

    #[test]
    fn option_without_letters_or_alone_is_not_asked() {
        for options in [json!(["1", "2"]), json!(["big"]), json!(["big", "BIG"])] {
            let known = known(json!([{"key": "size", "type": "dropdown", "options": options}]));
            assert_eq!((known.dropdown, known.good.len()), (None, 1));
        }
    }

    #[test]
    fn unstored_key_gives_way_to_another() {
        let known = known(json!([
            {"key": "gone", "type": "text"}, {"key": "note", "type": "text"},
            {"key": "items", "type": "integer"}
        ]));
        assert_eq!(known.text.as_deref(), Some("gone"));
        let stored = known.stored(|key| key == "note");

        assert_eq!((stored.text.as_deref(), stored.integer), (Some("note"), None));
    }
}
