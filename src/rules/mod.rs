//! The `fields` parameter: which ticket fields exist, how a context key may reach one, and how a
//! ticket is treated.
//!
//! Pure. The document is checked as a whole: every problem is reported with its path, and what is
//! not known is refused, because a misspelt setting that is ignored is a field that stays empty.
//! Absent altogether, [`Rules::default`] holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::json_reader::{ReadError, Reader, join};

/// The longest field key that Desk takes, in characters (desk-wire section 4).
pub const MAX_KEY: usize = 20;
/// The longest field value, in UTF-16 units (desk-wire sections 4 and 9).
pub const MAX_VALUE: usize = 190;
/// The longest ticket title, in UTF-16 units.
pub const MAX_TITLE: usize = 100;

/// A whole `fields` document; the default is what holds without one.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The ticket fields, in the order of the document; `None` sends every legal key as text.
    pub fields: Option<Vec<Field>>,
    /// Context key to field key.
    pub aliases: BTreeMap<String, FieldKey>,
    /// Context keys that are never sent.
    pub deny: BTreeSet<String>,
    /// Whether keys that look like credentials are never sent either, but those of defined fields.
    pub deny_credentials: bool,
    /// How the ticket itself is treated.
    pub ticket: TicketRules,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            fields: None,
            aliases: BTreeMap::new(),
            deny: BTreeSet::new(),
            deny_credentials: true,
            ticket: TicketRules::default(),
        }
    }
}

/// One ticket field as the dashboard defines it (Settings > Desk > Ticket fields).
#[derive(Debug, Clone)]
pub struct Field {
    /// Its key, not its label.
    pub key: FieldKey,
    /// Its type.
    pub kind: FieldKind,
    /// Where its value comes from, if not from the context key of the same name.
    pub from: Option<Source>,
}

/// The four types that Desk has (desk-wire section 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldKind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// An http or https address.
    Link,
    /// One of these options, to the letter.
    Dropdown(Vec<String>),
}

/// A key that Desk can know: lowercase letters, digits and dashes, 1 to 20 (desk-wire section 4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FieldKey(String);

impl FieldKey {
    /// The key, unless it breaks the rule above.
    pub fn parse(text: &str) -> Option<Self> {
        let legal = (1..=MAX_KEY).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        legal.then(|| Self(text.to_owned()))
    }

    /// The key as Desk writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A key of the context object.
    Context(String),
    /// Something that the handoff says beside its context.
    BuiltIn(BuiltIn),
}

/// What a handoff says beside its context; written `$name` as a source and `{name}` in a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuiltIn {
    /// `conversation.id`
    ConversationId,
    /// `conversation.channel_url`
    ChannelUrl,
    /// `user.id`
    UserId,
    /// `channel_type`
    ChannelType,
    /// `language`
    Language,
    /// `country`
    Country,
    /// `ai_agent.id`
    AiAgentId,
    /// `handoff_at`
    HandoffAt,
    /// `event.id`
    EventId,
}

impl BuiltIn {
    const ALL: [(&'static str, Self); 9] = [
        ("conversation.id", Self::ConversationId),
        ("conversation.channel_url", Self::ChannelUrl),
        ("user.id", Self::UserId),
        ("channel_type", Self::ChannelType),
        ("language", Self::Language),
        ("country", Self::Country),
        ("ai_agent.id", Self::AiAgentId),
        ("handoff_at", Self::HandoffAt),
        ("event.id", Self::EventId),
    ];

    /// As it is written, without `$` or braces.
    pub fn name(self) -> &'static str {
        let known = Self::ALL.iter().find(|(_, built_in)| *built_in == self);
        known.map(|(name, _)| *name).expect("every built-in has a name")
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, built_in)| *built_in)
    }

    fn names() -> String {
        Self::ALL.map(|(name, _)| name).join(", ")
    }
}

/// The `ticket` part of the document.
#[derive(Debug, Clone)]
pub struct TicketRules {
    /// What a new ticket is called.
    pub title: Title,
    /// The priority of the ticket.
    pub priority: Option<Choice<Priority>>,
    /// The team that the ticket goes to.
    pub team: Option<Choice<TeamKey>>,
    /// What to do if the conversation has no ticket.
    pub when_missing: WhenMissing,
    /// What to do if the conversation's ticket is closed.
    pub when_closed: WhenClosed,
    /// What to do with a value that Desk holds already.
    pub overwrite: Overwrite,
    /// Posted as the customer on a new ticket, which no agent sees before the customer's first
    /// message (desk-wire section 3.3).
    pub opening_message: Option<String>,
    /// How long a webhook's handoff whose ticket is not there waits for one that Desk may be making
    /// itself, in seconds after its receipt.
    pub grace_seconds: u64,
}

