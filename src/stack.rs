//! What both functions live on: settings, secrets, HTTP client, queue, claims; made once, kept as long as the process.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::claims::{Claims, LEASE_MARGIN};
use crate::config::{AppId, Config, Mode};
use crate::desk::{Connection, Desk};
use crate::handoff::Handoff;
use crate::process::{self, Failure, Task};
use crate::queue::Queue;
use crate::report::Report;
use crate::secrets::{Credentials, Secrets};

/// The first pause before a Desk call is repeated.
pub const PAUSE: Duration = Duration::from_millis(200);

/// Everything that lives as long as the process.
pub struct Stack {
    /// The environment's settings.
    pub config: Config,
    /// Credentials and rules.
    pub secrets: Secrets,
    /// The client of [`crate::http_client`].
    pub client: reqwest::Client,
    /// Between the webhook and the worker.
    pub queue: Box<dyn Queue>,
    /// Who may work on a conversation.
    pub claims: Box<dyn Claims>,
    /// The first pause before a Desk call is repeated: [`PAUSE`].
    pub pause: Duration,
}

/// What is particular to one invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Told to the caller of a request that failed, and in every log line.
    pub request_id: String,
    /// The time of day.
    pub now: SystemTime,
    /// When the work must have ended.
    pub deadline: Instant,
}

/// Why a handoff cannot even be begun.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// A parameter of the application is missing or not usable.
    #[error("the parameter {0} is missing or not usable")]
    NotConfigured(&'static str),
    /// It was begun and failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Invocation {
    /// When a claim taken now ends by itself: later than this invocation can last.
    fn ends(&self) -> SystemTime {
        self.now + self.deadline.saturating_duration_since(Instant::now()) + LEASE_MARGIN
    }
}

impl Stack {
    /// Works one handoff out, and carries it out unless `mode` is preview.
    ///
    /// # Errors
    /// [`Trouble`]; trying again is always safe.
    pub async fn work(
        &self,
        app_id: &AppId,
        credentials: &Credentials,
        handoff: &Handoff,
        mode: Mode,
        invocation: &Invocation,
    ) -> Result<Report, Trouble> {
        let rules = credentials.rules.as_ref().map_err(|_| Trouble::NotConfigured("fields"))?;
        let connection = Connection {
            client: &self.client,
            config: &self.config,
            secrets: &self.secrets,
            app_id,
            now: invocation.now,
            deadline: invocation.deadline,
            pause: self.pause,
        };
        let desk = Desk::new(connection, credentials).ok_or(Trouble::NotConfigured("desk-api-token"))?;
        let report = match mode {
            Mode::Preview => process::preview(&desk, rules, handoff).await?,
            Mode::Live => {
                let task = Task {
                    desk: &desk,
                    rules,
                    claims: self.claims.as_ref(),
                    app_id,
                    tokens: &credentials.desk_tokens,
                    now: invocation.now,
                    ends: invocation.ends(),
                };
                process::process(&task, handoff).await?
            }
        };
        report.log(app_id, &invocation.request_id);
        Ok(report)
    }
}
