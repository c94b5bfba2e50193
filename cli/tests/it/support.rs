//! A call of the binary, and the files that it is given. Every test has a directory of its own,
//! which goes with it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

/// What a call left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The line that begins with this key, its columns parted by one space.
    #[track_caller]
    pub(crate) fn line(&self, key: &str) -> String {
        let squeezed =
            self.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        let found = squeezed.into_iter().find(|line| line.split(' ').next() == Some(key));
        found.unwrap_or_else(|| panic!("no line of {key}: {self:?}"))
    }
}

/// The binary, with an environment that no machine's own settings reach.
pub(crate) fn handoff() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handoff"));
    for name in ["DESK_API_TOKEN", "CHAT_API_TOKEN", "NO_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

pub(crate) fn call(arguments: &[&str]) -> Ended {
    ended(handoff().args(arguments).output().unwrap())
}

/// With this on standard input.
pub(crate) fn call_with(input: &[u8], arguments: &[&str]) -> Ended {
    let mut command = handoff();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    ended(child.wait_with_output().unwrap())
}

/// The same for a server that is part of the test, which must not be kept waiting.
pub(crate) async fn meanwhile(mut command: Command) -> Ended {
    ended(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
}

pub(crate) fn ended(output: Output) -> Ended {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        code: output.status.code().unwrap(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// A directory for the files of one test.
pub(crate) struct Files(PathBuf);

impl Files {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }

    /// Writes a file and gives its path.
    pub(crate) fn put(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn put_json(&self, name: &str, content: &Value) -> String {
        self.put(name, content.to_string())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A sample event of the repository.
pub(crate) fn sample(name: &str) -> String {
    format!("{}/../events/{name}.json", env!("CARGO_MANIFEST_DIR"))
}

/// A direct body with this context.
pub(crate) fn direct(context: Value) -> Value {
    numbered(1, context)
}

/// Another event of the same conversation.
pub(crate) fn numbered(number: u32, context: Value) -> Value {
    json!({"event_id": format!("e-{number}"), "conversation": {"id": "c-1", "user_id": "ann"}, "context": context})
}

/// What an attempt gives at last. It is made often enough to bridge some seconds.
#[track_caller]
pub(crate) fn at_last<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(given) = attempt() {
            return given;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("it never came about");
}

/// An API Gateway event around a body, with this signature.
pub(crate) fn event(body: &str, signature: Option<&str>) -> Value {
    let mut event = json!({
        "version": "2.0", "rawPath": "/handoffs", "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": "POST", "path": "/handoffs"}, "timeEpoch": 1_753_864_500_000_u64},
        "body": body, "isBase64Encoded": false,
    });

    if let Some(signature) = signature {
        event["headers"]["x-sendbird-signature"] = signature.into();
    }
    event
}
