//! `cargo handoff`: one handoff, or many, on this machine, with no AWS account and no Sendbird
//! account; and `send`, `learn`, `connect`, `doctor` and `report` for what is deployed.
//!
//! The commands pass through the code that ships: receiver and worker of desk-handoff, unchanged,
//! against the embedded Desk of desk-emulator over real HTTP. What is local is where the settings
//! come from, and a queue and claims in memory. This file chooses the command and the exit code: 0
//! done; 1 the work failed, or what came of it is bad (`run` and `send` were refused, `check` and
//! `doctor` found an error, `preview --strict` a key left out); 2 wrong use.

mod args;
mod commands;
mod error;
mod input;
mod local;
mod output;
mod page;
mod probe;
mod remote;
mod settings;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use clap_complete::Shell;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::args::{Args, Command};
use crate::commands::{
    check, connect, doctor, documents, learn, preview, report, run, send, serve,
};
use crate::error::{CliError, End};
use crate::output::Out;

fn main() -> ExitCode {
    let args = Args::parse();
    let mut out = Out::stdout(args.color);
    let Some(command) = args.command else {
        return completions(args.completions);
    };

    log_to_stderr(args.verbose, &command);
    let ended = match command {
        Command::Run(args) => run::run(&args, &mut out),
        Command::Serve(args) => serve::serve(&args, &mut out),
        Command::Preview(args) => preview::preview(&args, &mut out),
        Command::Check(args) => check::check(&args, &mut out),
        Command::Send(args) => send::send(&args, &mut out),
        Command::Learn(args) => learn::learn(&args, &mut out),
        Command::Connect(args) => connect::connect(&args, &mut out),
        Command::Doctor(args) => doctor::doctor(&args, &mut out),
        Command::Probe(args) => commands::probe::probe(&args, &mut out),
        Command::Report(args) => report::report(&args, &mut out),
        Command::Schema => documents::schema(&mut out),
        Command::Openapi(args) => documents::openapi(&args, &mut out),
    };

    let code = match &ended {
        Ok(End::Done) => 0,
        Ok(End::Found) | Err(CliError::Work(_)) => 1,
        Err(CliError::Use(_)) => 2,
    };

    if let Err(CliError::Use(text) | CliError::Work(text)) = &ended {
        out.error(text);
    }
    match out.finish() {
        Ok(()) => ExitCode::from(code),
        Err(error) => {
            Out::stdout(args.color).error(&format!("the output cannot be written: {error}"));
            ExitCode::from(code.max(1))
        }
    }
}

/// For a shell to source; without a shell clap has shown the help already.
fn completions(shell: Option<Shell>) -> ExitCode {
    if let Some(shell) = shell {
        clap_complete::generate(shell, &mut Args::command(), "handoff", &mut std::io::stdout());
    }
    ExitCode::SUCCESS
}

/// What the shipped code would write to its log: warnings while a server is up, and all of it if
/// asked for. The other commands say themselves what went wrong.
fn log_to_stderr(verbose: bool, command: &Command) {
    let level = match command {
        _ if verbose => LevelFilter::DEBUG,
        Command::Serve(_) => LevelFilter::WARN,
        Command::Run(_)
        | Command::Preview(_)
        | Command::Check(_)
        | Command::Send(_)
        | Command::Learn(_)
        | Command::Connect(_)
        | Command::Doctor(_)
        | Command::Probe(_)
        | Command::Report(_)
        | Command::Schema
        | Command::Openapi(_) => return,
    };

    // Libraries are not heard below warnings, as in the deployed function.
    let shipped = Targets::new().with_target("desk_handoff", level);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let lines = lines.without_time().with_ansi(false);
    let filter = shipped.with_default(level.min(LevelFilter::WARN));
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
}
