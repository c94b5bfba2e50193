//! `check`: what is wrong with a fields file, all at once, and whether SSM can hold it.

use desk_handoff::rules::{Rules, WhenMissing};
use serde_json::Value;

use crate::args;
use crate::error::{CliError, End};
use crate::input::fields::{SSM_ADVANCED, SSM_STANDARD};
use crate::input::file;
use crate::output::words::{counted, kind_name};
use crate::output::{Out, shown};

pub(crate) fn check(args: &args::Check, out: &mut Out) -> Result<End, CliError> {
    let text = file::text(&args.file)?;
    let mut problems: Vec<String> = Vec::new();
    let rules =
        Rules::parse(&text).map_err(|found| problems.extend(found.iter().map(ToString::to_string)));

    if text.len() > SSM_ADVANCED {
        problems.push(format!(
            "the file has {} bytes, and SSM holds {SSM_ADVANCED} at most{}",
            text.len(),
            compact(&text)
        ));
    }

    match rules {
        Ok(rules) if problems.is_empty() => {
            out.result(true, &format!("ok: {}", summary(&rules)));
            if text.len() > SSM_STANDARD {
                out.note(&too_large_for_standard(&text));
            }
            if makes_invisible_tickets(&rules) {
                out.note(INVISIBLE);
            }
            Ok(End::Done)
        }
        _ => {
            problems.iter().for_each(|problem| out.line(shown(problem)));
            Ok(End::Found)
        }
    }
}

const INVISIBLE: &str = "without ticket.opening_message no agent sees a new ticket before the customer writes; \
    it also needs the parameter chat-api-token";

/// Whether tickets are made here, and nothing puts them before the agents.
fn makes_invisible_tickets(rules: &Rules) -> bool {
    let ticket = &rules.ticket;
    let makes_tickets = match ticket.when_missing {
        WhenMissing::Create => true,
        WhenMissing::Wait | WhenMissing::Leave => false,
    };
    makes_tickets && ticket.opening_message.is_none()
}

fn too_large_for_standard(text: &str) -> String {
    format!(
        "the file has {} bytes, and SSM's standard tier ends at {SSM_STANDARD}: `aws ssm put-parameter` needs --tier Advanced \
         ({SSM_ADVANCED} at most){}",
        text.len(),
        compact(text)
    )
}

/// What the size would be without white space, if that helps.
fn compact(text: &str) -> String {
    let value: Option<Value> = serde_json::from_str(text).ok();
    let size = value.map_or(usize::MAX, |value| value.to_string().len());
    if size < text.len() {
        format!("; without its white space it has {size}")
    } else {
        String::new()
    }
}

fn summary(rules: &Rules) -> String {
    let aliases = counted(rules.aliases.len(), "alias", "aliases");
    let denied = counted(rules.deny.len(), "denied key", "denied keys");
    let fields = match &rules.fields {
        None => "no list of fields (every legal key is sent as text)".to_owned(),
        Some(fields) => {
            let kinds = ["text", "integer", "link", "dropdown"].map(|kind| {
                let count = fields.iter().filter(|field| kind_name(&field.kind) == kind).count();
                (count > 0).then(|| format!("{count} {kind}"))
            });
            let kinds: Vec<String> = kinds.into_iter().flatten().collect();
            let count = counted(fields.len(), "field", "fields");
            if kinds.is_empty() { count } else { format!("{count} ({})", kinds.join(", ")) }
        }
    };

    format!("{fields}, {aliases}, {denied}")
}
