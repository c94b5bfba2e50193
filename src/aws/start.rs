//! What both functions do when they start: read the environment as a whole and make everything
//! once.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{Context, Error};

use super::dynamodb::Dynamodb;
use super::sqs::Sqs;
use super::ssm::Ssm;
use super::{Environment, SharedClient};
use crate::app::{App, Health, Invocation, PAUSE, Role};
use crate::claims::LEASE_MARGIN;
use crate::config::{Config, Deployed};
use crate::desk::Pace;
use crate::desk::transport::HttpTransport;
use crate::emf::Emf;
use crate::metrics::Metrics;
use crate::names::setting::LOG_LEVEL;
use crate::secrets::Secrets;
use crate::{http_client, logs};

/// What is left for the end after the last call to Desk, before Lambda ends the invocation: giving
/// a claim back and answering.
const MARGIN: Duration = Duration::from_secs(1);
/// For the worker, which also says of a message when it is to come again.
const MARGIN_OF_WORK: Duration = Duration::from_secs(3);
const _: () = assert!(
    MARGIN_OF_WORK.as_secs() < LEASE_MARGIN.as_secs(),
    "a claim has to outlive its invocation"
);

/// The app of a deployed function, from its environment. Makes no call.
///
/// # Errors
/// Every problem of the environment, which are logged, too.
pub fn deployed_app(environment: impl Fn(&str) -> Option<String>) -> Result<App, Error> {
    // Before the settings, so that what is wrong with them is logged.
    logs::init(&environment(LOG_LEVEL).unwrap_or_default());
    let (Deployed { config, queue_url, table_name }, aws) =
        settings(&environment).inspect_err(|error| tracing::error!(error, "cannot start"))?;
    // One for Desk and for AWS: a second TLS set-up would cost a part of every start.
    let client = http_client::new()?;
    let shared = SharedClient(client.clone());
    let secrets = Secrets::new(Box::new(Ssm::new(&aws, shared.clone())), &config);
    let queue = Box::new(Sqs::new(&aws, shared.clone(), queue_url));
    let claims = Box::new(Dynamodb::new(&aws, shared, table_name));
    // To standard output, because CloudWatch takes the records off the log.
    let metrics = Metrics::new(Box::new(Emf::new(config.stack_name.clone(), std::io::stdout())));
    let transport = Box::new(HttpTransport(client));
    let pace = Some(Pace::new(config.calls_per_second));

    Ok(App {
        config,
        secrets,
        transport,
        queue,
        claims,
        metrics,
        pause: PAUSE,
        pace,
        health: Health::default(),
        waits_for_desk: true,
    })
}

/// The settings of this software and of the AWS SDK; or every problem of both in one line.
fn settings(
    environment: impl Fn(&str) -> Option<String>,
) -> Result<(Deployed, Environment), String> {
    // Both are read before one is reported, so that whoever deploys corrects everything at once.
    match (Config::deployed(&environment), Environment::from_lookup(&environment)) {
        (Ok(deployed), Ok(aws)) => Ok((deployed, aws)),
        (Err(ours), Err(of_aws)) => Err(format!("{ours}; {of_aws}")),
        (Err(ours), Ok(_)) => Err(ours.to_string()),
        (Ok(_), Err(of_aws)) => Err(of_aws.to_string()),
    }
}

/// What Lambda says of an invocation.
pub fn invocation(context: &Context, role: Role) -> Invocation {
    let now = SystemTime::now();
    // Lambda gives the end as a time of day; what counts is the length until then, which no setting
    // of the clock moves.
    let left = (UNIX_EPOCH + Duration::from_millis(context.deadline))
        .duration_since(now)
        .unwrap_or_default();
    let margin = match role {
        Role::Receive => MARGIN,
        Role::Work => MARGIN_OF_WORK,
    };
    Invocation::new(&context.request_id, now, left.saturating_sub(margin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_environment_is_reported_whole() {
        let said = settings(|_| None).unwrap_err();
        let lacks = [
            "APP_IDS",
            "QUEUE_URL",
            "TABLE_NAME",
            "AWS_REGION",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
        ];

        for name in lacks {
            assert_eq!(said.matches(name).count(), 1, "{name}: {said}");
        }
    }
}
