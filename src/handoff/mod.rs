//! What was handed over: the three bodies, read into one [`Handoff`].
//!
//! Pure. Takes only a body that [`crate::auth`] let through. The AI agent's event (`envelope`) is
//! recognised by its `category`, the nested direct form (`nested`) by its `conversation`, and what
//! has neither is the flat form (`flat`) that tools send. Unknown properties are ignored. What is
//! missing or of a wrong type is reported with its JSON path and never with its value. [`order`]
//! says which of two handoffs is the newer one, [`message`] what lies on the queue.

mod envelope;
mod flat;
pub mod message;
mod nested;
pub mod order;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub use self::order::Stamp;

use crate::auth::Authenticated;
use crate::config::AppId;
use crate::json_reader::{self, Object, ReadError, Reader, join, present};
use crate::rules::{Priority, TeamKey};

/// How the address of a Chat group channel begins; a sender may put it where the conversation's id
/// belongs.
const CHANNEL_PREFIX: &str = "sendbird_group_channel_";
/// The longest identifier taken, in characters. Sendbird's own are far shorter.
pub const MAX_ID: usize = 512;
/// How many parts of an event that could not be read are named in its record.
const MAX_REMARKS: usize = 10;

/// What a body turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Work to do.
    Handoff(Box<Handoff>),
    /// An event of this category, which is none of our business.
    Ignored(String),
}

/// Which of the three bodies a handoff came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// The AI agent's event.
    Envelope,
    /// A direct body with a `conversation`.
    #[default]
    Nested,
    /// A direct body of one level, as tools send it.
    Flat,
}

/// One conversation handed over to a human.
///
/// ```
/// use desk_handoff::config::AppId;
/// use desk_handoff::handoff::{Event, parse};
/// # use desk_handoff::auth::{Keys, authenticate};
/// # let keys = Keys { bearer: vec!["t".into()], ..Keys::default() };
/// # let mut headers = http::HeaderMap::new();
/// # headers.insert("authorization", "Bearer t".parse().unwrap());
///
/// let body = br#"{"conversation_id": "2647", "user_id": "user_1", "order-id": "ORD-1"}"#;
/// let authenticated = authenticate(body, &headers, &keys, std::time::UNIX_EPOCH).unwrap();
/// let app_id = AppId::parse("APP-1").unwrap();
///
/// let Ok(Event::Handoff(handoff)) = parse(authenticated, &app_id, None, 0) else { panic!() };
/// assert_eq!(handoff.conversation.id.as_deref(), Some("2647"));
/// assert_eq!(handoff.context.0["order-id"], "ORD-1");
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Handoff {
    /// Tells one delivery from another: the same event has the same id.
    pub event_id: String,
    /// Whether the sender gave the id. Else it is the digest of the body, which names the event for
    /// ten minutes only.
    // A message of the first edition does not say it: all were webhooks, which have ids.
    #[serde(default = "yes")]
    pub event_is_named: bool,
    /// The body it came in.
    #[serde(default)]
    pub form: Form,
    /// The AI agent's conversation.
    pub conversation: Conversation,
    /// The customer's Sendbird user id.
    pub user_id: String,
    /// The facts about the customer.
    pub context: Context,
    /// Of the flat form: its reserved keys with their values, each of which also fills the ticket
    /// field of that very key.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    pub reserved: Context,
    /// Such as `en`.
    pub language: Option<String>,
    /// Such as `US`.
    pub country: Option<String>,
    /// The AI agent that hands over.
    pub ai_agent_id: Option<String>,
    /// As the sender wrote it, readable or not.
    pub handoff_at: Option<String>,
    /// Of an event: when the sender made it, as it wrote it, readable or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// When API Gateway received it, in milliseconds since 1970.
    #[serde(default)]
    pub received: i64,
    /// What the sender says of the ticket.
    pub ticket: TicketWish,
    /// Paths of the parts of an event that could not be read and count as absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

fn yes() -> bool {
    true
}

/// The AI agent's conversation: `id` or `channel_url` is there, mostly both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Conversation {
    /// Its number, as text.
    pub id: Option<String>,
    /// Its Chat group channel.
    pub channel_url: Option<String>,
    /// `messenger`, `voice`, `sms`, `email`, `whatsapp`.
    pub channel_type: Option<String>,
}

impl Handoff {
    /// By which it is ordered among the handoffs of its conversation.
    pub fn stamp(&self) -> Stamp {
        Stamp::new(self.created_at.as_deref(), self.received)
    }
}

