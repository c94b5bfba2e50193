//! What was handed over: the two body forms, read into one [`Handoff`].
//!
//! Pure. Takes only a body that [`crate::auth`] let through. Unknown properties are ignored, and a time is read only to
//! order handoffs: the sender's own samples hold some that cannot be (desk-wire section 8). What is missing or misshapen is
//! reported with its JSON path and never with its value.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::auth::Authenticated;
use crate::config::AppId;
use crate::rules::{Priority, TeamKey};
use crate::shape::{self, Problem, Reader, join, present};

/// The longest identifier taken, in characters. Sendbird's own are far shorter.
pub const MAX_ID: usize = 512;

/// What a body turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Work to do.
    Handoff(Box<Handoff>),
    /// An event of this category, which is none of our business.
    Ignored(String),
}

/// One conversation handed over to a human.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handoff {
    /// Tells one delivery from another: the same event has the same id.
    pub event_id: String,
    /// The AI agent's conversation.
    pub conversation: Conversation,
    /// The customer's Sendbird user id.
    pub user_id: String,
    /// The facts about the customer.
    pub context: Context,
    /// Such as `en`.
    pub language: Option<String>,
    /// Such as `US`.
    pub country: Option<String>,
    /// The AI agent that hands over.
    pub ai_agent_id: Option<String>,
    /// As the sender wrote it, readable or not.
    pub handoff_at: Option<String>,
    /// What the sender says of the ticket.
    pub ticket: TicketWish,
}

/// The AI agent's conversation: `id` or `channel_url` is there, mostly both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// Its number, as text.
    pub id: Option<String>,
    /// Its Chat group channel.
    pub channel_url: Option<String>,
    /// `messenger`, `voice`, `sms`, `email`, `whatsapp`.
    pub channel_type: Option<String>,
}

impl Handoff {
    /// When it was handed over, in microseconds since 1970, if the sender's time can be read: some of its own samples
    /// cannot. Orders handoffs, and decides nothing where it is missing.
    pub fn micros(&self) -> Option<i64> {
        let time = OffsetDateTime::parse(self.handoff_at.as_deref()?, &Rfc3339).ok()?;
        i64::try_from(time.unix_timestamp_nanos() / 1_000).ok()
    }
}

impl Conversation {
    /// What it is known by: its channel, else its number.
    pub fn name(&self) -> &str {
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

/// The key-value facts about the customer. Prints nothing but its size: a value may be a token.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Context(pub Map<String, Value>);

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
    Shape(Vec<Problem>),
}

/// Reads a body of either form for the application that was chosen.
///
/// `idempotency_key` is the header of that name: the event id of a direct body that has none of its own. Without either
/// it is the SHA-256 digest of the body.
///
/// # Errors
/// [`BadBody`], which names the place and no value.
pub fn parse(body: Authenticated<'_>, app_id: &AppId, idempotency_key: Option<&str>) -> Result<Event, BadBody> {
    let bytes = body.body();
    if bytes.trim_ascii().is_empty() {
        return Err(BadBody::Empty);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| BadBody::NotUtf8(error.valid_up_to()))?;
    let value: Value =
        shape::json(text).map_err(|error| BadBody::NotJson { line: error.line(), column: error.column() })?;
    let mut reader = Reader::default();
    let event = reader.event(&value, app_id, |reader| match idempotency_key {
        Some(key) => reader.identifier("Idempotency-Key", &Value::from(key)),
        None => Some(hex::encode(Sha256::digest(bytes))),
    });
    reader.finish(event).map_err(BadBody::Shape)
}

impl Reader {
    fn event(
        &mut self,
        value: &Value,
        app_id: &AppId,
        fallback_id: impl FnOnce(&mut Self) -> Option<String>,
    ) -> Option<Event> {
        let body = self.object("", value)?;
        if let Some(theirs) = present(body, "app_id")
            && theirs.as_str() != Some(app_id.as_str())
        {
            self.report("app_id", "is not the application that was addressed");
        }
        let Some(category) = body.get("category") else { return self.direct(body, fallback_id) };
        match self.string("category", category)? {
            "handoff" => self.envelope(body),
            other => Some(Event::Ignored(other.chars().take(64).collect())),
        }
    }

