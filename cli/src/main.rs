//! `cargo handoff`: one handoff, or many, on this machine, with no AWS account and no Sendbird
//! account; and `send`, `learn` and `doctor` for what is deployed.
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
mod remote;
mod settings;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};
use crate::commands::{check, doctor, documents, learn, preview, run, send, serve};
use crate::error::{CliError, End};
use crate::output::Out;

fn main() -> ExitCode {
    let args = Args::parse();
    warnings_to_stderr();
    let mut out = Out::stdout(args.color);
    let ended = match args.command {
        Command::Run(args) => run::run(&args, &mut out),
        Command::Serve(args) => serve::serve(&args, &mut out),
        Command::Preview(args) => preview::preview(&args, &mut out),
        Command::Check(args) => check::check(&args, &mut out),
        Command::Send(args) => send::send(&args, &mut out),
        Command::Learn(args) => learn::learn(&args, &mut out),
        Command::Doctor(args) => doctor::doctor(&args, &mut out),
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

/// What the shipped code would write to its log, from warnings up.
fn warnings_to_stderr() {
    let lines =
        tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::WARN);
    lines.with_writer(std::io::stderr).with_target(false).without_time().with_ansi(false).init();
}
