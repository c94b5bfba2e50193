//! `doctor`: whether a deployed application can hand over: its parameters as the function reads
//! them, Desk's answer to the token, and the fields document beside what recent tickets show.
//!
//! It changes nothing. Findings come with the command that mends them, and hold no secret and no
//! customer's value.

use desk_handoff::desk::{DeskError, ErrorKind};
use desk_handoff::secrets::Credentials;
use desk_handoff::ticket::Ticket;
use secrecy::ExposeSecret as _;

use crate::check::counted;
use crate::findings::{Finding, Level, count, document, tell};
use crate::local::runtime;
use crate::mend::Mend;
use crate::out::Out;
use crate::parameters::{self, DESK, FIELDS};
use crate::remote::{config, hint, recent_tickets};
use crate::shown::shown;
use crate::ssm::{Aws, Stored};
use crate::{End, Failure, args, fit};

pub(crate) fn doctor(args: &args::Doctor, out: &mut Out) -> Result<End, Failure> {
    let config = config(&args.app_id, args.desk_url.as_deref(), Some(&args.prefix))?;
    let path = config.parameter_path(&args.app_id);
    let aws = Aws { region: args.region.as_deref(), profile: args.profile.as_deref() };
    let stored = aws.parameters(&path)?;
    let credentials = Credentials::read(stored.iter().map(Stored::parameter).collect());
    let mend = Mend::new(&aws, &args.app_id, &path);
    let mut findings = parameters::examine(&stored, &credentials, &mend);
    let tickets = match runtime()?.block_on(recent_tickets(&config, &credentials))? {
        Some(Ok(tickets)) => Some(tickets),
        Some(Err(error)) => {
            findings.push(refused(&error, &mend));
            None
        }
        None => None,
    };
    findings
        .extend(tickets.iter().flat_map(|tickets| fitting(tickets, &stored, &credentials, &mend)));
    findings.extend(mend.unknown_keys(&findings));
    findings.sort_by_key(|finding| finding.level == Level::Remark);
    if args.json {
        let mut all = document(&findings);
        all["parameters"] = stored.iter().map(|parameter| parameter.name.as_str()).collect();
        all["tickets"] = tickets.as_ref().map(Vec::len).into();
        out.json(&all);
    } else {
        tell(&findings, out);
        conclude(&findings, &stored, tickets.as_deref(), out);
    }
    Ok(if count(&findings, Level::Fault) > 0 { End::Found } else { End::Done })
}

fn refused(error: &DeskError, mend: &Mend<'_>) -> Finding {
    let (about, mended) = match error.kind {
        // The former tokens stay below the new one: by them what was written is recognised.
        ErrorKind::Unauthorized => (DESK, mend.above(DESK, "NF")),
        other => ("Desk", hint(other).to_owned()),
    };
    Finding::fault(about, error.to_string(), mended)
}

fn fitting(
    tickets: &[Ticket],
    stored: &[Stored],
    credentials: &Credentials,
    mend: &Mend<'_>,
) -> Vec<Finding> {
    let Some(fields) = credentials.rules.as_ref().ok().and_then(|rules| rules.fields.as_ref())
    else {
        return Vec::new();
    };
    let seen = shown(tickets);
    if seen.is_empty() {
        let what = "no recent ticket shows a field, so nothing can be said of the types of these";
        return vec![Finding::remark(FIELDS, what, "run this again when tickets have come in")];
    }
    let document = stored.iter().find(|parameter| parameter.name == FIELDS);
    let size = document.map_or(0, |document| document.value.expose_secret().len());
    fit::examine(fields, &seen, &mend.fields(size))
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
    let (faults, remarks) = (count(findings, Level::Fault), count(findings, Level::Remark));
    out.verdict(
        faults == 0,
        &match (faults, remarks) {
            (0, 0) => "Nothing to mend.".to_owned(),
            (0, remarks) => format!("No fault, {}.", counted(remarks, "remark", "remarks")),
            (faults, remarks) => {
                format!(
                    "{}, {}.",
                    counted(faults, "fault", "faults"),
                    counted(remarks, "remark", "remarks")
                )
            }
        },
    );
    out.pairs([("parameters", names), ("Desk", desk)]);
}
