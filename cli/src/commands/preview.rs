//! `preview`: what would become of every key, worked out by the shipped matching alone: no server,
//! no Desk, no network.

use std::borrow::Cow;

use desk_handoff::api::MAX_BODY;
use desk_handoff::fields::match_fields;
use desk_handoff::handoff::{BadBody, Event};
use desk_handoff::ticket::plan::foreseen;
use serde_json::json;

use crate::args;
use crate::error::{CliError, End};
use crate::input::fields::Fields;
use crate::input::file::{Input, name};
use crate::local::understand;
use crate::output::Out;
use crate::output::explain::{Tone, meaning};
use crate::output::outcomes;
use crate::output::words::counted;

pub(crate) fn preview(args: &args::Preview, out: &mut Out) -> Result<End, CliError> {
    let fields = Fields::load(&args.fields, out)?;
    let input = Input::read(&args.file)?;
    let body = body(&input, out);

    // Looked at before the body is: the function refuses a larger one unread.
    if body.len() > MAX_BODY {
        return Err(CliError::Use(format!(
            "{} makes a body of {} bytes, and a deployed function refuses more than {MAX_BODY} with 413",
            name(&args.file),
            body.len()
        )));
    }

    let read = understand(&body, &input.app_id(), input.header("idempotency-key"));
    let handoff = match read.map_err(|bad| CliError::Use(unusable(&name(&args.file), &bad)))? {
        Event::Handoff(handoff) => handoff,
        Event::Ignored(category) => {
            if args.json {
                out.json(&json!({"ignored": category, "fields": [], "left_out": 0}));
            } else {
                out.result(
                    true,
                    &format!("Ignored: an event of the category {category} is no handoff."),
                );
            }
            return Ok(End::Done);
        }
    };

    let matched = match_fields(&fields.rules, &handoff);
    let entries = matched.entries(&foreseen(&matched), true);
    let left_out = entries.iter().filter(|entry| meaning(entry.outcome).1 == Tone::Bad).count();

    if args.json {
        out.json(&json!({"fields": entries, "left_out": left_out}));
    } else {
        outcomes::show(
            "What would become of every key",
            &entries,
            &fields.rules,
            out,
            outcomes::Last::Value,
        );
        outcomes::tell_why(&entries, &fields.rules, out);
        out.result(left_out == 0, &summary(left_out));
    }

    Ok(if args.strict && left_out > 0 { End::Found } else { End::Done })
}

/// The body that a sender would send; around a bare context as little as a body may have.
fn body<'i>(input: &'i Input, out: &mut Out) -> Cow<'i, [u8]> {
    let Some(body) = input.around_context("(the conversation)", "(the customer)") else {
        return Cow::Borrowed(&input.body);
    };
    out.note(
        "this is a bare context object: what a handoff says beside it ($language, $user.id, ...) is not known here",
    );
    Cow::Owned(body)
}

fn unusable(file: &str, bad: &BadBody) -> String {
    match bad {
        BadBody::Shape(problems) => {
            let lines: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
            format!("{file} is no handoff:{lines}")
        }
        BadBody::Empty | BadBody::NotUtf8(_) | BadBody::NotJson { .. } => {
            format!("{file} is no handoff: {bad}")
        }
    }
}

fn summary(left_out: usize) -> String {
    match left_out {
        0 => "No key is left out.".to_owned(),
        some => format!("{} left out.", counted(some, "key is", "keys are")),
    }
}
