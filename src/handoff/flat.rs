//! The flat form: one JSON object of strings, numbers and booleans, as the tools of AI agents send
//! it.
//!
//! A few keys are reserved; everything else is the context. A tool sends an empty text for what it
//! does not know, so that counts as absent; a wrong type is an error.

use super::{Context, Conversation, Fallback, Form, Handoff, TicketWish, emptied, filled};
use crate::json_reader::{Object, Reader, present};

/// The keys that say something else than a fact about the customer.
const RESERVED: [&str; 10] = [
    "conversation_id",
    "channel_url",
    "user_id",
    "language",
    "country",
    "title",
    "priority",
    "team",
    "ticket_id",
    "event_id",
];

impl Reader {
    pub(super) fn flat(&mut self, body: &Object, fallback: Fallback<'_>) -> Option<Handoff> {
        let event = self.direct_id(body, fallback);
        let user_id = self.required_identifier("", body, "user_id");
        let conversation = self.flat_conversation(body);
        let language = self.optional_identifier("", body, "language");
        let country = self.optional_identifier("", body, "country");
        let title = filled(body, "title").and_then(|value| self.string("title", value));
        let ticket = TicketWish {
            id: self.ticket_id("", body, "ticket_id"),
            title: title.map(str::to_owned),
            priority: self.priority("", body),
            team: self.team("", body),
        };

        let is_reserved = |key: &str| RESERVED.contains(&key);
        // `app_id` addresses the application and says nothing of the customer.
        let facts = body.iter().filter(|(key, _)| !is_reserved(key) && *key != "app_id");
        // Kept beside the context, not in it: a reserved key has no line of its own unless a field
        // is defined for it.
        let reserved = body.iter().filter(|(key, _)| is_reserved(key));
        let (event_id, event_is_named) = event?;
        Some(Handoff {
            event_id,
            event_is_named,
            form: Form::Flat,
            conversation: conversation?,
            user_id: user_id?,
            context: Context(facts.map(emptied).collect()),
            reserved: Context(reserved.map(emptied).collect()),
            language,
            country,
            ticket,
            ..Handoff::default()
        })
    }

    fn flat_conversation(&mut self, body: &Object) -> Option<Conversation> {
        let has_name = filled(body, "conversation_id").or(filled(body, "channel_url")).is_some();
        if !has_name {
            let is_there = present(body, "conversation_id").or(present(body, "channel_url"));
            let message = match is_there {
                Some(_) => "must not be empty, unless channel_url is given",
                None => "is required, unless channel_url is given",
            };
            self.report("conversation_id", message);
            return None;
        }

        let id = self.optional_identifier("", body, "conversation_id");
        let channel_url = self.optional_identifier("", body, "channel_url");
        let (id, channel_url) = self.told_apart("conversation_id", id, channel_url);

        (id.is_some() || channel_url.is_some()).then_some(Conversation {
            id,
            channel_url,
            channel_type: None,
        })
    }
}