    /// The event envelope, as documented by the sender (desk-wire section 8).
    fn envelope(&mut self, body: &Map<String, Value>) -> Option<Event> {
        let event_id = self.required_identifier("", body, "id");
        let data = self.required("", body, "data").and_then(|value| self.object("data", value))?;
        let path = "data.conversation";
        let conversation = self.required("data", data, "conversation").and_then(|value| self.object(path, value))?;
        let nothing = Map::new();
        let path_of_facts = "data.conversation.ai_agent_context";
        let facts = present(conversation, "ai_agent_context").and_then(|value| self.object(path_of_facts, value));
        let ticket = TicketWish { id: present(data, "external_case").and_then(desk_case), ..TicketWish::default() };
        self.handoff(event_id, (path, conversation), (path_of_facts, facts.unwrap_or(&nothing)), ("data", data), ticket)
    }

    /// The direct form: a tool call, a script, a person with curl.
    fn direct(
        &mut self,
        body: &Map<String, Value>,
        fallback_id: impl FnOnce(&mut Self) -> Option<String>,
    ) -> Option<Event> {
        let event_id = match present(body, "event_id") {
            Some(id) => self.identifier("event_id", id),
            None => fallback_id(self),
        };
        let path = "conversation";
        let conversation = self.required("", body, path).and_then(|value| self.object(path, value))?;
        let ticket = present(body, "ticket").map(|value| self.wish(value)).unwrap_or_default();
        self.handoff(event_id, (path, conversation), ("", body), ("", body), ticket)
    }

    /// What both forms say, each at a place of its own: of the conversation, of the customer (`facts`), and the rest.
    fn handoff(
        &mut self,
        event_id: Option<String>,
        (path, conversation): (&str, &Map<String, Value>),
        (path_of_facts, facts): (&str, &Map<String, Value>),
        (path_of_rest, rest): (&str, &Map<String, Value>),
        ticket: TicketWish,
    ) -> Option<Event> {
        let user_id = self.required_identifier(path, conversation, "user_id");
        let conversation = self.conversation(path, conversation);
        let context = self.context(path_of_facts, facts);
        let language = self.optional_identifier(path_of_facts, facts, "language");
        let country = self.optional_identifier(path_of_facts, facts, "country");
        let ai_agent_id = self.optional_identifier(path_of_rest, rest, "ai_agent_id");
        // An unusable time is no reason to lose a handoff.
        let handoff_at = Self::default().optional_identifier(path_of_rest, rest, "handoff_at");
        Some(Event::Handoff(Box::new(Handoff {
            event_id: event_id?,
            conversation: conversation?,
            user_id: user_id?,
            context,
            language,
            country,
            ai_agent_id,
            handoff_at,
            ticket,
        })))
    }

    fn conversation(&mut self, path: &str, parts: &Map<String, Value>) -> Option<Conversation> {
        let known = filled(parts, "id").or(filled(parts, "channel_url"));
        if known.is_none() {
            self.report(path, "must have an id or a channel_url");
        }
        let conversation = Conversation {
            id: self.optional_identifier(path, parts, "id"),
            channel_url: self.optional_identifier(path, parts, "channel_url"),
            channel_type: self.optional_identifier(path, parts, "channel_type"),
        };
        known.map(|_| conversation)
    }

    /// The context object; a missing one is empty. Of an array or an object in it, which no field takes, only that it is one
    /// is kept: nested deeply enough, a body that can be read would become a message that cannot.
    fn context(&mut self, path: &str, parts: &Map<String, Value>) -> Context {
        let object = present(parts, "context").and_then(|value| self.object(&join(path, "context"), value));
        let emptied = |value: &Value| match value {
            Value::Array(_) => Value::Array(Vec::new()),
            Value::Object(_) => Value::Object(Map::new()),
            scalar => scalar.clone(),
        };
        Context(object.into_iter().flatten().map(|(key, value)| (key.clone(), emptied(value))).collect())
    }

    fn wish(&mut self, value: &Value) -> TicketWish {
        let Some(parts) = self.object("ticket", value) else { return TicketWish::default() };
        let mut chosen = |name: &str, rule: &str, legal: &dyn Fn(&str) -> bool| {
            let path = join("ticket", name);
            let text = present(parts, name).and_then(|value| self.filled(&path, value))?;
            if !legal(text) {
                self.report(&path, rule);
            }
            Some(text)
        };
        let priority =
            chosen("priority", "must be LOW, MEDIUM, HIGH or URGENT", &|text| Priority::parse(text).is_some());
        let team = chosen("team", "must be a team key: lowercase letters, digits, - and _", &|text| {
            TeamKey::parse(text).is_some()
        });
        let title = chosen("title", "must not be empty", &|_| true);
        let id = present(parts, "id").and_then(|value| {
            let id = ticket_id(value);
            if id.is_none() {
                self.report("ticket.id", "must be a whole number");
            }
            id
        });
        TicketWish {
            id,
            title: title.map(str::to_owned),
            priority: priority.and_then(Priority::parse),
            team: team.and_then(TeamKey::parse),
        }
    }

