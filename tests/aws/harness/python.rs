//! The Python environment that `make venv` installs, from which AWS's services and the Runtime
//! Interface Emulator come.
//!
//! Nothing of it outlives the test process, however that ends: each is a child that ends when its
//! standard input closes. The command line's tests share this file, so it looks for the repository
//! above the package under test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn repository() -> &'static Path {
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.find(|folder| folder.join("Makefile").exists()).expect("a package lies in the repository")
}

/// The Python environment: where the Makefile says, else where it puts it.
pub(crate) fn venv() -> PathBuf {
    let default = || repository().join(".venv/aws");
    let venv = std::env::var_os("DESK_HANDOFF_VENV").map_or_else(default, PathBuf::from);
    assert!(
        venv.join("bin/python").exists(),
        "{} has no Python environment: run `make venv`",
        venv.display()
    );
    venv
}

/// The folder of the real `aws`, beside the environment that has moto.
pub(crate) fn aws() -> PathBuf {
    let folder = venv().with_file_name("awscli").join("bin");
    assert!(folder.join("aws").exists(), "{} has no aws: run `make venv`", folder.display());
    folder
}

/// A script of this folder, ready to start, with its standard input held open.
pub(crate) fn script(name: &str) -> Command {
    let mut command = Command::new(venv().join("bin/python"));
    command.arg(repository().join("tests/aws/harness").join(name)).stdin(Stdio::piped());
    command
}

/// A file for what a child prints.
pub(crate) fn log(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.log"))
}