impl Conversation {
    /// What it is known by: its channel, else its number.
    pub fn name(&self) -> &str {
        // The channel first, because Desk knows it, too.
        self.channel_url.as_deref().or(self.id.as_deref()).unwrap_or_default()
    }
}

/// What the sender says of the ticket; each part wins over the rules.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TicketWish {
    /// The ticket that it is thought to be.
    pub id: Option<u64>,
    /// What a new ticket is to be called.
    pub title: Option<String>,
    /// Its priority.
    pub priority: Option<Priority>,
    /// Its team.
    pub team: Option<TeamKey>,
}

/// Keys and values about the customer. Prints nothing but its size: a value may be a token.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Context(pub Object);

impl Context {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({} keys)", self.0.len())
    }
}

/// Why a body is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadBody {
    /// There is none.
    #[error("the body is empty")]
    Empty,
    /// Not text at all, from this byte on.
    #[error("the body is not UTF-8 at byte {0}")]
    NotUtf8(usize),
    /// Not JSON, or nested deeper than 128 levels.
    #[error("the body is not JSON, or nested too deeply, at line {line}, column {column}")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// JSON, but not a handoff.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Shape(Vec<ReadError>),
}

/// Reads a body of any form for the application that was chosen.
///
/// `idempotency_key` is the header of that name: the event id of a direct body that has none of its
/// own. Without either it is the SHA-256 digest of the body. `received` is the time at which API
/// Gateway received the request, in milliseconds since 1970.
///
/// # Errors
/// [`BadBody`], which names the place and no value.
pub fn parse(
    body: Authenticated<'_>,
    app_id: &AppId,
    idempotency_key: Option<&str>,
    received: i64,
) -> Result<Event, BadBody> {
    let bytes = body.body();
    if bytes.trim_ascii().is_empty() {
        return Err(BadBody::Empty);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| BadBody::NotUtf8(error.valid_up_to()))?;
    // A text that its sender cut within an emoji must not cost the whole handoff.
    let value: Value = json_reader::json(text)
        .map_err(|error| BadBody::NotJson { line: error.line(), column: error.column() })?;

    let mut reader = Reader::default();
    let mut event = reader.event(&value, app_id, Fallback { idempotency_key, bytes });
    if let Some(Event::Handoff(handoff)) = &mut event {
        handoff.received = received;
    }
    reader.finish(event).map_err(BadBody::Shape)
}

/// What names the event of a direct body that has no id of its own.
#[derive(Clone, Copy)]
struct Fallback<'a> {
    idempotency_key: Option<&'a str>,
    bytes: &'a [u8],
}

impl Reader {
    fn event(&mut self, value: &Value, app_id: &AppId, fallback: Fallback<'_>) -> Option<Event> {
        let body = self.object("", value)?;
        // A body of one application that is sent to another one's address must not fill a wrong
        // Desk.
        if let Some(theirs) = present(body, "app_id")
            && theirs.as_str().map(str::trim) != Some(app_id.as_str())
        {
            self.report("app_id", "is not the application that was addressed");
        }

        let handoff = match body.get("category") {
            Some(category) => match self.string("category", category)? {
                "handoff" => self.envelope(body),
                // It is echoed in the answer, so not at any length.
                other => return Some(Event::Ignored(other.chars().take(64).collect())),
            },
            None if body.contains_key("conversation") => self.nested(body, fallback),
            None => self.flat(body, fallback),
        };
        Some(Event::Handoff(Box::new(handoff?)))
    }

    /// The id of a direct body, and whether the sender gave it.
    fn direct_id(&mut self, body: &Object, fallback: Fallback<'_>) -> Option<(String, bool)> {
        match (filled(body, "event_id"), fallback.idempotency_key) {
            (Some(id), _) => Some((self.identifier("event_id", id)?, true)),
            (None, Some(key)) => {
                Some((self.identifier("Idempotency-Key", &Value::from(key))?, true))
            }
            // The bytes and not what they say: only what is sent again unchanged is the same event.
            (None, None) => Some((hex::encode(Sha256::digest(fallback.bytes)), false)),
        }
    }

