//! What `run` shows, for a support engineer: what the webhook answered, what the worker made of it,
//! what Desk holds.
//!
//! What it says of the ticket is what the embedded Desk holds afterwards, not what was sent to it.

use desk_handoff::app::JobError;
use desk_handoff::handoff::{Event, Handoff};
use desk_handoff::process::ProcessError;
use desk_handoff::report::Report;
use desk_handoff::worker::{FIRST_BACKOFF, MessageError};
use http::StatusCode;
use serde_json::{Value, json};

use crate::commands::run::given::Given;
use crate::error::CliError;
use crate::input::fields::Fields;
use crate::local::queue::MAX_RECEIPTS;
use crate::local::understand;
use crate::output::Out;
use crate::output::answer::{Problem, ignored};
use crate::output::{outcomes, ticket};

/// What the webhook answered, what the worker made of what was queued, and what Desk holds.
pub(crate) struct RunSummary {
    pub(crate) status: StatusCode,
    pub(crate) answer: Value,
    pub(crate) result: Option<Result<Report, MessageError>>,
    pub(crate) ticket: Option<Value>,
}

impl RunSummary {
    /// For machines.
    pub(crate) fn document(&self) -> Value {
        let report = self.result.as_ref().and_then(|result| result.as_ref().ok());
        let status = self.status.as_u16();
        let mut document = json!({"answer": self.answer, "status": status, "report": report, "ticket": self.ticket});
        if let Some(Err(error)) = &self.result {
            document["error"] = error.to_string().into();
        }
        document
    }

    /// Whether there was nothing to do, or it is done.
    pub(crate) fn is_done(&self) -> bool {
        self.status.is_success() && !matches!(self.result, Some(Err(_)))
    }

    /// For people.
    pub(crate) fn show(
        &self,
        given: &Given,
        fields: &Fields,
        out: &mut Out,
    ) -> Result<(), CliError> {
        match &self.result {
            Some(Ok(report)) => show_report(report, self, given, fields, out),
            Some(Err(error)) => show_error(error, self.status, out),
            None if self.status.is_success() => {
                let category = ignored(&self.answer).unwrap_or_default();
                out.result(
                    true,
                    &format!("Ignored: an event of the category {category} is no handoff; nothing is done."),
                );
            }
            None => show_problem(self, out)?,
        }
        Ok(())
    }
}

fn show_report(report: &Report, ran: &RunSummary, given: &Given, fields: &Fields, out: &mut Out) {
    let key = given.input.header("idempotency-key");
    let handoff = understand(&given.body, &given.app_id, key);
    if let Ok(Event::Handoff(handoff)) = handoff {
        out.heading("Handed over");
        out.pairs(facts(&handoff, report, ran.status));
    }
    ticket::show(report, ran.ticket.as_ref(), out);
    outcomes::show(
        "What became of every key",
        &report.fields,
        &fields.rules,
        out,
        outcomes::Last::Meaning,
    );

    outcomes::tell_why(&report.fields, &fields.rules, out);
}

fn facts(handoff: &Handoff, report: &Report, status: StatusCode) -> Vec<(&'static str, String)> {
    let conversation = &handoff.conversation;
    let facts = [
        ("customer", Some(handoff.user_id.clone())),
        ("conversation", conversation.id.clone()),
        ("channel", conversation.channel_url.clone()),
        ("event", Some(report.event_id.clone())),
        ("webhook", Some(queued(status))),
        (
            "worker",
            Some(format!("took it from the queue; requests to Desk: {}", report.desk_calls)),
        ),
    ];

    facts.into_iter().filter_map(|(name, fact)| Some((name, fact?))).collect()
}

fn queued(status: StatusCode) -> String {
    format!("answered {} \"queued\"", status.as_u16())
}

fn show_error(error: &MessageError, status: StatusCode, out: &mut Out) {
    out.result(false, &format!("The webhook {}, and the worker could not do it", queued(status)));
    out.text(&format!("Why: {error}."));
    if let MessageError::Job(JobError::Failed(ProcessError::NotYet)) = error {
        out.text(NOT_YET);
    }
    out.text(&format!(
        "When deployed, it would be tried again after {} seconds and then ever later, {MAX_RECEIPTS} times in all.",
        FIRST_BACKOFF.as_secs()
    ));
}

const NOT_YET: &str = "The fields file says \"when_missing\": \"wait\", so Desk is to make the ticket itself, and the \
    embedded one does not.";

fn show_problem(ran: &RunSummary, out: &mut Out) -> Result<(), CliError> {
    let problem = Problem::read(&ran.answer)
        .ok_or_else(|| CliError::Work("the answer has another shape than this reads".to_owned()))?;
    problem.show(ran.status, out);
    Ok(())
}
