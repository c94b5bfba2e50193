//! `cargo handoff`: one handoff, or many, on this machine, with no AWS account and no Sendbird
//! account; and `send`, `learn` and `doctor` for what is deployed.
//!
//! The commands pass through the code that ships: receiver and worker of desk-handoff, unchanged,
//! against the embedded Desk of desk-emulator over real HTTP. What is local is where the settings
//! come from, and a queue and claims in memory. This file chooses the command and the exit code: 0
//! done; 1 the work failed, or what came of it is bad (`run` and `send` were refused, `check` and
//! `doctor` found a fault, `preview --strict` a key left out); 2 wrong use.

mod answer;
mod args;
mod check;
mod doctor;
mod explain;
mod fields;
mod file;
mod findings;
mod fit;
mod greeting;
mod learn;
mod local;
mod mend;
mod out;
mod outcomes;
mod parameters;
mod preview;
mod queue;
mod ran;
mod remote;
mod run;
mod secret;
mod send;
mod serve;
mod shown;
mod ssm;
mod ticket;
mod worker;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};
use crate::out::Out;

/// How a command ended that could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    /// The work is done and the finding is bad: a refusal, a problem, a key left out.
    Found,
}

/// Why a command could not do its work.
#[derive(Debug)]
enum Failure {
    /// The caller must change the call or the file.
    Use(String),
    /// Something else is in the way.
    Work(String),
}

fn main() -> ExitCode {
    let args = Args::parse();
    warnings_to_stderr();
    let mut out = Out::stdout();
    let ended = match args.command {
        Command::Run(args) => run::run(&args, &mut out),
        Command::Serve(args) => serve::serve(&args, &mut out),
        Command::Preview(args) => preview::preview(&args, &mut out),
        Command::Check(args) => check::check(&args, &mut out),
        Command::Send(args) => send::send(&args, &mut out),
        Command::Learn(args) => learn::learn(&args, &mut out),
        Command::Doctor(args) => doctor::doctor(&args, &mut out),
    };
    let code = match &ended {
        Ok(End::Done) => 0,
        Ok(End::Found) | Err(Failure::Work(_)) => 1,
        Err(Failure::Use(_)) => 2,
    };
    if let Err(Failure::Use(text) | Failure::Work(text)) = &ended {
        out.error(text);
    }
    match out.finish() {
        Ok(()) => ExitCode::from(code),
        Err(error) => {
            Out::stdout().error(&format!("the output cannot be written: {error}"));
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
