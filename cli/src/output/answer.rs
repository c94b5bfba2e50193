//! The receiver's answer, read back as any caller would read it: from its JSON.

use desk_handoff::fields::Entry;
use desk_handoff::report::TicketReport;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::output::Out;

/// A refusal, as RFC 9457 has it.
#[derive(Debug, Deserialize)]
pub(crate) struct Problem {
    title: String,
    detail: String,
    #[serde(default)]
    errors: Vec<Place>,
    request_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Place {
    path: String,
    detail: String,
}

impl Problem {
    pub(crate) fn read(answer: &Value) -> Option<Self> {
        Self::deserialize(answer).ok()
    }

    /// What was refused, and every place of it.
    pub(crate) fn show(&self, status: StatusCode, out: &mut Out) {
        out.result(false, &format!("Refused with {}: {}", status.as_u16(), self.title));
        if self.errors.is_empty() {
            out.text(&self.detail);
        }
        out.pairs(self.errors.iter().map(|place| (&place.path, &place.detail)));
    }

    /// Where the log has more, and when to come again.
    pub(crate) fn tell_request(&self, retry_after: Option<u64>, out: &mut Out) {
        let request = self.request_id.as_ref().map(|id| ("request", id.clone()));
        let again = retry_after.map(|seconds| ("again", format!("after {seconds} seconds")));
        out.pairs(request.into_iter().chain(again));
    }
}

/// A success: queued or ignored, or all that a report says.
#[derive(Debug, Deserialize)]
pub(crate) struct Done {
    pub(crate) status: String,
    action: Option<String>,
    event_id: Option<String>,
    ticket: Option<TicketReport>,
    #[serde(default)]
    pub(crate) fields: Vec<Entry>,
    opening_message: Option<String>,
}

impl Done {
    pub(crate) fn read(answer: &Value) -> Option<Self> {
        Self::deserialize(answer).ok()
    }

    /// The answer has the status that Desk said at the write; the opening message comes after it.
    fn status_of(&self, ticket: &TicketReport) -> Option<String> {
        let status = ticket.status.clone()?;
        let was_posted = self.opening_message.as_deref() == Some("posted");
        Some(if was_posted && status == "INITIALIZED" {
            format!("{status} (before the opening message, with which agents see it)")
        } else {
            status
        })
    }

    /// What there is to say of the ticket and the event.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let action = self
            .action
            .clone()
            .filter(|_| self.status == "preview")
            .map(|action| format!("{action} (not done)"));
        let ticket = self.ticket.as_ref();
        let facts = [
            ("action", action),
            ("event", self.event_id.clone()),
            ("ticket", ticket.map(|ticket| ticket.id.to_string())),
            ("status", ticket.and_then(|ticket| self.status_of(ticket))),
            ("priority", ticket.and_then(|ticket| ticket.priority.clone())),
            ("team", ticket.and_then(|ticket| ticket.team.clone())),
            ("opening message", self.opening_message.clone()),
        ];

        facts.into_iter().filter_map(|(name, fact)| Some((name, fact?))).collect()
    }
}

/// The category of an event that is none of a handoff's business, if the answer says so.
pub(crate) fn ignored(answer: &Value) -> Option<&str> {
    (answer.get("status")?.as_str()? == "ignored")
        .then(|| answer.get("category")?.as_str())
        .flatten()
}
