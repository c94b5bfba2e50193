//! Lambda's own Runtime Interface Emulator around a built `bootstrap`: the same runtime interface
//! as on Lambda.

use desk_handoff::names::aws;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::python::{log, script, venv};

/// One function under the emulator, which is killed with it when this is dropped.
pub(crate) struct Rie {
    tether: Child,
    url: String,
    output: PathBuf,
    client: reqwest::Client,
}

impl Rie {
    /// Starts the emulator for `bootstrap`, which sees `environment`, what the emulator itself
    /// sets, and nothing of this process's own. The function starts at the first
    /// [`invoke`](Self::invoke).
    ///
    /// Region, dummy credentials and the template's time-out are there unless `environment` says
    /// otherwise.
    pub(crate) async fn start(bootstrap: impl AsRef<Path>, environment: &[(&str, &str)]) -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let nth = STARTED.fetch_add(1, Ordering::Relaxed);
        let output = log(&format!("rie-{}-{nth}", std::process::id()));
        let client = desk_handoff::http_client::new().expect("the HTTP client is made");

        // Another process may take a free port first: then the emulator ends, and other ports do.
        for _ in 0..5 {
            let [invoke, runtime] = free_addresses();
            let tether =
                spawn(bootstrap.as_ref().as_os_str(), environment, invoke, runtime, &output);
            let url = format!("http://{invoke}/2015-03-31/functions/function/invocations");
            let mut rie = Self { tether, url, output: output.clone(), client: client.clone() };
            if rie.accepts(invoke).await {
                return rie;
            }
        }

        panic!("the emulator does not start: {}", fs::read_to_string(&output).unwrap_or_default());
    }

    /// The function's answer. One that fails, ends or takes too long is answered by the emulator:
    /// an object with `errorType`, or a line of text, which comes as a JSON string.
    pub(crate) async fn invoke(&mut self, event: &Value) -> Value {
        let request =
            self.client.post(&self.url).timeout(Duration::from_secs(60)).body(event.to_string());
        let answer = request
            .send()
            .await
            .expect("the emulator answers")
            .text()
            .await
            .expect("the answer is text");

        serde_json::from_str(&answer).unwrap_or(Value::String(answer))
    }

    /// What the function and the emulator have printed so far: complete for every invocation that
    /// was answered.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(&self.output).expect("the output is a file of text")
    }

    /// Whether the emulator listens, or has ended instead.
    async fn accepts(&mut self, address: SocketAddr) -> bool {
        for _ in 0..400 {
            if self.tether.try_wait().expect("the child can be asked").is_some() {
                return false;
            }
            if TcpStream::connect(address).is_ok() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        false
    }
}

impl Drop for Rie {
    fn drop(&mut self) {
        drop(self.tether.stdin.take());
        let _ = self.tether.wait();
        // A failed test leaves the output to be read.
        if !std::thread::panicking() {
            let _ = fs::remove_file(&self.output);
        }
    }
}

fn spawn(
    bootstrap: &OsStr,
    environment: &[(&str, &str)],
    invoke: SocketAddr,
    runtime: SocketAddr,
    output: &Path,
) -> Child {
    let output = File::create(output).expect("the output can be written");
    script("tether.py")
        .arg(emulator())
        .args(["--log-level", "error"])
        .args(["--runtime-interface-emulator-address", &invoke.to_string()])
        .args(["--runtime-api-address", &runtime.to_string()])
        .arg(bootstrap)
        .env_clear()
        .envs([
            (aws::REGION, "eu-central-1"),
            (aws::ACCESS_KEY_ID, "test"),
            (aws::SECRET_ACCESS_KEY, "test"),
        ])
        .env("AWS_LAMBDA_FUNCTION_TIMEOUT", "29")
        .envs(environment.iter().copied())
        .stdout(output.try_clone().expect("a file can be shared"))
        .stderr(output)
        .spawn()
        .expect("Python starts")
}

/// The emulator's program, inside the package of SAM's command line.
fn emulator() -> PathBuf {
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let inside = format!("site-packages/samcli/local/rapid/aws-lambda-rie-{machine}");
    let libraries = fs::read_dir(venv().join("lib")).expect("a Python environment has lib/");
    libraries
        .filter_map(|python| Some(python.ok()?.path().join(&inside)))
        .find(|path| path.exists())
        .expect("aws-sam-cli is installed: run `make venv`")
}

/// Two addresses that nobody listened on a moment ago.
fn free_addresses() -> [SocketAddr; 2] {
    // Both are held before either is let go, so that they differ.
    let held =
        [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free"));
    held.map(|listener| listener.local_addr().expect("a listener has an address"))
}
