//! The operator: a `bash` with the real AWS command line, into which the commands of
//! docs/operations.md are pasted.
//!
//! The page marks every block of commands with its name, and with the reason where it cannot be run
//! here: only on AWS, or in the stack that `make stack-test` deploys. One shell is kept for all
//! that is pasted, as a person's would be. A command that fails is a failed test unless it is
//! expected to.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::moto;
use super::python::aws;

/// Ends what a block printed.
const END: &str = "-- end of the block, failed commands:";
/// The command line leaves `AWS_ENDPOINT_URL` out of account for SQS.
const PRELUDE: &str = r#"
aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }
trap 'FAILED="$FAILED $BASH_COMMAND"' ERR
"#;

/// A block of commands.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) name: String,
    pub(crate) commands: String,
    /// Why it is not run here.
    pub(crate) only_on_aws: Option<String>,
}

/// The page as it stands in the repository.
pub(crate) fn page() -> String {
    read("docs/operations.md")
}

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name))
        .expect("the page is a file")
}

/// Every block of the page, and of the one on security, which goes on in the same shell.
pub(crate) fn blocks() -> Vec<Block> {
    [page(), read("docs/security.md")].iter().flat_map(|page| blocks_of(page)).collect()
}

/// One without a marker is a failed test.
fn blocks_of(page: &str) -> Vec<Block> {
    let mut fences = page.split("```sh\n");
    let mut before = fences.next().expect("a split has a first part");
    fences
        .map(|rest| {
            let marker = before.lines().next_back().and_then(|line| {
                line.strip_prefix("<!-- commands: ").and_then(|line| line.strip_suffix(" -->"))
            });
            let marker = marker.unwrap_or_else(|| panic!("no marker above:\n{rest}"));
            let (name, why) = ["; only on AWS: ", "; in the stack: "]
                .iter()
                .find_map(|mark| marker.split_once(mark))
                .map_or((marker, None), |(name, why)| (name, Some(why)));
            let (commands, after) = rest.split_once("```\n").expect("a fence is closed");
            before = after;
            Block {
                name: name.to_owned(),
                commands: commands.to_owned(),
                only_on_aws: why.map(str::to_owned),
            }
        })
        .collect()
}

/// What came of a block.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    failed: String,
}

/// A person at a shell.
#[derive(Clone)]
pub(crate) struct Operator {
    shell: Arc<Mutex<Shell>>,
    folder: PathBuf,
    pasted: Arc<Mutex<BTreeSet<String>>>,
}

struct Shell {
    bash: Child,
    out: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Operator {
    /// At a fresh shell, in a folder of their own, with credentials for moto and nothing else.
    pub(crate) fn new() -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let nth = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("operator-{}-{nth}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder can be made");
        let mut bash = Command::new("bash")
            .env_clear()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", aws().display()))
            .envs([("AWS_ENDPOINT_URL", moto::endpoint()), ("AWS_EC2_METADATA_DISABLED", "true")])
            .envs([
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
                ("AWS_MAX_ATTEMPTS", "1"),
            ])
            .env("HOME", &folder)
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.join("stderr")).expect("a file can be made"))
            .spawn()
            .expect("bash starts");

        let out = BufReader::new(bash.stdout.take().expect("it is piped"));
        let shell = Arc::new(Mutex::new(Shell { bash, out, folder: folder.clone() }));
        Self { shell, folder, pasted: Arc::default() }
    }

    /// A file in the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Pastes the block of this name, with `values` in place of what the page leaves to be put in.
    pub(crate) async fn paste(&self, name: &str, values: &[(&str, &str)]) -> String {
        self.expect(&self.commands(name, values), &[]).await
    }

    /// Pastes a block that asks for something, and types that in.
    pub(crate) async fn answer(&self, name: &str, typed: &str) -> String {
        self.expect(&self.commands(name, &[]), &[typed]).await
    }

    /// Commands that are not on the page.
    pub(crate) async fn run(&self, commands: &str) -> String {
        self.expect(commands, &[]).await
    }

    /// Pastes a block, whatever comes of it.
    pub(crate) async fn try_to(&self, name: &str) -> Said {
        self.say(&self.commands(name, &[]), &[]).await
    }

    /// The blocks pasted so far.
    pub(crate) fn pasted(&self) -> Vec<String> {
        self.pasted.lock().expect("nothing panics here").iter().cloned().collect()
    }

    fn commands(&self, name: &str, values: &[(&str, &str)]) -> String {
        let block = blocks().into_iter().find(|block| block.name == name);
        let mut commands = block.unwrap_or_else(|| panic!("the page has no block {name}")).commands;
        for (place, value) in values {
            assert!(commands.contains(place), "{name} leaves nowhere {place} to be put in");
            commands = commands.replace(place, value);
        }
        self.pasted.lock().expect("nothing panics here").insert(name.to_owned());
        commands
    }

    async fn expect(&self, commands: &str, typed: &[&str]) -> String {
        let said = self.say(commands, typed).await;
        assert_eq!(said.failed, "", "{commands}\n{}\n{}", said.out, said.err);
        said.out
    }

    async fn say(&self, commands: &str, typed: &[&str]) -> Said {
        let text = format!(
            "{}\n{}",
            commands.trim_end(),
            typed.iter().map(|line| format!("{line}\n")).collect::<String>()
        );
        let shell = Arc::clone(&self.shell);
        let said = tokio::task::spawn_blocking(move || {
            shell.lock().expect("nothing panics at the shell").say(&text)
        });

        said.await.expect("the shell answers")
    }
}

impl Shell {
    fn say(&mut self, text: &str) -> Said {
        let input = self.bash.stdin.as_mut().expect("it is piped");
        write!(input, "{PRELUDE}FAILED=\n{text}\nprintf '\\n{END}%s\\n' \"$FAILED\"\n")
            .expect("the shell reads");
        let mut out = String::new();

        loop {
            let start = out.len();
            let read = self.out.read_line(&mut out).expect("the shell prints text");
            let err = || fs::read_to_string(self.folder.join("stderr")).expect("a file of text");
            assert!(read > 0, "the shell has ended: {out}{}", err());
            if let Some(failed) = out[start..].strip_prefix(END) {
                let failed = failed.trim().to_owned();
                out.truncate(start.saturating_sub(1));
                return Said { out, err: err(), failed };
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.bash.stdin.take());
        let _ = self.bash.wait();
        // A failed test leaves what was printed to be read.
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