    fn required_identifier(&mut self, path: &str, parts: &Map<String, Value>, name: &str) -> Option<String> {
        let value = self.required(path, parts, name)?;
        self.identifier(&join(path, name), value)
    }

    fn optional_identifier(&mut self, path: &str, parts: &Map<String, Value>, name: &str) -> Option<String> {
        self.identifier(&join(path, name), filled(parts, name)?)
    }

    /// A short text or a number: what identifies something, on one line.
    fn identifier(&mut self, path: &str, value: &Value) -> Option<String> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => {
                self.report(path, "must be a string or a number");
                return None;
            }
        };
        let problem = if text.trim().is_empty() {
            "must not be empty"
        } else if text.chars().count() > MAX_ID {
            "is longer than 512 characters"
        } else if text.chars().any(char::is_control) {
            "must not hold control characters"
        } else {
            return Some(text);
        };
        self.report(path, problem);
        None
    }
}

/// A property that is there and neither null nor blank.
fn filled<'v>(parts: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    present(parts, name).filter(|value| value.as_str().is_none_or(|text| !text.trim().is_empty()))
}

/// The ticket id in an `external_case`, if its type says that the case is one of Desk's. Which types Sendbird sends is
/// not known (desk-wire section 9, question 7), so anything else is no error.
fn desk_case(case: &Value) -> Option<u64> {
    let kind = case.get("type")?.as_str()?;
    matches!(kind, "sendbird_desk" | "desk").then(|| ticket_id(case.get("case_id")?)).flatten()
}

