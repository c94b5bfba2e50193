//! A bootstrap as a process: started with a function's environment, asked, and its CPU time and
//! memory read.

use desk_handoff::names::{aws, setting};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use tokio::runtime::Handle;

use crate::desk::Desk;
use crate::events::{APP, Route};
use crate::lambda::Runtime;

/// What the functions meet: the stand-ins' addresses, and the runtime they run on.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) servers: Handle,
    pub(crate) aws: String,
    pub(crate) desk: Desk,
}

/// Whether the function fetches and opens what it can before it asks for its first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prefetch {
    On,
    Off,
}

/// One process, ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Function {
    child: Child,
    clock: ClockId,
    started: Instant,
    pub(crate) runtime: Runtime,
}

/// What an invocation cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// From the event's being handed out, or from exec, to the answer.
    pub(crate) wall: Duration,
    /// From the event's being handed out to the answer.
    pub(crate) handling: Duration,
    pub(crate) cpu: Duration,
}

impl World {
    /// As Lambda and template.yaml would set it.
    pub(crate) fn environment(
        &self,
        runtime: &Runtime,
        prefetch: Prefetch,
    ) -> Vec<(&'static str, String)> {
        let prefetch = if prefetch == Prefetch::On { "on" } else { "off" };
        [
            ("AWS_LAMBDA_RUNTIME_API", runtime.address.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", "bench".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            (aws::REGION, "eu-central-1".to_owned()),
            (aws::ACCESS_KEY_ID, "bench".to_owned()),
            (aws::SECRET_ACCESS_KEY, "bench".to_owned()),
            (aws::SESSION_TOKEN, "bench".to_owned()),
            (aws::ENDPOINT_URL, self.aws.clone()),
            (setting::APP_IDS, APP.to_owned()),
            (setting::QUEUE_URL, format!("{}/123456789012/handoffs.fifo", self.aws)),
            (setting::TABLE_NAME, "claims".to_owned()),
            (setting::STACK_NAME, "bench".to_owned()),
            (setting::DESK_BASE_URL, self.desk.url.clone()),
            (setting::CHAT_BASE_URL, self.desk.url.clone()),
            (setting::PREFETCH, prefetch.to_owned()),
            // The most there is: a worker that holds itself back is not slow.
            (setting::DESK_RATE, "1000".to_owned()),
        ]
        .into()
    }
}

impl Function {
    /// Its log goes nowhere; what it says on standard error is shown.
    pub(crate) fn start(world: &World, binary: &Path, prefetch: Prefetch) -> std::io::Result<Self> {
        Self::start_with(world, binary, prefetch, None)
    }

    /// A process for which an event is waiting when it comes to ask, as at a cold start on Lambda.
    pub(crate) fn start_with(
        world: &World,
        binary: &Path,
        prefetch: Prefetch,
        event: Option<Vec<u8>>,
    ) -> std::io::Result<Self> {
        let runtime = Runtime::start(&world.servers)?;
        event.into_iter().for_each(|event| runtime.hand_out(event));
        let mut command = Command::new(binary);
        // What the shell exports must not reach the function: Lambda gives it nothing but this.
        command
            .env_clear()
            .envs(world.environment(&runtime, prefetch))
            .stdin(Stdio::null())
            .stdout(Stdio::null());

        // The clock starts before the fork, as a cold start does.
        let started = Instant::now();
        let child = command.spawn()?;
        let clock = clock_getcpuclockid(Pid::from_raw(
            child.id().try_into().expect("a process id is an i32"),
        ))?;

        Ok(Self { child, clock, started, runtime })
    }

    /// How long after its start it first asked for an event.
    pub(crate) fn first_poll(&self) -> Duration {
        self.runtime.poll().duration_since(self.started)
    }

    /// The first answer, the start included; an event was waiting.
    pub(crate) fn first_answer(&self, route: Option<Route>) -> std::io::Result<Cost> {
        self.runtime.poll();
        let answer = self.runtime.answer();
        check(route, &answer.body);
        self.runtime.poll();
        let (wall, handling) =
            (answer.at.duration_since(self.started), answer.at.duration_since(answer.handed));
        Ok(Cost { wall, handling, cpu: self.cpu()? })
    }

    /// An answer of a process that has been asking for an event; when this returns it is asking
    /// again.
    pub(crate) fn invoke(&self, route: Option<Route>, event: Vec<u8>) -> std::io::Result<Cost> {
        let before = self.cpu()?;
        self.runtime.hand_out(event);
        let answer = self.runtime.answer();
        check(route, &answer.body);
        self.runtime.poll();
        let wall = answer.at.duration_since(answer.handed);
        Ok(Cost { wall, handling: wall, cpu: self.cpu()?.saturating_sub(before) })
    }

    /// User and system time of all its threads.
    pub(crate) fn cpu(&self) -> std::io::Result<Duration> {
        Ok(self.clock.now()?.into())
    }

    /// The most memory that it ever had resident, in bytes.
    pub(crate) fn peak_memory(&self) -> std::io::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        let kibibytes: u64 =
            line.trim().trim_end_matches(" kB").parse().map_err(std::io::Error::other)?;
        Ok(kibibytes * 1024)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may have ended by itself, which the poll that never came has shown already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A wrong answer would be a fast one: nothing of this run would be worth anything.
pub(crate) fn check(route: Option<Route>, answer: &Result<Bytes, String>) {
    let body = answer.as_ref().unwrap_or_else(|failure| panic!("{failure}"));
    let text = String::from_utf8_lossy(body);
    if let Some(route) = route {
        assert!(text.contains(route.sign_of_success()), "{}: {text}", route.name());
    }
}