/// How long Desk has for a ticket of its own, in seconds, unless the document says otherwise.
const GRACE_SECONDS: u64 = 15;
/// The longest grace, in seconds: a message may be delayed no longer between two deliveries.
pub const MAX_GRACE_SECONDS: u64 = 900;

impl Default for TicketRules {
    fn default() -> Self {
        Self {
            title: Title::default(),
            priority: None,
            team: None,
            when_missing: WhenMissing::default(),
            when_closed: WhenClosed::default(),
            overwrite: Overwrite::default(),
            opening_message: None,
            grace_seconds: GRACE_SECONDS,
        }
    }
}

impl TicketRules {
    /// Whether priority or team comes from this context key.
    pub fn draws_on(&self, key: &str) -> bool {
        let named = |source: &Source| matches!(source, Source::Context(name) if name == key);
        self.priority.as_ref().and_then(Choice::source).is_some_and(named)
            || self.team.as_ref().and_then(Choice::source).is_some_and(named)
    }
}

/// A value, or where to find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice<T> {
    /// Always this one.
    Value(T),
    /// Whatever this source says.
    From(Source),
}

impl<T> Choice<T> {
    fn source(&self) -> Option<&Source> {
        match self {
            Self::Value(_) => None,
            Self::From(source) => Some(source),
        }
    }
}

/// Desk's four priorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Priority {
    /// `LOW`
    Low,
    /// `MEDIUM`, which Desk gives when nobody says otherwise.
    Medium,
    /// `HIGH`
    High,
    /// `URGENT`
    Urgent,
}

impl Priority {
    /// As Desk writes them.
    pub const NAMES: [&'static str; 4] = ["LOW", "MEDIUM", "HIGH", "URGENT"];

    /// The priority of this name, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Low, Self::Medium, Self::High, Self::Urgent];
        all.into_iter().find(|priority| priority.as_str().eq_ignore_ascii_case(text.trim()))
    }

    /// As Desk writes it.
    pub fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// The key of a team ("group" on the wire): lowercase letters, digits, dashes, underscores. The
/// Default team has none (desk-wire section 6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamKey(String);

impl TeamKey {
    /// The key, unless it breaks the rule above.
    pub fn parse(text: &str) -> Option<Self> {
        let legal = (1..=100).contains(&text.len())
            && text.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte)
            });
        legal.then(|| Self(text.to_owned()))
    }

    /// The key as Desk writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What to do if the conversation has no ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenMissing {
    /// Make one.
    #[default]
    Create,
    /// Wait: Desk makes the ticket itself and it may not be there yet.
    Wait,
    /// End calmly without one.
    Leave,
}

/// What to do if the conversation's ticket is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenClosed {
    /// Make a new one.
    #[default]
    Create,
    /// End calmly and leave it alone.
    Leave,
}

/// What to do with a value that Desk holds already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overwrite {
    /// Fill what is empty, replace what this function wrote, keep what a human changed.
    #[default]
    Own,
    /// Replace it.
    Always,
    /// Keep it.
    Never,
}

/// A title with places for what the handoff says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title(Vec<TitlePart>);

/// A piece of a [`Title`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TitlePart {
    /// As it stands.
    Text(String),
    /// Filled in from the handoff.
    Place(BuiltIn),
}

impl Title {
    /// Its pieces in order.
    pub fn parts(&self) -> &[TitlePart] {
        &self.0
    }

    /// Whether all tickets of a conversation get this title and no other conversation's do: it
    /// holds the conversation's id and nothing that may change.
    pub fn identifies_conversation(&self) -> bool {
        let names = |part: &TitlePart| *part == TitlePart::Place(BuiltIn::ConversationId);
        let is_constant = |part: &TitlePart| match part {
            TitlePart::Text(_) => true,
            TitlePart::Place(place) => {
                matches!(place, BuiltIn::ConversationId | BuiltIn::UserId)
            }
        };
        self.0.iter().any(names) && self.0.iter().all(is_constant)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, tail) = after.split_once('}').ok_or("has a { without its }")?;
            let place = BuiltIn::parse(name).ok_or_else(|| {
                format!("has an unknown place {{{name}}}; known are {}", BuiltIn::names())
            })?;
            if !before.is_empty() {
                parts.push(TitlePart::Text(before.to_owned()));
            }
            parts.push(TitlePart::Place(place));
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(TitlePart::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }
}

