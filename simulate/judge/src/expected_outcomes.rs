//! What a handoff wants, and what becomes of every key without asking Desk: a small implementation
//! of the documented rules (README, "The `fields` document" and "Outcomes"), of its own.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::history::PRIORITY;

/// What a handoff wants.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Field key to the text that is to be in it.
    pub fields: BTreeMap<String, String>,
    /// The outcome of every context key that is settled without Desk.
    pub settled: BTreeMap<String, &'static str>,
    /// Which field each context key fills.
    pub fills: BTreeMap<String, String>,
}

const MAX_FIELDS: usize = 20;

/// Works it out.
pub fn wanted(rules: &Value, context: &Map<String, Value>) -> Wanted {
    let mut wanted = Wanted::default();
    let empty = Vec::new();
    let listed = rules.get("fields").and_then(Value::as_array);
    let defined: Vec<&str> =
        listed.unwrap_or(&empty).iter().filter_map(|field| field["key"].as_str()).collect();
    let denied = |key: &str| {
        let on_list =
            rules["deny"].as_array().is_some_and(|deny| deny.iter().any(|item| item == key));
        let guards = rules["deny_credentials"] != false;
        on_list || (guards && !defined.contains(&key) && says_credential(key))
    };
    let aliases = rules["aliases"].as_object().cloned().unwrap_or_default();

    match listed {
        Some(fields) => {
            for field in fields {
                fill(field, &aliases, context, &denied, &mut wanted);
            }
        }
        None => {
            for (key, value) in context {
                if is_legal(key) && !denied(key) {
                    put(key, "text", &[], value, &mut wanted, key);
                }
            }
        }
    }
    if let Some(source) = rules["ticket"]["priority"]["from"].as_str().filter(|key| !denied(key))
        && let Some(priority) = context.get(source).and_then(Value::as_str)
    {
        wanted.fields.insert(PRIORITY.to_owned(), priority.to_owned());
        wanted.fills.insert(source.to_owned(), PRIORITY.to_owned());
    }
    for key in context.keys() {
        if denied(key) {
            wanted.settled.insert(key.clone(), "denied");
        } else if !wanted.settled.contains_key(key) && !wanted.fills.contains_key(key) {
            wanted
                .settled
                .insert(key.clone(), if is_legal(key) { "unmatched" } else { "invalid-key" });
        }
    }
    wanted
}

fn fill(
    field: &Value,
    aliases: &Map<String, Value>,
    context: &Map<String, Value>,
    denied: &dyn Fn(&str) -> bool,
    wanted: &mut Wanted,
) {
    let key = field["key"].as_str().unwrap_or_default();
    let kind = field["type"].as_str().unwrap_or("text");
    let options: Vec<&str> =
        field["options"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let from = field["from"].as_str().filter(|from| !from.starts_with('$') && *from != key);
    let named =
        aliases.iter().filter(|(_, target)| *target == key).map(|(alias, _)| alias.as_str());
    let sources: Vec<&str> = std::iter::once(key).chain(named).chain(from).collect();

    let mut filled = false;
    for source in sources {
        let Some(value) = context.get(source).filter(|_| !denied(source)) else { continue };
        if is_blank(value) {
            wanted.settled.entry(source.to_owned()).or_insert("empty");
        } else if filled {
            wanted.settled.entry(source.to_owned()).or_insert("superseded");
        } else {
            filled = true;
            put(key, kind, &options, value, wanted, source);
        }
    }
}

fn put(key: &str, kind: &str, options: &[&str], value: &Value, wanted: &mut Wanted, source: &str) {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null => String::new(),
        Value::Array(_) | Value::Object(_) => {
            wanted.settled.insert(source.to_owned(), "not-scalar");
            return;
        }
    };

    let refusal = match kind {
        _ if text.trim().is_empty() => Some("empty"),
        "integer" if text.parse::<i64>().is_err() || text.starts_with('+') => Some("wrong-type"),
        "link" if !(text.starts_with("https://") || text.starts_with("http://")) => {
            Some("wrong-type")
        }
        "dropdown" if !options.contains(&text.as_str()) => Some("not-an-option"),
        _ if wanted.fields.len() >= MAX_FIELDS => Some("over-limit"),
        _ => None,
    };

    match refusal {
        Some(outcome) => {
            wanted.settled.insert(source.to_owned(), outcome);
        }
        None => {
            let text: String = text.chars().take(190).collect();
            wanted.fields.insert(key.to_owned(), text);
            wanted.fills.insert(source.to_owned(), key.to_owned());
        }
    }
}

fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn is_legal(key: &str) -> bool {
    let legal = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
    (1..=20).contains(&key.len()) && key.chars().all(legal)
}

/// The few credential keys that simulated senders use.
fn says_credential(key: &str) -> bool {
    let key = key.to_lowercase().replace(['_', '-'], "");
    ["token", "secret", "password", "apikey"].iter().any(|word| key.contains(word))
}