fn ticket_id(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).filter(|id| *id > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Keys, authenticate, sign};
    use http::{HeaderMap, HeaderValue};
    use proptest::prelude::*;
    use serde_json::json;

    fn read(body: &[u8], idempotency_key: Option<&str>) -> Result<Event, BadBody> {
        let keys = Keys { signing: vec!["s".into()], ..Keys::default() };
        let mut headers = HeaderMap::new();
        headers.insert("x-sendbird-signature", HeaderValue::from_str(&sign(body, "s")).unwrap());
        let body = authenticate(body, &headers, &keys, std::time::UNIX_EPOCH).unwrap();
        parse(body, &AppId::parse("APP-1").unwrap(), idempotency_key)
    }

    fn handoff(body: &Value) -> Handoff {
        match read(body.to_string().as_bytes(), None).unwrap() {
            Event::Handoff(handoff) => *handoff,
            Event::Ignored(category) => panic!("ignored as {category}"),
        }
    }

    fn paths(body: &Value) -> Vec<String> {
        match read(body.to_string().as_bytes(), None).unwrap_err() {
            BadBody::Shape(problems) => problems.into_iter().map(|problem| problem.path).collect(),
            other => panic!("{other}"),
        }
    }

    fn envelope() -> Value {
        json!({
            "id": "evt-1", "app_id": "APP-1", "category": "handoff", "created_at": "2025-07-30T08:30:32.d25Z",
            "data": {
                "ai_agent_id": "bot",
                "conversation": {
                    "id": 2647, "user_id": "user_1", "channel_url": "channel_1", "channel_type": "messenger",
                    "ai_agent_context": {"language": "en", "country": "US", "context": {"order-id": "ORD-1"}}
                },
                "external_case": {"case_id": "77", "type": "sendbird_desk"},
                "handoff_at": "2025-07-30T08:30:32.d48s"
            }
        })
    }

    #[test]
    fn the_documented_envelope_is_read() {
        let handoff = handoff(&envelope());
        assert_eq!(handoff.event_id, "evt-1");
        assert_eq!(handoff.conversation.id.as_deref(), Some("2647"));
        assert_eq!(handoff.conversation.channel_url.as_deref(), Some("channel_1"));
        assert_eq!(handoff.context.0.len(), 1);
        assert_eq!(handoff.ticket.id, Some(77));
        assert_eq!(handoff.handoff_at.as_deref(), Some("2025-07-30T08:30:32.d48s"));
    }

    #[test]
    fn a_time_orders_only_where_it_can_be_read() {
        let mut handoff = handoff(&envelope());
        assert_eq!(handoff.micros(), None);
        handoff.handoff_at = Some("2025-07-30T08:35:25.5Z".into());
        assert_eq!(handoff.micros(), Some(1_753_864_525_500_000));
        handoff.handoff_at = Some("2025-07-30T10:35:25.5+02:00".into());
        assert_eq!(handoff.micros(), Some(1_753_864_525_500_000));
    }

    #[test]
    fn a_missing_context_is_an_empty_one() {
        for gone in [json!(null), json!({}), json!({"context": null})] {
            let mut body = envelope();
            body["data"]["conversation"]["ai_agent_context"] = gone;
            assert!(handoff(&body).context.0.is_empty());
        }
    }

    #[test]
    fn only_a_case_of_desk_is_a_ticket() {
        for case in
            [json!({"case_id": "77", "type": "sprinklr"}), json!({"case_id": "x", "type": "desk"}), json!("desk")]
        {
            let mut body = envelope();
            body["data"]["external_case"] = case;
            assert_eq!(handoff(&body).ticket.id, None);
        }
    }

    #[test]
    fn the_other_categories_are_ignored_whatever_they_hold() {
        for category in [
            "conversation:started",
            "conversation:closed",
            "message:user_sent",
            "message:ai_agent_sent",
            "message:human_agent_sent",
            "flagged_message:hallucination_detected",
        ] {
            let body = json!({"category": category, "data": 5}).to_string();
            assert_eq!(read(body.as_bytes(), None), Ok(Event::Ignored(category.into())));
        }
    }

    #[test]
    fn the_direct_form_is_told_by_having_no_category() {
        let handoff = handoff(&json!({
            "event_id": 9, "conversation": {"id": "c", "user_id": "u"}, "context": {"a": 1},
            "ticket": {"id": 5, "title": "T", "priority": "high", "team": "vip"}
        }));
        assert_eq!(handoff.event_id, "9");
        assert_eq!(handoff.ticket.priority, Some(Priority::High));
        assert_eq!(handoff.ticket.team, TeamKey::parse("vip"));
    }

    #[test]
    fn a_direct_body_is_named_by_itself_then_the_header_then_its_digest() {
        let id = |body: &str, key| match read(body.as_bytes(), key) {
            Ok(Event::Handoff(handoff)) => handoff.event_id,
            other => panic!("{other:?}"),
        };
        let bare = r#"{"conversation":{"id":"c","user_id":"u"}}"#;
        assert_eq!(id(bare, Some("key-1")), "key-1");
        assert_eq!(id(r#"{"event_id":"e","conversation":{"id":"c","user_id":"u"}}"#, Some("key-1")), "e");
        assert_eq!(id(bare, None), id(bare, None));
        assert_eq!(id(bare, None).len(), 64);
        assert!(matches!(read(bare.as_bytes(), Some("")), Err(BadBody::Shape(_))));
    }

    #[test]
    fn every_wrong_shape_is_named_by_its_path() {
        let mut body = envelope();
        body["app_id"] = json!("APP-2");
        body["data"]["conversation"]["user_id"] = json!(["u"]);
        body["data"]["conversation"]["ai_agent_context"]["context"] = json!("x");
        body["data"]["conversation"]["ai_agent_context"]["country"] = json!("U\nS");
        assert_eq!(
            paths(&body),
            [
                "app_id",
                "data.conversation.user_id",
                "data.conversation.ai_agent_context.context",
                "data.conversation.ai_agent_context.country"
            ]
        );
        assert_eq!(paths(&json!({"category": "handoff"})), ["id", "data"]);
        assert_eq!(paths(&json!({"category": 5})), ["category"]);
        assert_eq!(paths(&json!([])), [""]);
        assert_eq!(paths(&json!({"conversation": {"user_id": "u"}})), ["conversation"]);
        let wishes = json!({"id": -1, "priority": "top", "team": "V I P", "title": " "});
        assert_eq!(
            paths(&json!({"conversation": {"id": 1, "user_id": "u"}, "ticket": wishes})),
            ["ticket.priority", "ticket.team", "ticket.title", "ticket.id"]
        );
    }

    #[test]
    fn an_id_has_512_characters_at_most_and_a_tickets_id_is_not_zero() {
        let body = |id: &str, ticket: u64| json!({"event_id": id, "conversation": {"id": 1, "user_id": "u"}, "ticket": {"id": ticket}});
        assert_eq!(handoff(&body(&"é".repeat(MAX_ID), 1)).event_id.chars().count(), MAX_ID);
        assert_eq!(paths(&body(&"é".repeat(MAX_ID + 1), 0)), ["event_id", "ticket.id"]);
    }

    #[test]
    fn what_is_no_json_is_named_by_its_place() {
        assert_eq!(read(b" \n", None), Err(BadBody::Empty));
        assert_eq!(read(b"{\"a\": \xff}", None), Err(BadBody::NotUtf8(6)));
        assert_eq!(read(b"{\n  oops}", None), Err(BadBody::NotJson { line: 2, column: 3 }));
        let deep = "[".repeat(10_000);
        assert!(matches!(read(deep.as_bytes(), None), Err(BadBody::NotJson { .. })));
    }

    #[test]
    fn a_number_keeps_its_digits() {
        let body = br#"{"conversation":{"id":1,"user_id":"u"},"context":{"a":1.10,"b":123456789012345678901234567890,"c":1e400}}"#;
        let Ok(Event::Handoff(handoff)) = read(body, None) else { panic!("not read") };
        let written: Vec<String> = handoff.context.0.values().map(ToString::to_string).collect();
        assert_eq!(written, ["1.10", "123456789012345678901234567890", "1e+400"]);
    }

    #[test]
    fn what_is_nested_in_a_context_is_not_kept() {
        let handoff = handoff(&json!({
            "conversation": {"id": 1, "user_id": "u"}, "context": {"a": [[1]], "b": {"c": {}}, "d": 1}
        }));
        assert_eq!(Value::Object(handoff.context.0), json!({"a": [], "b": {}, "d": 1}));
    }

    #[test]
    fn a_handoff_prints_no_context_value() {
        let printed = format!("{:?}", handoff(&envelope()));
        assert!(!printed.contains("ORD-1"), "{printed}");
    }

    #[test]
    fn no_time_and_no_blank_side_fact_costs_a_handoff() {
        for time in
            [json!(true), json!([]), json!("2025-07-30\n08:30"), json!("x".repeat(600)), json!(" "), json!(null)]
        {
            let mut body = envelope();
            body["data"]["handoff_at"] = time;
            body["data"]["conversation"]["ai_agent_context"]["language"] = json!(" ");
            body["data"]["conversation"]["ai_agent_context"]["country"] = json!("");
            let handoff = handoff(&body);
            assert_eq!((handoff.handoff_at, handoff.language, handoff.country), (None, None, None));
        }
    }

    #[test]
    fn a_conversation_has_a_name_that_is_not_blank() {
        for (id, channel) in [(json!(""), json!(null)), (json!(" "), json!("")), (json!(null), json!(" "))] {
            let body = json!({"conversation": {"id": id, "channel_url": channel, "user_id": "u"}});
            assert_eq!(paths(&body), ["conversation"]);
        }
        let body = json!({"conversation": {"id": " ", "channel_url": "ch_1", "user_id": "u"}});
        let conversation = handoff(&body).conversation;
        assert_eq!((conversation.id.as_deref(), conversation.name()), (None, "ch_1"));
    }

    #[test]
    fn half_an_emoji_costs_a_handoff_nothing_but_itself() {
        let body = br#"{"conversation": {"id": 1, "user_id": "u"}, "context": {"summary": "lid \ud83d"}}"#;
        let Event::Handoff(handoff) = read(body, None).unwrap() else { panic!("it is one") };
        assert_eq!(handoff.context.0["summary"], json!("lid \u{fffd}"));
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&body, None);
        }

        #[test]
        fn a_problem_never_repeats_a_value(value in "[A-Z]{12}") {
            let wrong = json!([value]);
            let body = json!({
                "app_id": value, "event_id": wrong, "conversation": {"id": wrong, "user_id": wrong}, "context": value,
                "language": wrong, "ticket": {"priority": value, "team": value, "id": value}
            });
            let error = read(body.to_string().as_bytes(), None).unwrap_err();
            let both = format!("{error} {error:?}");
            prop_assert!(!both.contains(&value), "{}", both);
        }
    }
}
