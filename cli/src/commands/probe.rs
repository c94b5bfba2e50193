//! `probe`: says what it will do to a Desk of the user's own, asks whether it may, does it, and
//! shows what was seen. The token is never printed, and neither is anything that Desk wrote.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use desk_emulator::Profile;
use desk_handoff::config::BaseUrl;
use desk_handoff::desk::transport::HttpTransport;
use desk_handoff::http_client;
use desk_handoff::rules::Rules;
use http::HeaderValue;
use secrecy::ExposeSecret as _;

use crate::args;
use crate::error::{CliError, End};
use crate::input::fields::Fields;
use crate::input::{profile, secret};
use crate::local::runtime;
use crate::output::{Out, progress, shown};
use crate::probe::caller::{Api, Caller, MOST_CALLS};
use crate::probe::known::KnownFields;
use crate::probe::report::Report;
use crate::probe::run;
use crate::probe::ticket::TITLE;
use crate::remote::config;

pub(crate) fn probe(args: &args::Probe, out: &mut Out) -> Result<End, CliError> {
    let desk_token = token("--token-env", &args.token_env)?;
    let chat_token = args.chat_token_env.as_deref();
    let chat_token = chat_token.map(|name| token("--chat-token-env", name)).transpose()?;
    let config = config(&args.app_id, args.desk_url.as_deref(), None)?;
    let base = config.desk.for_app(&args.app_id);
    let chat_base = chat_base(args, config.chat)?;
    let rules = rules(args, out)?;
    let fields = KnownFields::of(rules.fields.as_deref().unwrap_or_default());
    // Read before anything is sent: a misspelt file must not cost a ticket.
    let old = args.compare.as_deref().map(profile::read).transpose()?;
    out.note(&announcement(args, &base));
    consent(args.yes, io::stdin().is_terminal(), asked)?;

    let client = http_client::new()
        .map_err(|error| CliError::Work(format!("there is no HTTP client: {error}")))?;
    let transport = HttpTransport(client);
    let chat = chat_token.map(|token| Api::chat(chat_base.for_app(&args.app_id), token));
    let caller = Caller::new(&transport, Api::desk(base, desk_token), chat);
    let found = runtime()?.block_on(run(&caller, &args.user, fields, &progress, interrupted));
    let found = found.map_err(|ended| CliError::Work(ended.to_string()))?;

    // Written before it is shown: whoever reads the report may be gone by then.
    if let Some(path) = &args.output {
        write(path, &found.profile)?;
    }
    let report = Report::new(&found, old.as_ref(), rules.desk);
    if args.json {
        out.json(&report.document());
    } else {
        report.show(out);
    }

    let is_done = report.is_clean() && !report.has_changes() && !report.is_misstated();
    Ok(if is_done { End::Done } else { End::Found })
}

/// As it goes into the header; what is no header's value cannot be a token.
fn token(option: &str, name: &str) -> Result<HeaderValue, CliError> {
    let token = secret::from_environment(option, name)?;
    HeaderValue::from_str(token.expose_secret()).map_err(|_| {
        CliError::Use(format!("what {option} names holds characters that no token has"))
    })
}

fn chat_base(args: &args::Probe, usual: BaseUrl) -> Result<BaseUrl, CliError> {
    let Some(url) = &args.chat_url else { return Ok(usual) };
    BaseUrl::parse(url).map_err(|why| CliError::Use(format!("--chat-url: {why}")))
}

/// Of no document nothing is written to any field: an invented key might be stored.
fn rules(args: &args::Probe, out: &mut Out) -> Result<Rules, CliError> {
    if args.fields.is_none() {
        out.note("without --fields FILE nothing is asked about field values");
        return Ok(Rules::default());
    }
    let fields = Fields::load(&args::Fields { path: args.fields.clone() }, out)?;
    Ok(fields.rules)
}

/// What it will do, and what it will leave.
fn announcement(args: &args::Probe, base: &str) -> String {
    let message = match args.chat_token_env {
        Some(_) => "- it posts one message as that user: agents see the ticket for some seconds\n",
        None => "",
    };
    format!(
        "this asks the Desk of the application {} what nobody documented\n  \
         at {base}\n\
         - it makes at most {MOST_CALLS} calls, four a second: 15 to 30 seconds\n\
         - it makes one ticket of the user {}\n  \
         called {TITLE:?},\n  \
         writes invented values to it and closes it; the closed ticket is all that stays\n\
         {message}\
         - Desk may show that user the ticket and a closing message: take a test user\n\
         - rules and webhooks of Desk treat the ticket like any other\n\
         - no other ticket is changed; of others only ids, states and numbers are read\n\
         - Ctrl-C ends it at any point, and closes the ticket",
        args.app_id,
        shown(&args.user),
    )
}

/// Nothing is sent to a Desk before somebody said so.
fn consent(
    yes: bool,
    is_terminal: bool,
    ask: impl FnOnce() -> io::Result<String>,
) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    if !is_terminal {
        let why = "nothing was sent: there is no terminal to ask on; --yes goes ahead without";
        return Err(CliError::Use(why.to_owned()));
    }

    let answer = ask().unwrap_or_default();
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(CliError::Work("nothing was sent".to_owned()))
}

/// What a person answers on the terminal.
fn asked() -> io::Result<String> {
    let mut line = String::new();
    write!(io::stderr(), "Go ahead? [y/N] ")?;
    io::stdin().lock().read_line(&mut line)?;
    Ok(line)
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn write(path: &Path, profile: &Profile) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(profile)
        .expect("a profile is a struct of names, numbers and plain enums");
    std::fs::write(path, text + "\n").map_err(|error| {
        CliError::Work(format!("the profile cannot be written to {}: {error}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_consent() {
        for (answer, goes) in
            [("y\n", true), (" YES \n", true), ("\n", false), ("", false), ("no\n", false)]
        {
            let consent = consent(false, true, || Ok(answer.to_owned()));
            assert_eq!(consent.is_ok(), goes, "{answer:?}");
        }
    }

    #[test]
    fn without_terminal_nobody_is_asked() {
        let never = || panic!("nobody is there");
        assert!(matches!(consent(false, false, never), Err(CliError::Use(_))));
        assert!(consent(true, false, never).is_ok());
    }
}
