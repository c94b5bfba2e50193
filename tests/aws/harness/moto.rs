//! AWS's services on this machine: one `moto` for the whole test process, started at the first
//! call.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::OnceLock;

use super::python::{log, script};

struct Moto {
    endpoint: String,
    /// Holds its standard input open.
    _process: Child,
}

/// The URL of every AWS service, for `AWS_ENDPOINT_URL`.
///
/// The state is shared by all tests of the process: let each use a parameter prefix of its own.
pub(crate) fn endpoint() -> &'static str {
    static MOTO: OnceLock<Moto> = OnceLock::new();
    &MOTO.get_or_init(start).endpoint
}

fn start() -> Moto {
    let log = log("moto");
    let mut process = script("serve_moto.py")
        .stdout(Stdio::piped())
        .stderr(File::create(&log).expect("the log can be written"))
        .spawn()
        .expect("Python starts");

    let mut endpoint = String::new();
    // It prints one line when it answers, or ends.
    let _ = BufReader::new(process.stdout.take().expect("it is piped")).read_line(&mut endpoint);
    assert!(endpoint.starts_with("http://"), "moto did not start: see {}", log.display());

    Moto { endpoint: endpoint.trim().to_owned(), _process: process }
}
