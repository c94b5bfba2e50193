//! SSM Parameter Store behind [`ParameterStore`]: one decrypted `GetParametersByPath`, page by
//! page.

use std::time::Duration;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::config::{BehaviorVersion, SharedHttpClient, StalledStreamProtectionConfig};

use super::{Environment, Late, Service, SharedClient, failure, late, timeouts};
use crate::secrets::{Parameter, ParameterStore};
use crate::store::StoreFuture;

/// The longest that all of it may take, repetitions included; a kept copy is better than a late
/// one.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest that one request may take.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// Parameters in SSM.
#[derive(Debug)]
pub struct Ssm(Late<Client>);

impl Ssm {
    /// A client for this environment.
    pub fn new(environment: &Environment, http: SharedClient) -> Self {
        let environment = environment.clone();
        Self(late(move || client(environment, http)))
    }
}

fn client(environment: Environment, http: SharedClient) -> Client {
    let mut config = aws_sdk_ssm::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(SharedHttpClient::new(http))
        // Nothing is streamed, and each attempt has a time of its own.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts(TIMEOUT, ATTEMPT_TIMEOUT));
    config.set_endpoint_url(environment.endpoint(Service::Ssm));
    Client::from_conf(
        config.region(environment.region).credentials_provider(environment.credentials).build(),
    )
}

impl ParameterStore for Ssm {
    fn by_path<'a>(&'a self, path: &'a str) -> StoreFuture<'a, Vec<Parameter>> {
        Box::pin(async move {
            let mut parameters = Vec::new();
            // Page by page: SSM gives ten at once, and others may keep parameters in the same
            // folder.
            let mut pages = self
                .0
                .get_parameters_by_path()
                .path(path)
                // Else a SecureString comes as the text of its encryption.
                .with_decryption(true)
                .into_paginator()
                .send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| failure("the parameter store", &error))?;
                parameters.extend(page.parameters.unwrap_or_default().into_iter().filter_map(
                    |parameter| {
                        let name = parameter.name?.strip_prefix(path)?.to_owned();
                        Some(Parameter { name, value: parameter.value?.into() })
                    },
                ));
            }
            Ok(parameters)
        })
    }
}
