//! Ticket fields: their definitions, the stored values, and Desk's own rules for what is stored.
//! Pure. It takes keys to be unique. It stores all that a call may store or, where the call is
//! refused, nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::behaviour::Behaviour;
use crate::choices::{
    Clearing, NestedFields, OptionCase, Reaction, RepeatedWrite, TooLong, ValueUnit,
};
use crate::refusal::Refusal;

const LONGEST_KEY: usize = 20;
const LONGEST_VALUE: usize = 190;
const MOST_FIELDS: usize = 20;

/// A field as somebody defined it in the dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDefinition {
    /// Its key.
    pub key: String,
    /// Its type.
    pub kind: FieldKind,
}

impl FieldDefinition {
    /// A definition.
    pub fn new(key: impl Into<String>, kind: FieldKind) -> Self {
        Self { key: key.into(), kind }
    }
}

/// The type of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldKind {
    /// Any text.
    Text,
    /// A whole number that fits into 64 bits. The only type that also takes a JSON number.
    Integer,
    /// An address that begins with `http://` or `https://`.
    Link,
    /// One of these, letter for letter.
    Dropdown(Vec<String>),
}

/// The values of one ticket, in the order they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Values(Vec<(String, String)>);

impl Values {
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == key)?;
        Some(value)
    }

    /// Stores a value without asking any rule.
    pub(crate) fn set(&mut self, key: String, value: String) {
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some(stored) => stored.1 = value,
            None => self.0.push((key, value)),
        }
    }

    fn is_full(&self) -> bool {
        self.0.len() >= MOST_FIELDS
    }

    fn remove(&mut self, key: &str) {
        self.0.retain(|(known, _)| known != key);
    }

    /// As the API shows them; their ids follow from the ticket's.
    pub(crate) fn json(&self, ticket: u64) -> Value {
        let shown = (ticket * 100..)
            .zip(&self.0)
            .map(|(id, (key, value))| json!({"id": id, "key": key, "value": value}));
        shown.collect()
    }
}

/// What a write of fields is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) definitions: &'a [FieldDefinition],
    pub(crate) behaviour: &'a Behaviour,
}

/// What becomes of one key of a call.
enum Fate {
    Store(String, String),
    /// The field has no value any more.
    Remove(String),
    /// Left out without a word.
    LeaveOut,
    /// Left out with all the other keys of the call.
    LeaveOutAll,
}

impl Rules<'_> {
    /// `stored` with what of `sent`, the `customFields` of a call, is to be stored.
    pub(crate) fn merged(self, stored: &Values, sent: &Value) -> Result<Values, Refusal> {
        let mut merged = stored.clone();
        let mut stores_any = false;

        for (key, value) in self.opened(sent)? {
            match self.fate(&key, &value)? {
                // A full ticket still takes another value for a field that it has.
                Fate::Store(key, _) if merged.get(&key).is_none() && merged.is_full() => {
                    if let Fate::LeaveOutAll = without(self.behaviour.extra_field, too_many)? {
                        return Ok(stored.clone());
                    }
                }
                Fate::Store(key, value) => {
                    stores_any = true;
                    merged.set(key, value);
                }
                Fate::Remove(key) => merged.remove(&key),
                Fate::LeaveOut => {}
                Fate::LeaveOutAll => return Ok(stored.clone()),
            }
        }

        // A call of which nothing was stored repeats nothing.
        let repeats = stores_any && merged == *stored;
        match self.behaviour.repeated_write {
            RepeatedWrite::Refuse if repeats => Err(Refusal::invalid("Nothing would change.")),
            RepeatedWrite::Refuse | RepeatedWrite::Accept => Ok(merged),
        }
    }

    fn opened(self, sent: &Value) -> Result<Map<String, Value>, Refusal> {
        let refusal = || Refusal::invalid("customFields: a JSON string of an object is expected.");
        match (sent, self.behaviour.nested_fields) {
            (Value::String(text), _) => serde_json::from_str(text).map_err(|_| refusal()),
            (Value::Object(map), NestedFields::Accept) => Ok(map.clone()),
            (Value::Object(_), NestedFields::Ignore) => Ok(Map::new()),
            (Value::Object(_), NestedFields::Refuse) => Err(refusal()),
            (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_), _) => {
                Err(refusal())
            }
        }
    }

    fn fate(self, key: &str, value: &Value) -> Result<Fate, Refusal> {
        let behaviour = self.behaviour;
        // The length is looked at before the name: a key that is cut may be one that is defined.
        let Some(key) = limited(key, LONGEST_KEY, |_| 1, behaviour.long_key)? else {
            return Ok(Fate::LeaveOut);
        };
        let Some(definition) = self.definitions.iter().find(|definition| definition.key == key)
        else {
            return without(behaviour.unknown_key, || format!("There is no custom field {key:?}."));
        };
        if value.is_null() {
            return cleared(behaviour.null_value, key);
        }

        let wrong = || format!("The value of custom field {key:?} does not match its type.");
        let Some(text) = self.text(&definition.kind, value) else {
            return without(behaviour.wrong_value, wrong);
        };
        // Of the other types an empty text is a wrong value.
        if text.is_empty() && definition.kind == FieldKind::Text {
            return cleared(behaviour.empty_value, key);
        }
        // Before the type is tried: what is cut must still be of it.
        let Some(text) = limited(&text, LONGEST_VALUE, self.unit(), behaviour.long_value)? else {
            return Ok(Fate::LeaveOut);
        };

        match self.conforming(&definition.kind, text) {
            Ok(text) => Ok(Fate::Store(key, text)),
            Err(reaction) => without(reaction, wrong),
        }
    }

    fn text(self, kind: &FieldKind, value: &Value) -> Option<String> {
        match value {
            Value::String(text) if self.behaviour.trim => Some(text.trim().to_owned()),
            Value::String(text) => Some(text.clone()),
            Value::Number(number) if *kind == FieldKind::Integer => Some(number.to_string()),
            _ => None,
        }
    }

    fn unit(self) -> fn(char) -> usize {
        match self.behaviour.value_unit {
            ValueUnit::Utf16 => char::len_utf16,
            ValueUnit::Bytes => char::len_utf8,
            ValueUnit::CodePoints => |_| 1,
        }
    }

    /// As it is to be stored, or what becomes of a value that is not of this type.
    fn conforming(self, kind: &FieldKind, text: String) -> Result<String, Reaction> {
        let behaviour = self.behaviour;
        match kind {
            FieldKind::Text => Ok(text),
            FieldKind::Integer => match text.parse::<i64>() {
                Ok(number) if behaviour.normalise_integers => Ok(number.to_string()),
                Ok(_) => Ok(text),
                Err(_) => Err(behaviour.wrong_value),
            },
            FieldKind::Link if !is_link(&text) => Err(behaviour.wrong_value),
            FieldKind::Link if behaviour.normalise_links => Ok(with_lower_host(&text)),
            FieldKind::Link => Ok(text),
            FieldKind::Dropdown(options) => {
                let same = |option: &&String| match behaviour.option_case {
                    OptionCase::Exact => **option == text,
                    OptionCase::Ignore => option.to_lowercase() == text.to_lowercase(),
                };
                options.iter().find(same).cloned().ok_or(behaviour.bad_option)
            }
        }
    }
}

