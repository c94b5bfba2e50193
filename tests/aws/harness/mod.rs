//! Real parts for the tests: AWS's services ([`moto`]), a bad line to them ([`lossy`]), and Lambda's Runtime Interface
//! Emulator ([`rie`]).
//!
//! The services and the emulator come from the Python environment that `make venv` installs. Neither outlives the test process, however it
//! ends: each is a child that ends when its standard input closes.

pub(crate) mod lossy;
pub(crate) mod moto;
pub(crate) mod rie;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The Python environment: where the Makefile says, else where it puts it.
fn venv() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/aws");
    let venv = std::env::var_os("DESK_HANDOFF_VENV").map_or_else(default, PathBuf::from);
    assert!(venv.join("bin/python").exists(), "{} has no Python environment: run `make venv`", venv.display());
    venv
}

/// A script of this folder, ready to start, with its standard input held open.
fn script(name: &str) -> Command {
    let mut command = Command::new(venv().join("bin/python"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aws/harness").join(name)).stdin(Stdio::piped());
    command
}

/// A file for what a child prints.
fn log(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.log"))
}