impl Default for Title {
    fn default() -> Self {
        Self(vec![
            TitlePart::Text("AI handoff ".to_owned()),
            TitlePart::Place(BuiltIn::ConversationId),
        ])
    }
}

/// The parts of a document. An editor finds the schema by `$schema`; here it means nothing.
const PARTS: [&str; 6] = ["$schema", "fields", "aliases", "deny", "deny_credentials", "ticket"];

impl Rules {
    /// Reads a document.
    ///
    /// # Errors
    /// Every problem at once, in the order of the document's parts.
    pub fn parse(text: &str) -> Result<Self, Vec<ReadError>> {
        let document: Value = serde_json::from_str(text).map_err(|error| {
            let path = format!("line {}, column {}", error.line(), error.column());
            vec![ReadError { path, message: "is not JSON".to_owned() }]
        })?;
        let mut reader = Reader::default();
        let rules = reader.rules(&document);
        reader.finish(Some(rules))
    }
}

impl Reader {
    fn rules(&mut self, document: &Value) -> Rules {
        let Some(parts) = self.closed_object("", document, &PARTS) else {
            return Rules::default();
        };
        let fields = parts.get("fields").map(|value| self.fields(value));
        let aliases = parts
            .get("aliases")
            .map(|value| self.aliases(value, fields.as_deref()))
            .unwrap_or_default();
        let deny = parts.get("deny").map(|value| self.deny(value)).unwrap_or_default();
        let deny_credentials =
            parts.get("deny_credentials").is_none_or(|value| self.truth("deny_credentials", value));
        let ticket = parts.get("ticket").map(|value| self.ticket(value)).unwrap_or_default();
        Rules { fields, aliases, deny, deny_credentials, ticket }
    }

