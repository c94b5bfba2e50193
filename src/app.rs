//! What both functions live on: settings, secrets, HTTP client, queue, claims; made once, kept as
//! long as the process.

use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::{join, join_all};
use tokio::time::Instant;

use crate::claims::{Claims, LEASE_MARGIN, item_key};
use crate::config::{AppId, Config, Mode};
use crate::desk::transport::Transport;
use crate::desk::{Connection, Desk, ErrorKind, Pace};
use crate::handoff::Handoff;
use crate::handoff::order::millis;
use crate::metrics::{Metrics, Record};
use crate::process::{self, ProcessError, Task};
use crate::queue::Queue;
use crate::report::Report;
use crate::rules::Rules;
use crate::secrets::{Credentials, DESK_API_TOKEN, FIELDS, Secrets};

/// The first pause before a Desk call is repeated.
pub const PAUSE: Duration = Duration::from_millis(200);

/// The longest that a start may wait for what it fetches and opens ahead.
pub const PREFETCH_TIME: Duration = Duration::from_secs(1);
/// Of how many applications the parameters are fetched ahead: SSM takes few calls a second.
pub const PREFETCHED: usize = 4;

/// What a function is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It takes requests, most of them for the queue.
    Receive,
    /// It works on what the queue holds.
    Work,
}

/// Everything that lives as long as the process.
pub struct App {
    /// The environment's settings.
    pub config: Config,
    /// Credentials and rules.
    pub secrets: Secrets,
    /// Carries the calls to Desk and Chat.
    pub transport: Box<dyn Transport>,
    /// Between the webhook and the worker.
    pub queue: Box<dyn Queue>,
    /// Who may work on a conversation.
    pub claims: Box<dyn Claims>,
    /// What is counted.
    pub metrics: Metrics,
    /// The first pause before a Desk call is repeated: [`PAUSE`].
    pub pause: Duration,
    /// How fast calls to Desk follow each other on the queue's path; `None`: as fast as they come.
    pub pace: Option<Pace>,
    /// When a check of the configuration last failed.
    pub health: Health,
    /// Whether a webhook's handoff waits for the ticket that Desk may be making itself
    /// (`grace_seconds`). A local run, whose Desk makes none, does not.
    pub waits_for_desk: bool,
}

/// How long a failed check of the configuration is not repeated, so that a caller who is not
/// authenticated costs nothing.
pub const HEALTH_TTL: Duration = Duration::from_secs(10);

/// When a check of the configuration last failed.
#[derive(Debug, Default)]
pub struct Health(Mutex<Option<SystemTime>>);

impl Health {
    /// Whether it is time to check again.
    pub fn may_check(&self, now: SystemTime) -> bool {
        // Success is not kept: a check that succeeds costs one look into the cache.
        let failed = *self.0.lock().expect("no holder of the health panics");
        failed.is_none_or(|failed| now.duration_since(failed).is_ok_and(|age| age >= HEALTH_TTL))
    }

    /// How a check ended.
    pub fn checked(&self, is_ok: bool, now: SystemTime) {
        *self.0.lock().expect("no holder of the health panics") = (!is_ok).then_some(now);
    }
}

/// A handoff to be worked on.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The application.
    pub app_id: &'a AppId,
    /// The application's parameters.
    pub credentials: &'a Credentials,
    /// What is to be done.
    pub handoff: &'a Handoff,
    /// Whether it is carried out or only worked out.
    pub mode: Mode,
    /// How it came.
    pub origin: Origin,
}

/// How a handoff came to be worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Its sender waits for the answer.
    Direct,
    /// From the queue, where a direct request put it.
    QueuedDirect,
    /// From the queue, where a webhook put it: Desk may be making a ticket of its own.
    QueuedWebhook,
}

/// What is particular to one invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// In the answer to a request that failed, and in every log line.
    pub request_id: String,
    /// The time of day.
    pub now: SystemTime,
    /// When API Gateway received the request, in milliseconds since 1970.
    pub received: i64,
    /// The moment of `now`, as time is measured.
    pub began: Instant,
    /// When the work must have ended.
    pub deadline: Instant,
    /// When a claim taken in it ends by itself: later than it can last.
    ends: SystemTime,
}

/// Why a handoff is not done: it cannot even be begun, or it failed.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// A parameter of the application is missing or not usable.
    #[error("the parameter {0} is missing or not usable")]
    NotConfigured(&'static str),
    /// It was begun and failed.
    #[error(transparent)]
    Failed(#[from] ProcessError),
}

impl JobError {
    /// Whether a later try may succeed, so that the queue can make it.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::NotConfigured(_) => false,
            Self::Failed(ProcessError::Desk(error)) => error.kind != ErrorKind::Refused,
            Self::Failed(
                ProcessError::Claims(_)
                | ProcessError::InProgress(_)
                | ProcessError::NotYet
                | ProcessError::Grace(_)
                | ProcessError::CreateInDoubt(_)
                | ProcessError::NotShown(_)
                | ProcessError::Unsettled,
            ) => true,
        }
    }
}

