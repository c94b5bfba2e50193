//! The nested direct form, of scripts and people with curl: a `conversation`, a `context`, a
//! `ticket`.
//!
//! A wrong type is an error: a developer is there to read it.

use serde_json::Value;

use super::{Fallback, Form, Handoff, TicketWish};
use crate::json_reader::{Object, Reader, present};

impl Reader {
    pub(super) fn nested(&mut self, body: &Object, fallback: Fallback<'_>) -> Option<Handoff> {
        let event = self.direct_id(body, fallback);
        let path = "conversation";
        let parts = self.required("", body, path).and_then(|value| self.object(path, value))?;
        let user_id = self.required_identifier(path, parts, "user_id");
        let conversation = self.conversation(path, parts);
        let context = self.context("", body);
        let language = self.optional_identifier("", body, "language");
        let country = self.optional_identifier("", body, "country");
        let ai_agent_id = self.optional_identifier("", body, "ai_agent_id");
        let handoff_at = self.optional_identifier("", body, "handoff_at");
        let ticket = present(body, "ticket").map(|value| self.wish(value)).unwrap_or_default();

        // Only now, so that all problems of the body are reported at once.
        let (event_id, event_is_named) = event?;
        Some(Handoff {
            event_id,
            event_is_named,
            form: Form::Nested,
            conversation: conversation?,
            user_id: user_id?,
            context,
            language,
            country,
            ai_agent_id,
            handoff_at,
            ticket,
            ..Handoff::default()
        })
    }

    fn wish(&mut self, value: &Value) -> TicketWish {
        let path = "ticket";
        let Some(parts) = self.object(path, value) else { return TicketWish::default() };
        TicketWish {
            id: self.ticket_id(path, parts, "id"),
            title: present(parts, "title")
                .and_then(|value| self.filled("ticket.title", value))
                .map(str::to_owned),
            priority: self.priority(path, parts),
            team: self.team(path, parts),
        }
    }
}
