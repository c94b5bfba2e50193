//! The AWS SDK at moto: what its environment says, and clients of its own.

use aws_credential_types::Credentials;
use desk_handoff::aws::{Environment, SharedClient};
use desk_handoff::http_client;
use desk_handoff::names::aws;

use super::client::REGION;
use super::moto;

/// What the SDK's variables say in these tests.
pub(crate) fn environment(endpoint: &str) -> Environment {
    Environment::from_lookup(|name| match name {
        aws::REGION => Some(REGION.to_owned()),
        aws::ACCESS_KEY_ID | aws::SECRET_ACCESS_KEY => Some("test".to_owned()),
        aws::ENDPOINT_URL => Some(endpoint.to_owned()),
        _ => None,
    })
    .unwrap()
}

/// A client of this crate: each has types of its own, all with the same methods.
macro_rules! client {
    ($sdk:ident) => {{
        let config = $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region($sdk::config::Region::new(REGION))
            .credentials_provider(Credentials::from_keys("test", "test", None))
            .http_client($sdk::config::SharedHttpClient::new(shared()))
            .endpoint_url(moto::endpoint());
        $sdk::Client::from_conf(config.build())
    }};
}

/// A client of the claims' tables.
pub(crate) fn dynamodb() -> aws_sdk_dynamodb::Client {
    client!(aws_sdk_dynamodb)
}

/// A client of the queues.
pub(crate) fn sqs() -> aws_sdk_sqs::Client {
    client!(aws_sdk_sqs)
}

/// The HTTP client, as the SDK wants it.
pub(crate) fn shared() -> SharedClient {
    SharedClient(http_client::new().unwrap())
}
