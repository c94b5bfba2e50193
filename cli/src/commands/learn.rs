//! `learn`: a first `fields` file from what recent tickets show. Keys, types and counts are printed,
//! never a value.

use std::fmt::Write as _;

use desk_handoff::fields::MAX_FIELDS;
use desk_handoff::rules::{FieldKey, FieldKind};
use desk_handoff::secrets::{Credentials, Parameter};
use desk_handoff::ticket::Ticket;

use crate::args;
use crate::error::{CliError, End};
use crate::input::secret;
use crate::local::runtime;
use crate::output::Out;
use crate::output::words::{counted, kind_name};
use crate::remote::desk_fields::{Shown, shown};
use crate::remote::{config, hint, recent_tickets};

pub(crate) fn learn(args: &args::Learn, out: &mut Out) -> Result<End, CliError> {
    let value = secret::from_environment("--token-env", &args.token_env)?;
    let config = config(&args.app_id, args.desk_url.as_deref(), None)?;
    let credentials =
        Credentials::read(vec![Parameter { name: "desk-api-token".to_owned(), value }]);
    let tickets = runtime()?.block_on(recent_tickets(&config, &credentials))?;
    let tickets = tickets
        .expect("the token is there")
        .map_err(|error| CliError::Work(format!("{error}; {}", hint(error.kind))))?;
    let seen = shown(&tickets);
    let (legal, illegal): (Vec<_>, Vec<_>) =
        seen.iter().partition(|field| FieldKey::parse(field.key).is_some());
    let (listed, left) = legal.split_at(legal.len().min(MAX_FIELDS));

    if listed.is_empty() {
        return Err(CliError::Work(nothing_to_learn(&tickets, illegal.len())));
    }
    out.line(document(listed));
    show(&tickets, listed, out);
    left_out(left, "beyond the fields that a ticket holds, and filled least often", out);
    left_out(
        &illegal,
        "no context key can ever match such a key (lowercase letters, digits, dashes, 1 to 20)",
        out,
    );

    Ok(End::Done)
}

/// A field a line. A legal key needs no escaping. Without an opening message no agent would see the
/// tickets that are made by this document.
fn document(fields: &[&Shown<'_>]) -> String {
    let line = |field: &&Shown<'_>| {
        format!("    {{\"key\": \"{}\", \"type\": \"{}\"}}", field.key, kind_name(&field.guess()))
    };
    format!(
        "{{\n  \"$schema\": \"{SCHEMA}\",\n  \"fields\": [\n{}\n  ],\n  \"ticket\": {{\n    \"opening_message\": \"{OPENING}\"\n  }}\n}}",
        fields.iter().map(line).collect::<Vec<_>>().join(",\n")
    )
}

/// Where an editor finds the schema, beside the file: `cargo handoff schema` prints it.
const SCHEMA: &str = "fields.schema.json";
const OPENING: &str = "Handed over by the AI agent.";

fn show(tickets: &[Ticket], listed: &[&Shown<'_>], out: &mut Out) {
    out.note(&format!(
        "learnt from the newest {}, where a field that nobody fills may be missing; types are guesses: compare with \
         Settings > Desk > Ticket fields",
        counted(tickets.len(), "ticket", "tickets")
    ));
    out.note(
        "opening_message is posted in the customer's name on a new ticket, which no agent sees otherwise; take it out if \
         Desk makes the tickets (\"when_missing\": \"wait\")",
    );
    out.note(&format!("for an editor: cargo handoff schema > {SCHEMA}"));
    for field in listed {
        if field.count() == 0 {
            out.note(&format!(
                "{}: no ticket shows a value, so \"text\" is a mere guess",
                field.key
            ));
        } else if field.guess() == FieldKind::Text
            && let Some(different) = field.few_values()
        {
            out.note(&format!(
                "{}: {} tickets share {}; if Desk has it as a dropdown, make the type \"dropdown\" and list its \"options\"",
                field.key,
                field.count(),
                counted(different, "value", "values")
            ));
        }
    }
}

fn left_out(fields: &[&Shown<'_>], why: &str, out: &mut Out) {
    if !fields.is_empty() {
        let mut text = format!("left out, for {why}:");
        for field in fields {
            let _ = write!(text, " {:?}", field.key);
        }
        out.note(&text);
    }
}

fn nothing_to_learn(tickets: &[Ticket], illegal: usize) -> String {
    match (tickets.len(), illegal) {
        (0, _) => "Desk shows no ticket yet, so there is nothing to learn from".to_owned(),
        (some, 0) => {
            format!("none of the newest {} shows a field", counted(some, "ticket", "tickets"))
        }
        (some, _) => format!(
            "the newest {} show only fields whose keys no context key can ever match (lowercase letters, digits, \
             dashes, 1 to 20)",
            counted(some, "ticket", "tickets")
        ),
    }
}