    fn fields(&mut self, value: &Value) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        for (index, item) in self.array("fields", value).iter().enumerate() {
            let path = format!("fields[{index}]");
            let Some(field) = self.field(&path, item) else { continue };
            if fields.iter().any(|earlier| earlier.key == field.key) {
                self.report(&join(&path, "key"), format!("{} is there already", field.key));
            }
            fields.push(field);
        }
        fields
    }

    fn field(&mut self, path: &str, value: &Value) -> Option<Field> {
        let parts = self.closed_object(path, value, &["key", "type", "options", "from"])?;
        let key = self
            .required(path, parts, "key")
            .and_then(|value| self.field_key(&join(path, "key"), value));
        let kind = self
            .required(path, parts, "type")
            .and_then(|value| self.kind(path, value, parts.get("options")));
        let from = parts.get("from").map(|value| self.source(&join(path, "from"), value));
        let from = match from {
            Some(None) => return None,
            Some(Some(source)) => Some(source),
            None => None,
        };
        Some(Field { key: key?, kind: kind?, from })
    }

    fn kind(&mut self, path: &str, value: &Value, options: Option<&Value>) -> Option<FieldKind> {
        let name = self.string(&join(path, "type"), value)?;
        let path_of_options = join(path, "options");
        match (name, options) {
            ("dropdown", Some(options)) => {
                return Some(FieldKind::Dropdown(self.options(&path_of_options, options)));
            }
            ("dropdown", None) => self.report(&path_of_options, "is required for a dropdown"),
            ("text" | "integer" | "link", Some(_)) => {
                self.report(&path_of_options, "is for a dropdown only")
            }
            ("text", None) => return Some(FieldKind::Text),
            ("integer", None) => return Some(FieldKind::Integer),
            ("link", None) => return Some(FieldKind::Link),
            _ => self.report(&join(path, "type"), "must be text, integer, link or dropdown"),
        }
        None
    }

    fn options(&mut self, path: &str, value: &Value) -> Vec<String> {
        let mut options: Vec<String> = Vec::new();
        let items = self.array(path, value);
        if items.is_empty() && value.is_array() {
            self.report(path, "must name at least one option");
        }
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Some(option) = self.filled(&path, item) else { continue };
            if option.encode_utf16().count() > MAX_VALUE {
                self.report(&path, format!("is longer than {MAX_VALUE} characters"));
            } else if options.iter().any(|earlier| earlier == option) {
                self.report(&path, "is there already");
            }
            options.push(option.to_owned());
        }
        options
    }

    fn aliases(&mut self, value: &Value, fields: Option<&[Field]>) -> BTreeMap<String, FieldKey> {
        let mut aliases = BTreeMap::new();
        let Some(parts) = self.object("aliases", value) else { return aliases };
        for (alias, target) in parts {
            let path = join("aliases", alias);
            let Some(target) = self.field_key(&path, target) else { continue };
            if let Some(fields) = fields {
                if !fields.iter().any(|field| field.key == target) {
                    self.report(&path, format!("{target} is not among the fields"));
                } else if fields.iter().any(|field| field.key.as_str() == alias) {
                    self.report(&path, "is a field of its own and needs no alias");
                }
            }
            aliases.insert(alias.clone(), target);
        }
        aliases
    }

    fn deny(&mut self, value: &Value) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        for (index, item) in self.array("deny", value).iter().enumerate() {
            keys.extend(self.filled(&format!("deny[{index}]"), item).map(str::to_owned));
        }
        keys
    }

    fn ticket(&mut self, value: &Value) -> TicketRules {
        let known = [
            "title",
            "priority",
            "team",
            "when_missing",
            "grace_seconds",
            "when_closed",
            "overwrite",
            "opening_message",
        ];
        let Some(parts) = self.closed_object("ticket", value, &known) else {
            return TicketRules::default();
        };
        let mut ticket = TicketRules::default();
        if let Some(value) = parts.get("title") {
            ticket.title = self.title("ticket.title", value).unwrap_or_default();
        }
        let priority =
            |text: &str| Priority::NAMES.contains(&text).then(|| Priority::parse(text)).flatten();
        ticket.priority = parts.get("priority").and_then(|value| {
            self.choice("ticket.priority", value, priority, "must be LOW, MEDIUM, HIGH or URGENT")
        });
        let team_rule = "must be a team key: lowercase letters, digits, - and _";
        ticket.team = parts
            .get("team")
            .and_then(|value| self.choice("ticket.team", value, TeamKey::parse, team_rule));
        ticket.when_missing = self.one_of(
            parts,
            "when_missing",
            &[
                ("create", WhenMissing::Create),
                ("wait", WhenMissing::Wait),
                ("leave", WhenMissing::Leave),
                // As the first edition wrote it.
                ("retry", WhenMissing::Wait),
            ],
        );
        if let Some(value) = parts.get("grace_seconds") {
            ticket.grace_seconds = self.grace("ticket.grace_seconds", value);
        }
        ticket.when_closed = self.one_of(
            parts,
            "when_closed",
            &[("create", WhenClosed::Create), ("leave", WhenClosed::Leave)],
        );
        ticket.overwrite = self.one_of(
            parts,
            "overwrite",
            &[("own", Overwrite::Own), ("always", Overwrite::Always), ("never", Overwrite::Never)],
        );
        ticket.opening_message = parts
            .get("opening_message")
            .and_then(|value| self.filled("ticket.opening_message", value))
            .map(str::to_owned);
        ticket
    }

    fn truth(&mut self, path: &str, value: &Value) -> bool {
        if !value.is_boolean() {
            self.report(path, "must be true or false");
        }
        value.as_bool().unwrap_or(true)
    }

    fn grace(&mut self, path: &str, value: &Value) -> u64 {
        let seconds = value.as_u64().filter(|seconds| *seconds <= MAX_GRACE_SECONDS);
        seconds.unwrap_or_else(|| {
            self.report(path, format!("must be a whole number from 0 to {MAX_GRACE_SECONDS}"));
            GRACE_SECONDS
        })
    }

    fn title(&mut self, path: &str, value: &Value) -> Option<Title> {
        let text = self.filled(path, value)?;
        if text.encode_utf16().count() > MAX_TITLE {
            self.report(path, format!("is longer than {MAX_TITLE} characters"));
        }
        Title::parse(text).map_err(|message| self.report(path, message)).ok()
    }

    fn choice<T>(
        &mut self,
        path: &str,
        value: &Value,
        parse: impl Fn(&str) -> Option<T>,
        rule: &str,
    ) -> Option<Choice<T>> {
        let parts = self.closed_object(path, value, &["from", "value"])?;
        match (parts.get("from"), parts.get("value")) {
            (Some(from), None) => self.source(&join(path, "from"), from).map(Choice::From),
            (None, Some(value)) => {
                let path = join(path, "value");
                let chosen = self.string(&path, value).map(&parse)?;
                if chosen.is_none() {
                    self.report(&path, rule);
                }
                chosen.map(Choice::Value)
            }
            _ => {
                self.report(path, "must have either from or value");
                None
            }
        }
    }

    fn source(&mut self, path: &str, value: &Value) -> Option<Source> {
        let name = self.filled(path, value)?;
        let Some(built_in) = name.strip_prefix('$') else {
            return Some(Source::Context(name.to_owned()));
        };
        let found = BuiltIn::parse(built_in).map(Source::BuiltIn);
        if found.is_none() {
            self.report(
                path,
                format!("is not a built-in; known, each after a $, are {}", BuiltIn::names()),
            );
        }
        found
    }

    fn one_of<T: Copy + Default>(
        &mut self,
        parts: &Map<String, Value>,
        name: &str,
        choices: &[(&str, T)],
    ) -> T {
        let Some(value) = parts.get(name) else { return T::default() };
        let chosen = choices.iter().find(|(choice, _)| value.as_str() == Some(choice));
        chosen.map(|(_, chosen)| *chosen).unwrap_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.report(&join("ticket", name), format!("must be {}", names.join(" or ")));
            T::default()
        })
    }

    fn field_key(&mut self, path: &str, value: &Value) -> Option<FieldKey> {
        let key = FieldKey::parse(self.string(path, value)?);
        if key.is_none() {
            self.report(path, "must be a field key: lowercase letters, digits and dashes, 1 to 20");
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problems(text: &str) -> Vec<String> {
        Rules::parse(text).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_example_of_the_repository_is_a_valid_document() {
        let rules = Rules::parse(include_str!("../../fields.example.json")).unwrap();
        let fields = rules.fields.unwrap();
        assert!(
            fields.iter().any(
                |field| matches!(&field.kind, FieldKind::Dropdown(options) if options.len() > 1)
            )
        );
        assert!(fields.iter().any(|field| field.from == Some(Source::BuiltIn(BuiltIn::Language))));
        assert_eq!(rules.ticket.priority, Some(Choice::From(Source::Context("priority".into()))));
    }

    #[test]
    fn every_part_is_optional() {
        let rules = Rules::parse("{}").unwrap();
        assert!(rules.fields.is_none() && rules.aliases.is_empty() && rules.deny.is_empty());
        assert_eq!(rules.ticket.when_missing, WhenMissing::Create);
        assert!(rules.ticket.title.identifies_conversation());
    }

    #[test]
    fn every_problem_is_reported_with_its_path() {
        let text = r#"{
            "fields": [
                {"key": "Order_Id", "type": "text"},
                {"key": "tier", "type": "dropdown"},
                {"key": "tier", "type": "dropdown", "options": ["a", "a", ""]},
                {"key": "tier", "type": "number", "form": "x"},
                {"key": "x", "type": "text", "from": "$langauge"},
                7
            ],
            "aliases": {"orderId": "order-id", "tier": "tier"},
            "deny": "token",
            "ticket": {"title": "{user}", "priority": {"value": "high"}, "team": {}, "when_closed": "reopen"},
            "extra": 1
        }"#;
        let paths: Vec<String> =
            Rules::parse(text).unwrap_err().into_iter().map(|problem| problem.path).collect();
        let expected = [
            "extra",
            "fields[0].key",
            "fields[1].options",
            "fields[2].options[1]",
            "fields[2].options[2]",
            "fields[3].form",
            "fields[3].type",
            "fields[4].from",
            "fields[5]",
            "aliases.orderId",
            "aliases.tier",
            "deny",
            "ticket.title",
            "ticket.priority.value",
            "ticket.team",
            "ticket.when_closed",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn a_key_that_is_there_twice_is_a_problem() {
        let text = r#"{"fields": [{"key": "a", "type": "text"}, {"key": "a", "type": "link"}]}"#;
        assert_eq!(problems(text), ["fields[1].key: a is there already"]);
    }

    #[test]
    fn only_a_dropdown_has_options_and_it_has_one_at_least() {
        let field = |kind: &str, options: &str| {
            format!(r#"{{"fields": [{{"key": "x", "type": "{kind}", "options": {options}}}]}}"#)
        };
        for kind in ["text", "integer", "link"] {
            assert_eq!(
                problems(&field(kind, r#"["a"]"#)),
                ["fields[0].options: is for a dropdown only"],
                "{kind}"
            );
        }
        assert_eq!(
            problems(&field("dropdown", "[]")),
            ["fields[0].options: must name at least one option"]
        );
        assert_eq!(problems(&field("dropdown", "1")), ["fields[0].options: must be an array"]);
    }

    #[test]
    fn an_option_and_a_title_may_be_as_long_as_desk_takes_them_and_no_longer() {
        let document = |option: usize, title: usize| {
            let options = ["😀".repeat(option / 2), "ok".to_owned()];
            let field = serde_json::json!({"key": "x", "type": "dropdown", "options": options});
            serde_json::json!({"fields": [field], "ticket": {"title": "😀".repeat(title / 2)}})
                .to_string()
        };
        assert!(Rules::parse(&document(MAX_VALUE, MAX_TITLE)).is_ok());
        let expected = [
            "fields[0].options[0]: is longer than 190 characters",
            "ticket.title: is longer than 100 characters",
        ];
        assert_eq!(problems(&document(MAX_VALUE + 2, MAX_TITLE + 2)), expected);
    }

    #[test]
    fn a_syntax_error_is_named_by_line_and_column() {
        assert_eq!(problems("{\n  \"fields\": [,]\n}"), ["line 2, column 14: is not JSON"]);
        assert_eq!(problems("[]"), ["must be an object"]);
    }

    #[test]
    fn an_odd_name_is_quoted_in_a_path() {
        assert_eq!(
            problems(r#"{"aliases": {"order id": "Order"}}"#),
            [
                "aliases[\"order id\"]: must be a field key: lowercase letters, digits and dashes, 1 to 20"
            ]
        );
    }

    #[test]
    fn a_title_is_cut_into_text_and_places() {
        let title = Title::parse("{language}: handoff of {user.id}!").unwrap();
        let text = |text: &str| TitlePart::Text(text.into());
        let expected = [
            TitlePart::Place(BuiltIn::Language),
            text(": handoff of "),
            TitlePart::Place(BuiltIn::UserId),
            text("!"),
        ];
        assert_eq!(title.parts(), expected);
        assert!(!title.identifies_conversation());
        assert!(Title::parse("{user.id").unwrap_err().contains("without"));
    }

    #[test]
    fn an_unknown_built_in_is_answered_with_the_known_ones() {
        let known = "conversation.id, conversation.channel_url, user.id, channel_type, language, country, ai_agent.id, \
                     handoff_at, event.id";
        let text = r#"{"fields": [{"key": "x", "type": "text", "from": "$user"}], "ticket": {"title": "{user}"}}"#;
        let expected = [
            format!("fields[0].from: is not a built-in; known, each after a $, are {known}"),
            format!("ticket.title: has an unknown place {{user}}; known are {known}"),
        ];
        assert_eq!(problems(text), expected);
    }

    #[test]
    fn priorities_are_read_in_any_case() {
        assert_eq!(Priority::parse(" high "), Some(Priority::High));
        assert_eq!(Priority::Urgent.as_str(), "URGENT");
        assert_eq!(Priority::parse("highest"), None);
    }

    proptest! {
        #[test]
        fn no_document_makes_it_panic(text in r#"[\{\}\[\]",:a-z$ 0-9]{0,80}"#) {
            let _ = Rules::parse(&text);
        }

        #[test]
        fn a_field_key_keeps_the_rule(text in ".{0,25}") {
            let legal = !text.is_empty() && text.len() <= 20 && text.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'));
            prop_assert_eq!(FieldKey::parse(&text).is_some(), legal);
        }

        #[test]
        fn a_team_key_keeps_the_rule(text in ".{0,3}|[a-z0-9_-]{0,105}") {
            let legal = |c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_');
            let legal = !text.is_empty() && text.len() <= 100 && text.chars().all(legal);
            prop_assert_eq!(TeamKey::parse(&text).is_some(), legal);
        }
    }
}
