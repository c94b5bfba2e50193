//! The queue between the webhook and the worker: what lies on it, and the seam to it.
//!
//! A FIFO queue: the handoffs of one conversation form a group and are worked on one after the other, the same event
//! put on it twice within five minutes lies on it once. A message holds context values; the queue is encrypted at rest.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::config::AppId;
use crate::handoff::Handoff;
use crate::seam::{BoxFuture, StoreError};

/// The version of [`Message`]'s form. A worker leaves what it does not know to the dead-letter queue.
pub const VERSION: u32 = 1;

/// The seam to the queue.
pub trait Queue: Send + Sync {
    /// Puts an entry on the queue; `Ok` means that the queue holds it.
    fn send<'a>(&'a self, entry: &'a QueueEntry) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Lets the message that was received with this handle come again after so many seconds.
    fn postpone<'a>(&'a self, receipt_handle: &'a str, seconds: u32) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Gets ready what the first entry would have to wait for; that it cannot is no failure.
    fn open(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// What is handed to the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueEntry {
    /// The conversation, as 64 hex digits.
    pub group: String,
    /// The event, as 64 hex digits.
    pub deduplication: String,
    /// A [`Message`] as JSON.
    pub body: String,
}

/// What lies on the queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    version: u32,
    app_id: String,
    /// What is to be done.
    pub handoff: Handoff,
}

/// Why a message cannot be worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// Not ours, or damaged.
    #[error("the message cannot be read")]
    Unreadable,
    /// Written by another version of this software.
    #[error("the message is of a version that this worker does not know")]
    UnknownVersion,
}

impl Message {
    /// A message for this application.
    pub fn new(app_id: &AppId, handoff: Handoff) -> Self {
        Self { version: VERSION, app_id: app_id.as_str().to_owned(), handoff }
    }

    /// Whose handoff it is; `None` if the id is not even one.
    pub fn app_id(&self) -> Option<AppId> {
        AppId::parse(&self.app_id)
    }

    /// As it is handed to the queue.
    pub fn entry(&self) -> QueueEntry {
        let digest = |parts: [&str; 2]| hex::encode(Sha256::digest(parts.join("\n")));
        QueueEntry {
            group: digest([&self.app_id, self.handoff.conversation.name()]),
            deduplication: digest([&self.app_id, &self.handoff.event_id]),
            body: self.text(),
        }
    }

    /// JSON without the two characters that SQS refuses and JSON need not escape (it takes what XML 1.0 takes).
    fn text(&self) -> String {
        let mut text = serde_json::to_string(self).expect("a handoff is made of texts and JSON values");
        for (refused, escaped) in [('\u{fffe}', "\\ufffe"), ('\u{ffff}', "\\uffff")] {
            if text.contains(refused) {
                text = text.replace(refused, escaped);
            }
        }
        text
    }

    /// Reads a message back.
    ///
    /// # Errors
    /// [`BadMessage`], which repeats nothing of it.
    pub fn parse(body: &str) -> Result<Self, BadMessage> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_str(body).map_err(|_| BadMessage::Unreadable)?;
        if version != VERSION {
            return Err(BadMessage::UnknownVersion);
        }
        serde_json::from_str(body).map_err(|_| BadMessage::Unreadable)
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
            conversation: Conversation { id: Some("1".into()), channel_url: Some(channel.into()), channel_type: None },
            user_id: "user_1".into(),
            context: Context(context),
            language: None,
            country: None,
            ai_agent_id: None,
            handoff_at: Some("2025-07-30T08:35:25Z".into()),
            ticket: TicketWish { id: Some(7), title: None, priority: None, team: None },
        };
        Message::new(&AppId::parse("APP-1").unwrap(), handoff)
    }

    #[test]
    fn a_message_comes_back_as_it_was_put() {
        let context: Value = serde_json::from_str(r#"{"a": 1.10, "b": null, "c": {"d": []}, "e": "😀"}"#).unwrap();
        let message = message("evt", "ch", context);
        assert_eq!(message.app_id(), AppId::parse("APP-1"));
        assert_eq!(Message::parse(&message.entry().body), Ok(message));
    }

    #[test]
    fn a_message_holds_only_characters_that_sqs_takes() {
        let message = message("evt", "ch", json!({"a": "\u{0}\u{1f}\u{7f}\u{fffe}\u{ffff}\t\n\u{10ffff}"}));
        let body = message.entry().body;
        let legal =
            |char| matches!(char, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(body.chars().all(legal), "{body:?}");
        assert_eq!(Message::parse(&body), Ok(message));
    }

    #[test]
    fn one_conversation_is_one_group_and_one_event_one_id() {
        let [a, b, c] =
            [("e1", "ch1"), ("e2", "ch1"), ("e1", "ch2")].map(|(id, ch)| message(id, ch, json!({})).entry());
        assert_eq!(a.group, b.group);
        assert_ne!(a.group, c.group);
        assert_ne!(a.deduplication, b.deduplication);
        assert_eq!(a.deduplication, c.deduplication);
        assert_eq!((a.group.len(), a.deduplication.len()), (64, 64));
    }

    #[test]
    fn what_is_not_ours_is_told_from_what_is_of_another_version() {
        let other = message("e", "c", json!({})).entry().body.replace("\"version\":1", "\"version\":2");
        assert_eq!(Message::parse(&other), Err(BadMessage::UnknownVersion));
        for bad in ["", "{}", "[]", "{\"version\":1}", "{\"version\":\"1\"}"] {
            assert_eq!(Message::parse(bad), Err(BadMessage::Unreadable), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_message_makes_it_panic(body in r#"[\{\}\[\]":,a-z0-9]{0,80}"#) {
            let _ = Message::parse(&body);
        }
    }
}
