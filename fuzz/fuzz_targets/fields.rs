//! Our matcher against a strict Desk: whatever we send, the emulator, which shares no code with us
//! and here refuses what it could drop, stores as it was sent.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use desk_emulator::{Behaviour, FieldDefinition, FieldKind as Kind, Reaction, TooLong, stored};
use desk_handoff::config::AppId;
use desk_handoff::fields::{FieldValue, match_fields};
use desk_handoff::handoff::{Event, parse};
use desk_handoff::rules::{FieldKind, Rules};
use desk_handoff::ticket::plan::holds;
use desk_handoff::ticket::{StoredText, Ticket};
use desk_handoff_fuzz::authenticated;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

const KEYS: [&str; 8] =
    ["order-id", "items", "link", "tier", "lang", "orderId", "a", "averyveryverylongkeyx"];

const PREFIXES: [&str; 8] = [
    "https://",
    "http://",
    "https:",
    "HTTP://",
    "https:///",
    "http:\\\\",
    "javascript://",
    "https://u:p@",
];

#[derive(Debug, Arbitrary)]
enum Key<'a> {
    Known(u8),
    Any(&'a str),
}

impl Key<'_> {
    fn text(&self) -> String {
        match self {
            Self::Known(index) => KEYS[usize::from(*index) % KEYS.len()].to_owned(),
            Self::Any(text) => (*text).to_owned(),
        }
    }
}

#[derive(Debug, Arbitrary)]
enum Given<'a> {
    Null,
    Truth(bool),
    Whole(i64),
    Broken(f64),
    Text(&'a str),
    Repeated(&'a str, u8),
    Link(u8, &'a str),
    Option(u8),
    List,
}

impl Given<'_> {
    fn value(&self, options: &[&str]) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Truth(truth) => (*truth).into(),
            Self::Whole(number) => (*number).into(),
            Self::Broken(number) => (*number).into(),
            Self::Text(text) => (*text).into(),
            Self::Repeated(text, times) => text.repeat(usize::from(*times)).into(),
            Self::Link(prefix, rest) => {
                let prefix = PREFIXES[usize::from(*prefix) % PREFIXES.len()];
                format!("{prefix}{rest}").into()
            }
            Self::Option(index) => {
                options.get(usize::from(*index) % options.len().max(1)).copied().into()
            }
            Self::List => json!([1]),
        }
    }
}

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    with_fields: bool,
    fields: Vec<(Key<'a>, u8, Option<Key<'a>>)>,
    options: Vec<&'a str>,
    aliases: Vec<(Key<'a>, Key<'a>)>,
    deny: Vec<Key<'a>>,
    context: Vec<(Key<'a>, Given<'a>)>,
    trim: bool,
    normalise: bool,
}

impl Input<'_> {
    fn document(&self) -> Value {
        let field = |(key, kind, from): &(Key<'_>, u8, Option<Key<'_>>)| {
            let kind = ["text", "integer", "link", "dropdown"][usize::from(kind % 4)];
            let mut field = json!({"key": key.text(), "type": kind});
            if kind == "dropdown" {
                field["options"] = json!(self.options);
            }
            if let Some(from) = from {
                field["from"] = from.text().into();
            }
            field
        };

        let aliases: Map<String, Value> =
            self.aliases.iter().map(|(a, b)| (a.text(), b.text().into())).collect();
        let mut document = json!({"aliases": aliases, "deny": self.deny.iter().map(Key::text).collect::<Vec<_>>()});

        if self.with_fields {
            document["fields"] = self.fields.iter().map(field).collect();
        }
        document
    }

    fn body(&self) -> Value {
        let context: Map<String, Value> = self
            .context
            .iter()
            .map(|(key, given)| (key.text(), given.value(&self.options)))
            .collect();
        json!({"conversation": {"id": 1, "channel_url": "c", "user_id": "u"}, "language": "en", "context": context})
    }

    /// Desk has what the rules say, or, where they say nothing, a text field for everything sent.
    fn definitions(&self, rules: &Rules, sent: &[FieldValue]) -> Vec<FieldDefinition> {
        let Some(fields) = &rules.fields else {
            return sent
                .iter()
                .map(|value| FieldDefinition::new(value.key.as_str(), Kind::Text))
                .collect();
        };

        let trimmed =
            |option: &String| if self.trim { option.trim().to_owned() } else { option.clone() };
        let kind = |kind: &FieldKind| match kind {
            FieldKind::Text => Kind::Text,
            FieldKind::Integer => Kind::Integer,
            FieldKind::Link => Kind::Link,
            FieldKind::Dropdown(options) => Kind::Dropdown(options.iter().map(trimmed).collect()),
        };

        fields
            .iter()
            .map(|field| FieldDefinition::new(field.key.as_str(), kind(&field.kind)))
            .collect()
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let Ok(rules) = Rules::parse(&input.document().to_string()) else { return };
    let body = input.body().to_string();
    let app_id = AppId::parse("A").expect("it is an id");
    let Ok(Event::Handoff(handoff)) = parse(authenticated(body.as_bytes()), &app_id, None, 0)
    else {
        panic!("{body}")
    };
    let matched = match_fields(&rules, &handoff);
    let strict = Behaviour {
        unknown_key: Reaction::Refuse,
        wrong_value: Reaction::Refuse,
        bad_option: Reaction::Refuse,
        long_key: TooLong::Refuse,
        long_value: TooLong::Refuse,
        extra_field: Reaction::Refuse,
        trim: input.trim,
        normalise_integers: input.normalise,
        ..Behaviour::default()
    };
    let sent: Map<String, Value> = matched
        .values
        .iter()
        .map(|value| (value.key.to_string(), value.text.expose().into()))
        .collect();
    let definitions = input.definitions(&rules, &matched.values);
    let kept = stored(&definitions, &strict, &Value::Object(sent).to_string().into());
    let kept = kept.unwrap_or_else(|why| panic!("Desk refuses what we send: {why}\n{input:?}"));
    let kept = kept.into_iter().map(|(key, text)| (key, StoredText::from(text))).collect();
    let ticket = Ticket { fields: Some(kept), ..Ticket::default() };
    for value in &matched.values {
        assert!(holds(&ticket, value), "{} is not stored as sent: {input:?}", value.key);
    }
});
