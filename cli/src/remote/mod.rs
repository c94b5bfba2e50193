//! A Desk that is somebody's own, met by the shipped client, and only read.

pub(crate) mod desk_fields;
pub(crate) mod logs;
pub(crate) mod ssm;
pub(crate) mod webhook_setting;

use std::time::{Duration, SystemTime};

use desk_handoff::app::PAUSE;
use desk_handoff::config::{AppId, Config};
use desk_handoff::desk::transport::HttpTransport;
use desk_handoff::desk::{Connection, Desk, DeskError, ErrorKind};
use desk_handoff::http_client;
use desk_handoff::secrets::{Credentials, Secrets};
use desk_handoff::ticket::Ticket;
use tokio::time::Instant;

use crate::error::CliError;
use crate::settings::Parameters;

/// How long a person waits for Desk, with all repetitions.
const PATIENCE: Duration = Duration::from_secs(30);

/// Checks where things are, as the deployed function would.
pub(crate) fn config(
    app_id: &AppId,
    desk_url: Option<&str>,
    prefix: Option<&str>,
) -> Result<Config, CliError> {
    let config = Config::from_lookup(|name| match name {
        "APP_IDS" => Some(app_id.to_string()),
        "DESK_BASE_URL" => desk_url.map(str::to_owned),
        "PARAMETER_PREFIX" => prefix.map(str::to_owned),
        _ => None,
    });
    Ok(config?)
}

/// The newest tickets; `None` if there is no Desk token.
pub(crate) async fn recent_tickets(
    config: &Config,
    credentials: &Credentials,
) -> Result<Option<Result<Vec<Ticket>, DeskError>>, CliError> {
    let client = http_client::new()
        .map_err(|error| CliError::Work(format!("there is no HTTP client: {error}")))?;
    // A refused token is what the caller wants to hear of: there is no newer one to try.
    let secrets = Secrets::new(Box::new(Parameters::default()), config);
    let (now, deadline) = (SystemTime::now(), Instant::now() + PATIENCE);
    // Every config of this program is made for one application.
    let app_id = &config.apps.listed()[0];
    let transport = HttpTransport(client);
    let connection = Connection {
        transport: &transport,
        config,
        secrets: &secrets,
        app_id,
        now,
        deadline,
        pause: PAUSE,
        // One person asks a few times: there is nothing to be slowed down.
        pace: None,
    };

    match Desk::new(connection, credentials) {
        Some(desk) => Ok(Some(desk.recent_tickets().await)),
        None => Ok(None),
    }
}

/// What a person can do about it.
pub(crate) fn hint(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unauthorized => {
            "Desk's tokens are made in its dashboard (Settings > Desk > Credentials); Chat's are others"
        }
        ErrorKind::Unreachable => {
            "is the application id right (it is part of Desk's address), and --desk-url?"
        }
        ErrorKind::Refused => "is --desk-url Desk's base, up to /platform/v1?",
        ErrorKind::RateLimited
        | ErrorKind::Unavailable
        | ErrorKind::TimedOut
        | ErrorKind::CallLimit => "try again; if it stays so, ask Sendbird",
    }
}