/// What a Desk with these ticket fields and this behaviour stores of the `customFields` of a call
/// about a new ticket.
///
/// # Errors
///
/// What it says when it refuses the call.
pub fn stored(
    definitions: &[FieldDefinition],
    behaviour: &Behaviour,
    sent: &Value,
) -> Result<BTreeMap<String, String>, String> {
    let merged = Rules { definitions, behaviour }.merged(&Values::default(), sent);
    merged.map(|values| values.0.into_iter().collect()).map_err(|refusal| refusal.detail)
}

/// What a reaction makes of the call: it goes on without the key, or without any, or is refused.
fn without(reaction: Reaction, detail: impl FnOnce() -> String) -> Result<Fate, Refusal> {
    match reaction {
        Reaction::Drop => Ok(Fate::LeaveOut),
        Reaction::DropAll => Ok(Fate::LeaveOutAll),
        Reaction::Refuse => Err(Refusal::invalid(detail())),
    }
}

fn cleared(clearing: Clearing, key: String) -> Result<Fate, Refusal> {
    match clearing {
        Clearing::Store => Ok(Fate::Store(key, String::new())),
        Clearing::Remove => Ok(Fate::Remove(key)),
        Clearing::Keep => Ok(Fate::LeaveOut),
        Clearing::Refuse => {
            Err(Refusal::invalid(format!("Custom field {key:?} may not be empty.")))
        }
    }
}

fn too_many() -> String {
    format!("More than {MOST_FIELDS} custom fields.")
}

fn limited(
    text: &str,
    longest: usize,
    unit: fn(char) -> usize,
    too_long: TooLong,
) -> Result<Option<String>, Refusal> {
    let mut length = 0;
    // Between characters: half of one is no text.
    let over = text.char_indices().find_map(|(at, character)| {
        length += unit(character);
        (length > longest).then_some(at)
    });

    match (over, too_long) {
        (None, _) => Ok(Some(text.to_owned())),
        (Some(at), TooLong::Truncate) => Ok(Some(text[..at].to_owned())),
        (Some(_), TooLong::Drop) => Ok(None),
        (Some(_), TooLong::Refuse) => Err(Refusal::invalid(format!(
            "Ensure that a custom field has no more than {longest} characters."
        ))),
    }
}

/// With the scheme and the host in lower case.
fn with_lower_host(link: &str) -> String {
    // The first two slashes stand before the host, the third one behind it.
    let host_ends = link.match_indices('/').nth(2).map_or(link.len(), |(at, _)| at);
    let (host, path) = link.split_at(host_ends);
    format!("{}{path}", host.to_lowercase())
}

fn is_link(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace)
    })
}
