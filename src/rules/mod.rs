//! The `fields` parameter: which ticket fields exist, how a context key may reach one, and how a
//! ticket is treated.
//!
//! Pure. The document is checked as a whole: every problem is reported with its path, and what is
//! not known is refused, because a misspelt setting that is ignored is a field that stays empty.
//! Absent altogether, [`Rules::default`] holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

mod check;
mod parse;

pub use self::check::OPENING_MESSAGE;

/// The longest field key that Desk takes, in characters (desk-wire section 4).
pub const MAX_KEY: usize = 20;
/// The longest field value, in UTF-16 units (desk-wire sections 4 and 9).
pub const MAX_VALUE: usize = 190;
/// The longest ticket title, in UTF-16 units.
pub const MAX_TITLE: usize = 100;

/// A whole `fields` document; the default is what holds without one.
///
/// ```
/// use desk_handoff::rules::Rules;
///
/// let rules = Rules::parse(r#"{"fields": [{"key": "order-id", "type": "text"}]}"#).unwrap();
/// assert_eq!(rules.fields.unwrap()[0].key.as_str(), "order-id");
///
/// let problems = Rules::parse(r#"{"feilds": []}"#).unwrap_err();
/// assert_eq!(problems[0].path, "feilds");
/// ```
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
    /// What is known of the Desk.
    pub desk: KnownDesk,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            fields: None,
            aliases: BTreeMap::new(),
            deny: BTreeSet::new(),
            // Closed by default: the context objects of AI agents carry live tokens.
            deny_credentials: true,
            ticket: TicketRules::default(),
            desk: KnownDesk::default(),
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

/// The `desk` part of the document: what somebody has seen of this Desk with `cargo handoff probe`, and
/// what saves calls if it is true. By default nothing is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KnownDesk {
    /// Lists show every ticket as it is at that moment, with its fields. A ticket that a list shows
    /// is then not viewed by itself before it is written to.
    pub lists_are_current: bool,
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
    /// Whether a ticket may be made under these rules: for a conversation without one, or for one
    /// whose ticket is closed.
    pub fn makes_tickets(&self) -> bool {
        match (self.when_missing, self.when_closed) {
            (WhenMissing::Create, _) | (WhenMissing::Leave, WhenClosed::Create) => true,
            (WhenMissing::Wait, _) | (WhenMissing::Leave, WhenClosed::Leave) => false,
        }
    }

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
    /// Where it is to be found, if it is not always the same.
    pub fn source(&self) -> Option<&Source> {
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
        // In any case, because a language model or a tool may have written it.
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
        // A conversation keeps its user; whatever else a handoff says may differ from one to the
        // next.
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

#[cfg(test)]
mod tests;
