//! What lies on the queue: a handoff with its application and the way it came.
//!
//! Pure. It holds context values; the queue is encrypted at rest.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Form, Handoff};
use crate::config::AppId;
use crate::queue::QueueEntry;

/// The version of [`Message`]'s form. A worker leaves what it does not know to the dead-letter
/// queue.
pub const VERSION: u32 = 2;
/// The version of the first edition, which is still read: its messages may lie on a queue for
/// weeks.
const FIRST_VERSION: u32 = 1;

/// What lies on the queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    version: u32,
    app_id: String,
    /// What is to be done.
    pub handoff: Handoff,
    /// Whether it came by `POST /handoffs`: then no ticket of Desk's own is waited for.
    // A message of the first edition has no such mark: all were webhooks.
    #[serde(default)]
    pub direct: bool,
}

/// Why a message cannot be worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not ours, or damaged.
    #[error("the message cannot be read")]
    Unreadable,
    /// Written by another version of this software.
    #[error("the message is of a version that this worker does not know")]
    UnknownVersion,
}

impl Message {
    /// A message for this application.
    pub fn new(app_id: &AppId, handoff: Handoff, direct: bool) -> Self {
        Self { version: VERSION, app_id: app_id.as_str().to_owned(), handoff, direct }
    }

    /// Whose handoff it is; `None` if the id is not even one.
    pub fn app_id(&self) -> Option<AppId> {
        AppId::parse(&self.app_id)
    }

    /// As it is handed to the queue.
    pub fn entry(&self) -> QueueEntry {
        // Digests, because SQS takes at most 128 plain characters; joined by a line break, which no
        // identifier holds.
        let digest = |parts: &[&str]| hex::encode(Sha256::digest(parts.join("\n")));
        let user_id = &self.handoff.user_id;
        QueueEntry {
            group: digest(&[&self.app_id, user_id]),
            deduplication: digest(&[&self.app_id, user_id, &self.handoff.event_id]),
            body: self.text(),
        }
    }

    /// JSON without the two characters that SQS refuses and JSON need not escape (it takes what XML
    /// 1.0 takes).
    fn text(&self) -> String {
        let mut text =
            serde_json::to_string(self).expect("a handoff is made of texts and JSON values");
        for (refused, escaped) in [('\u{fffe}', "\\ufffe"), ('\u{ffff}', "\\uffff")] {
            // Most texts hold neither, and a replacement copies all of it.
            if text.contains(refused) {
                text = text.replace(refused, escaped);
            }
        }
        text
    }

    /// Reads a message back. `sent` is the time at which the queue took it, in milliseconds since
    /// 1970: a message of the first edition does not say when it was received.
    ///
    /// # Errors
    /// [`DecodeError`], which repeats nothing of it.
    pub fn parse(body: &str, sent: Option<i64>) -> Result<Self, DecodeError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        // The version alone first: a message of another one may have another form.
        let Version { version } =
            serde_json::from_str(body).map_err(|_| DecodeError::Unreadable)?;

        if version != VERSION && version != FIRST_VERSION {
            return Err(DecodeError::UnknownVersion);
        }

        let mut message: Self = serde_json::from_str(body).map_err(|_| DecodeError::Unreadable)?;
        if version == FIRST_VERSION {
            // Only webhooks were queued.
            message.handoff.form = Form::Envelope;
            message.handoff.received = sent.unwrap_or_default();
        }

        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handoff::{Context, Conversation, TicketWish};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn message(event_id: &str, channel: &str, context: Value) -> Message {
        let Value::Object(context) = context else { panic!("a context is an object") };
        let handoff = Handoff {
            event_id: event_id.into(),
            conversation: Conversation {
                id: Some("1".into()),
                channel_url: Some(channel.into()),
                channel_type: None,
            },
            user_id: "user_1".into(),
            context: Context(context),
            created_at: Some("2025-07-30T08:35:25Z".into()),
            received: 1_753_864_530_000,
            ticket: TicketWish { id: Some(7), ..TicketWish::default() },
            ..Handoff::default()
        };

        Message::new(&AppId::parse("APP-1").unwrap(), handoff, false)
    }

    #[test]
    fn message_comes_back_unchanged() {
        let context: Value =
            serde_json::from_str(r#"{"a": 1.10, "b": null, "c": {"d": []}, "e": "😀"}"#).unwrap();
        let message = message("evt", "ch", context);
        assert_eq!(message.app_id(), AppId::parse("APP-1"));
        assert_eq!(Message::parse(&message.entry().body, None), Ok(message));
    }

    #[test]
    fn message_holds_only_characters_of_sqs() {
        let message =
            message("evt", "ch", json!({"a": "\u{0}\u{1f}\u{7f}\u{fffe}\u{ffff}\t\n\u{10ffff}"}));
        let body = message.entry().body;
        let legal = |char| matches!(char, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(body.chars().all(legal), "{body:?}");
        assert_eq!(Message::parse(&body, None), Ok(message));
    }

    /// The customer is the unit of exclusion, whatever the conversation is called.
    #[test]
    fn customer_is_group_and_event_is_id() {
        let of_user = |user: &str, event: &str, channel: &str| {
            let mut message = message(event, channel, json!({}));
            message.handoff.user_id = user.into();
            message.entry()
        };
        let entry = of_user("u1", "e1", "ch1");
        let other_conversation = of_user("u1", "e1", "ch2");
        let other_user = of_user("u2", "e1", "ch1");
        assert_eq!(
            (&entry.group, &entry.deduplication),
            (&other_conversation.group, &other_conversation.deduplication)
        );
        assert_ne!(entry.group, other_user.group);
        assert_ne!(entry.deduplication, other_user.deduplication);
        assert_ne!(entry.deduplication, of_user("u1", "e2", "ch1").deduplication);

        assert_eq!((entry.group.len(), entry.deduplication.len()), (64, 64));
    }

    /// As the first edition wrote it.
    #[test]
    fn first_editions_message_is_read() {
        let body = r#"{"version":1,"app_id":"APP-1","handoff":{"event_id":"e","conversation":{"id":"1","channel_url":"ch",
            "channel_type":null},"user_id":"u","context":{"a":1},"language":null,"country":null,"ai_agent_id":null,
            "handoff_at":"2025-07-30T08:35:25Z","ticket":{"id":7,"title":null,"priority":"HIGH","team":"vip"}}}"#;
        let message = Message::parse(body, Some(5)).unwrap();
        let Handoff { event_is_named, form, received, created_at, .. } = &message.handoff;
        assert!(!message.direct && *event_is_named);
        assert_eq!((*form, *received, created_at), (Form::Envelope, 5, &None));
    }

    #[test]
    fn foreign_message_differs_from_other_version() {
        let other =
            message("e", "c", json!({})).entry().body.replace("\"version\":2", "\"version\":3");
        assert_eq!(Message::parse(&other, None), Err(DecodeError::UnknownVersion));
        for bad in ["", "{}", "[]", "{\"version\":1}", "{\"version\":2}", "{\"version\":\"1\"}"] {
            assert_eq!(Message::parse(bad, None), Err(DecodeError::Unreadable), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(body in r#"[\{\}\[\]":,a-z0-9]{0,80}"#) {
            let _ = Message::parse(&body, None);
        }
    }
}
