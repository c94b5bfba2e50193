//! `doctor`: whether a deployed application can hand over: its parameters as the function reads
//! them, Desk's answer to the token, and the fields document beside what recent tickets show.
//!
//! It changes nothing. Findings come with the command that fixes them, and hold no secret and no
//! customer's value.

pub(crate) mod compare_fields;
pub(crate) mod findings;
pub(crate) mod fix;
pub(crate) mod parameters;

use desk_handoff::desk::{DeskError, ErrorKind};
use desk_handoff::secrets::Credentials;
use desk_handoff::ticket::Ticket;
use secrecy::ExposeSecret as _;

use crate::args;
use crate::commands::doctor::findings::{Finding, Level, count, document, show};
use crate::commands::doctor::fix::Fixes;
use crate::error::{CliError, End};
use crate::local::runtime;
use crate::output::Out;
use crate::output::words::counted;
use crate::remote::desk_fields::shown;
use crate::remote::ssm::{Aws, Stored};
use crate::remote::{config, hint, recent_tickets};
use desk_handoff::secrets::{DESK_API_TOKEN, FIELDS};

pub(crate) fn doctor(args: &args::Doctor, out: &mut Out) -> Result<End, CliError> {
    let config = config(&args.app_id, args.desk_url.as_deref(), Some(&args.aws.prefix))?;
    let path = config.parameter_path(&args.app_id);
    let aws = Aws { region: args.aws.region.as_deref(), profile: args.aws.profile.as_deref() };
    let stored = aws.parameters(&path)?;
    let credentials = Credentials::read(stored.iter().map(Stored::parameter).collect());
    let fix = Fixes::new(&aws, &args.app_id, &path);
    let mut findings = parameters::examine(&stored, &credentials, &fix);
    let tickets = match runtime()?.block_on(recent_tickets(&config, &credentials))? {
        Some(Ok(tickets)) => Some(tickets),
        Some(Err(error)) => {
            findings.push(refused(&error, &fix));
            None
        }
        // There is no token, which `parameters` has said already.
        None => None,
    };
    findings
        .extend(tickets.iter().flat_map(|tickets| fitting(tickets, &stored, &credentials, &fix)));
    findings.extend(fix.unknown_keys(&findings));
    // The sort is stable: within a level the findings keep the order of the parameters.
    findings.sort_by_key(|finding| finding.level == Level::Warning);
    if args.json {
        let mut all = document(&findings);
        all["parameters"] = stored.iter().map(|parameter| parameter.name.as_str()).collect();
        all["tickets"] = tickets.as_ref().map(Vec::len).into();
        out.json(&all);
    } else {
        show(&findings, out);
        conclude(&findings, &stored, tickets.as_deref(), out);
    }

    Ok(if count(&findings, Level::Error) > 0 { End::Found } else { End::Done })
}

fn refused(error: &DeskError, fix: &Fixes<'_>) -> Finding {
    let (about, fixed) = match error.kind {
        // The former tokens stay below the new one: by them what was written is recognised.
        ErrorKind::Unauthorized => (DESK_API_TOKEN, fix.above(DESK_API_TOKEN, "NF")),
        other => ("Desk", hint(other).to_owned()),
    };
    Finding::error(about, error.to_string(), fixed)
}

fn fitting(
    tickets: &[Ticket],
    stored: &[Stored],
    credentials: &Credentials,
    fix: &Fixes<'_>,
) -> Vec<Finding> {
    // A broken document was told of already, and without a list nothing has to fit.
    let Some(fields) = credentials.rules.as_ref().ok().and_then(|rules| rules.fields.as_ref())
    else {
        return Vec::new();
    };
    let seen = shown(tickets);

    if seen.is_empty() {
        let what = "no recent ticket shows a field, so nothing can be said of the types of these";
        return vec![Finding::warning(FIELDS, what, "run this again when tickets have come in")];
    }

    let document = stored.iter().find(|parameter| parameter.name == FIELDS);
    let size = document.map_or(0, |document| document.value.expose_secret().len());
    compare_fields::examine(fields, &seen, &fix.fields(size))
}

/// What was looked at, and how much there is to do.
fn conclude(findings: &[Finding], stored: &[Stored], tickets: Option<&[Ticket]>, out: &mut Out) {
    let names: Vec<&str> = stored.iter().map(|parameter| parameter.name.as_str()).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let desk = match tickets {
        Some(tickets) => {
            format!(
                "takes the token, and shows {}",
                counted(tickets.len(), "recent ticket", "recent tickets")
            )
        }
        None => "not examined further".to_owned(),
    };

    let (errors, warnings) = (count(findings, Level::Error), count(findings, Level::Warning));
    out.result(
        errors == 0,
        &match (errors, warnings) {
            (0, 0) => "Nothing to fix.".to_owned(),
            (0, warnings) => format!("No error, {}.", counted(warnings, "warning", "warnings")),
            (errors, warnings) => {
                format!(
                    "{}, {}.",
                    counted(errors, "error", "errors"),
                    counted(warnings, "warning", "warnings")
                )
            }
        },
    );

    out.pairs([("parameters", names), ("Desk", desk)]);
}
