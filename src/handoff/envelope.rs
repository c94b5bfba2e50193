//! The AI agent's event, as documented by the sender (desk-wire section 8).
//!
//! A webhook is not lost for an optional part: what is needed is the event's id, the user, and the
//! id or the channel of the conversation. Any other part of a wrong type counts as absent and is a
//! remark. The sender's own samples hold times that cannot be read.

use serde_json::Value;

use super::{Conversation, Form, Handoff, MAX_REMARKS, TicketWish, filled, ticket_id};
use crate::json_reader::{Object, Reader, join, present};

const CONVERSATION: &str = "data.conversation";
const AGENT_CONTEXT: &str = "data.conversation.ai_agent_context";

impl Reader {
    pub(super) fn envelope(&mut self, body: &Object) -> Option<Handoff> {
        let event_id = self.required_identifier("", body, "id");
        let data = self.required("", body, "data").and_then(|value| self.object("data", value))?;
        let conversation = self
            .required("data", data, "conversation")
            .and_then(|value| self.object(CONVERSATION, value))?;
        let user_id = self.required_identifier(CONVERSATION, conversation, "user_id");

        // What is wrong from here on is a remark.
        let mut remarks = Self::default();
        let names = self.names(conversation, &mut remarks);
        let nothing = Object::new();
        let agent_context = present(conversation, "ai_agent_context")
            .and_then(|value| remarks.object(AGENT_CONTEXT, value))
            .unwrap_or(&nothing);
        let handoff = Handoff {
            event_id: event_id?,
            // A repeated delivery carries the same id, however late it comes.
            event_is_named: true,
            form: Form::Envelope,
            conversation: names?,
            user_id: user_id?,
            context: remarks.context(AGENT_CONTEXT, agent_context),
            language: remarks.optional_identifier(AGENT_CONTEXT, agent_context, "language"),
            country: remarks.optional_identifier(AGENT_CONTEXT, agent_context, "country"),
            ai_agent_id: remarks.optional_identifier("data", data, "ai_agent_id"),
            handoff_at: remarks.optional_identifier("data", data, "handoff_at"),
            created_at: remarks.optional_identifier("", body, "created_at"),
            ticket: TicketWish { id: remarks.desk_case(data), ..TicketWish::default() },
            ..Handoff::default()
        };
        let paths = remarks.problems.into_iter().map(|problem| problem.path);
        Some(Handoff { remarks: paths.take(MAX_REMARKS).collect(), ..handoff })
    }

    /// The names of the conversation: one that can be used is needed, another one may be unusable.
    fn names(&mut self, parts: &Object, remarks: &mut Self) -> Option<Conversation> {
        let mut problems = Self::default();
        let id = problems.optional_identifier(CONVERSATION, parts, "id");
        let channel_url = problems.optional_identifier(CONVERSATION, parts, "channel_url");

        if id.is_none() && channel_url.is_none() {
            self.report(CONVERSATION, "must have an id or a channel_url");
            self.problems.append(&mut problems.problems);
            return None;
        }
        remarks.problems.append(&mut problems.problems);
        let path = join(CONVERSATION, "id");
        let (id, channel_url) = remarks.told_apart(&path, id, channel_url);
        let channel_type = remarks.optional_identifier(CONVERSATION, parts, "channel_type");

        Some(Conversation { id, channel_url, channel_type })
    }

    /// The ticket id in an `external_case`, if its type says that the case is one of Desk's. Which
    /// types Sendbird sends is not known (desk-wire section 9, question 7), so another type is
    /// nothing to remark on.
    fn desk_case(&mut self, data: &Object) -> Option<u64> {
        let path = "data.external_case";
        let case = self.object(path, present(data, "external_case")?)?;
        let kind = filled(case, "type").and_then(Value::as_str)?.trim();

        // A number of another vendor's case would be taken for that of a ticket.
        if !matches!(kind, "sendbird_desk" | "desk") {
            return None;
        }

        let id = ticket_id(filled(case, "case_id")?);
        if id.is_none() {
            self.report("data.external_case.case_id", "must be a whole number");
        }

        id
    }
}
