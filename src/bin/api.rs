//! The `api` function: wiring only.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use desk_handoff::api::{Api, Invocation, PAUSE};
use desk_handoff::aws::{Environment, SharedClient, ssm::Ssm};
use desk_handoff::config::Config;
use desk_handoff::secrets::Secrets;
use desk_handoff::{http_client, logs};
use lambda_http::{Error, Request, RequestExt as _, run, service_fn};
use tokio::time::Instant;

/// What is left for answering after the last Desk call, before Lambda ends the invocation.
const MARGIN: Duration = Duration::from_millis(500);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = |name: &str| std::env::var(name).ok();
    logs::init(&environment("LOG_LEVEL").unwrap_or_default());
    let config = Config::from_lookup(environment).inspect_err(|error| tracing::error!(%error, "cannot start"))?;
    let client = http_client::new()?;
    let ssm = Ssm::new(&Environment::from_lookup(environment)?, SharedClient(client.clone()));
    let secrets = Secrets::new(Box::new(ssm), &config);
    let api = &Api { config, secrets, client, pause: PAUSE };
    run(service_fn(|request: Request| async move {
        Ok::<_, std::convert::Infallible>(api.handle(&request, &invocation(&request)).await)
    }))
    .await
}

fn invocation(request: &Request) -> Invocation {
    let context = request.lambda_context();
    let now = SystemTime::now();
    let left = (UNIX_EPOCH + Duration::from_millis(context.deadline)).duration_since(now).unwrap_or_default();
    let deadline = Instant::now() + left.saturating_sub(MARGIN);
    Invocation { request_id: context.request_id, now, deadline }
}