impl Invocation {
    /// One that begins at this moment, which is `now`, and may take so long.
    pub fn new(request_id: impl Into<String>, now: SystemTime, time: Duration) -> Self {
        let began = Instant::now();
        Self {
            request_id: request_id.into(),
            now,
            received: millis(now),
            began,
            deadline: began + time,
            ends: now + time + LEASE_MARGIN,
        }
    }

    /// The same, of a request that API Gateway received at this time, in milliseconds since 1970; 0
    /// if it did not say.
    #[must_use]
    pub fn received_at(self, received: i64) -> Self {
        let received = if received > 0 { received } else { self.received };
        Self { received, ..self }
    }
}

impl App {
    /// Before the first event: fetches the parameters and opens the connections that it would have
    /// to wait for, while Lambda lends a starting function more of the processor. What is not to be
    /// had in [`PREFETCH_TIME`] is left to the first event; nothing fails here.
    pub async fn prefetch(&self, role: Role, now: SystemTime) {
        if !self.config.prefetch {
            return;
        }

        // The first ones of the list: which will be asked for first nobody knows. Without a list
        // there is nothing to fetch: the first handoff of each application waits for its parameters.
        let app_ids = self.config.apps.listed().iter().take(PREFETCHED);
        // Why it failed is in the log.
        let parameters = join_all(app_ids.map(|app_id| self.secrets.get(app_id, now)));
        let connection = match role {
            Role::Receive => self.queue.open(),
            Role::Work => self.claims.open(),
        };

        if tokio::time::timeout(PREFETCH_TIME, join(parameters, connection)).await.is_err() {
            tracing::warn!("not everything could be fetched ahead in time");
        }
    }

    /// Works one handoff out, and carries it out unless the mode is preview. The record learns what
    /// Desk cost, whatever comes of it.
    ///
    /// # Errors
    /// [`JobError`]; trying again is always safe.
    pub async fn work(
        &self,
        job: Job<'_>,
        invocation: &Invocation,
        record: &mut Record,
    ) -> Result<Report, JobError> {
        let Job { app_id, credentials, handoff, mode, origin } = job;
        let rules = credentials.rules.as_ref().map_err(|_| JobError::NotConfigured(FIELDS))?;
        let connection = Connection {
            transport: self.transport.as_ref(),
            config: &self.config,
            secrets: &self.secrets,
            app_id,
            now: invocation.now,
            deadline: invocation.deadline,
            pause: self.pause,
            // Somebody waits for a direct handoff; what lies on the queue can take its time.
            pace: self.pace.as_ref().filter(|_| origin != Origin::Direct),
        };

        let desk =
            Desk::new(connection, credentials).ok_or(JobError::NotConfigured(DESK_API_TOKEN))?;
        let worked = match mode {
            Mode::Preview => self.preview(&desk, rules, job, invocation).await,
            Mode::Live => {
                let task = Task {
                    desk: &desk,
                    rules,
                    claims: self.claims.as_ref(),
                    app_id,
                    now: invocation.now,
                    began: invocation.began,
                    ends: invocation.ends,
                    has_grace: self.waits_for_desk && origin == Origin::QueuedWebhook,
                };
                process::process(&task, handoff).await
            }
        };
        // Before the failure is passed on: it has cost Desk as much.
        (record.desk_calls, record.desk_time) = (desk.calls(), desk.time());
        let report = worked?;
        record.done(&report);

        Ok(report)
    }

    /// Reads what is remembered of the customer, and claims nothing.
    async fn preview(
        &self,
        desk: &Desk<'_>,
        rules: &Rules,
        job: Job<'_>,
        invocation: &Invocation,
    ) -> Result<Report, ProcessError> {
        let now = invocation.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        // Without a claim: a preview must not keep a real handoff waiting.
        let item = self.claims.read(&item_key(job.app_id, &job.handoff.user_id)).await?;
        let customer = item.map(|item| item.known(now)).unwrap_or_default();
        let clock = (invocation.now, invocation.began);
        process::preview(desk, rules, job.handoff, customer, clock).await
    }

    /// The end of a unit of work that began then.
    pub fn emit(&self, mut record: Record, began: Instant) {
        record.duration = began.elapsed();
        record.stale_secrets = self.secrets.take_stale_served();
        self.metrics.write(record);
    }
}
