//! The ticket as Desk holds it, for people. Values are shown: it is a local run on the user's own
//! file.

use desk_handoff::report::{OpeningMessage, Report};
use serde_json::Value;

use crate::output::explain::ending;
use crate::output::{Out, cell};

/// Tells how the handoff ended and what the ticket holds now.
pub(crate) fn show(report: &Report, ticket: Option<&Value>, out: &mut Out) {
    let Some((id, ticket)) = report.ticket.as_ref().map(|ticket| ticket.id).zip(ticket) else {
        out.heading(&format!("No ticket: {}", ending(report.status)));
        return;
    };
    out.heading(&format!("Ticket {id}: {}", ending(report.status)));
    out.pairs(facts(report, ticket));
    let fields = fields(ticket);

    if fields.is_empty() {
        out.heading("No field of the ticket is filled");
    } else {
        out.heading("Its fields");
        out.table(&["key", "value"], fields);
    }
}

fn facts(report: &Report, ticket: &Value) -> Vec<(&'static str, String)> {
    let text = |pointer: &str| ticket.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let opening = report.opening_message.map(|fared| match fared {
        OpeningMessage::Posted => "posted, so that agents see the ticket".to_owned(),
        OpeningMessage::Failed => {
            "refused by Chat: no agent sees the ticket before the customer writes".to_owned()
        }
        OpeningMessage::NotConfigured => {
            "not configured: no agent sees the ticket before the customer writes".to_owned()
        }
    });

    let team = text("/group/name").map(|name| match text("/group/key") {
        Some(key) => format!("{name} ({key})"),
        None => name,
    });
    let facts = [
        ("title", text("/channelName")),
        ("status", text("/status2")),
        ("priority", text("/priority")),
        ("team", team),
        ("customer", text("/customer/sendbirdId")),
        ("channel", text("/channelUrl")),
        ("opening message", opening),
    ];

    facts.into_iter().filter_map(|(name, fact)| Some((name, fact?))).collect()
}

fn fields(ticket: &Value) -> Vec<Vec<comfy_table::Cell>> {
    let fields = ticket["customFields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |field: &Value, name: &str| cell(field[name].as_str().unwrap_or_default());
    fields.iter().map(|field| vec![text(field, "key"), text(field, "value")]).collect()
}