    fn conversation(&mut self, path: &str, parts: &Object) -> Option<Conversation> {
        let is_named = filled(parts, "id").or(filled(parts, "channel_url")).is_some();
        if !is_named {
            self.report(path, "must have an id or a channel_url");
        }

        // Read on without a name, so that all problems of the body are reported at once.
        let id = self.optional_identifier(path, parts, "id");
        let channel_url = self.optional_identifier(path, parts, "channel_url");
        let (id, channel_url) = self.told_apart(&join(path, "id"), id, channel_url);
        let channel_type = self.optional_identifier(path, parts, "channel_type");

        is_named.then_some(Conversation { id, channel_url, channel_type })
    }

    /// The id and the channel of a conversation: a channel that stands at `path`, where the id
    /// belongs, is the channel.
    fn told_apart(
        &mut self,
        path: &str,
        id: Option<String>,
        channel_url: Option<String>,
    ) -> (Option<String>, Option<String>) {
        match (id, channel_url) {
            (Some(id), Some(channel)) if id.starts_with(CHANNEL_PREFIX) => {
                // Two channels for one conversation: which of them is meant nobody can say.
                if id != channel {
                    self.report(path, "is another channel than channel_url");
                }
                (None, Some(channel))
            }
            (Some(id), None) if id.starts_with(CHANNEL_PREFIX) => (None, Some(id)),
            names => names,
        }
    }

    /// The context object; a missing one is empty.
    fn context(&mut self, path: &str, parts: &Object) -> Context {
        let object =
            present(parts, "context").and_then(|value| self.object(&join(path, "context"), value));
        Context(object.into_iter().flatten().map(emptied).collect())
    }

    /// A priority, if it is there.
    fn priority(&mut self, path: &str, parts: &Object) -> Option<Priority> {
        let (path, value) = (join(path, "priority"), filled(parts, "priority")?);
        let priority = Priority::parse(self.string(&path, value)?);
        if priority.is_none() {
            self.report(&path, "must be LOW, MEDIUM, HIGH or URGENT");
        }
        priority
    }

    /// A team's key, if it is there.
    fn team(&mut self, path: &str, parts: &Object) -> Option<TeamKey> {
        let (path, value) = (join(path, "team"), filled(parts, "team")?);
        let team = TeamKey::parse(self.string(&path, value)?.trim());
        if team.is_none() {
            self.report(&path, "must be a team key: lowercase letters, digits, - and _");
        }
        team
    }

    /// A ticket's id under this name, if it is there.
    fn ticket_id(&mut self, path: &str, parts: &Object, name: &str) -> Option<u64> {
        let id = ticket_id(filled(parts, name)?);
        if id.is_none() {
            self.report(&join(path, name), "must be a whole number");
        }
        id
    }

    fn required_identifier(&mut self, path: &str, parts: &Object, name: &str) -> Option<String> {
        let value = self.required(path, parts, name)?;
        self.identifier(&join(path, name), value)
    }

    fn optional_identifier(&mut self, path: &str, parts: &Object, name: &str) -> Option<String> {
        self.identifier(&join(path, name), filled(parts, name)?)
    }

    /// A short text or a number: what identifies something, on one line. White space around it is
    /// no part of it.
    fn identifier(&mut self, path: &str, value: &Value) -> Option<String> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            // The id of a conversation is a number in events and a text from tools: both are one
            // name.
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                self.report(path, "must be a string or a number");
                return None;
            }
        };

        let problem = if text.is_empty() {
            "must not be empty"
        } else if text.chars().count() > MAX_ID {
            "is longer than 512 characters"
        // It goes into titles, log lines and digests, where a line break would look like two
        // values.
        } else if text.chars().any(char::is_control) {
            "must not hold control characters"
        } else {
            return Some(text);
        };
        self.report(path, problem);

        None
    }
}

/// Of an array or an object, which no field takes, only that it is one is kept: nested deeply
/// enough, a body that can be read would become a message that cannot.
fn emptied((key, value): (&String, &Value)) -> (String, Value) {
    let value = match value {
        Value::Array(_) => Value::Array(Vec::new()),
        Value::Object(_) => Value::Object(Object::new()),
        scalar => scalar.clone(),
    };
    (key.clone(), value)
}

/// A property that is there and neither null nor blank.
fn filled<'v>(parts: &'v Object, name: &str) -> Option<&'v Value> {
    // Tools send an empty text for what they do not know.
    let is_blank = |value: &&Value| value.as_str().is_some_and(|text| text.trim().is_empty());
    present(parts, name).filter(|value| !is_blank(value))
}

fn ticket_id(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|id| *id > 0)
}

#[cfg(test)]
mod tests;
