//! The only files that name the AWS SDK: thin, without decisions.
//!
//! On Lambda the environment gives credentials, region and (in tests) an endpoint, so the SDK's
//! long chain of places to look is left out; what is not given there is an error at start.

pub mod dynamodb;
mod http;
mod item;
pub mod sqs;
pub mod ssm;
mod start;

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_ssm::config::Region;
use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

pub use self::http::SharedClient;
pub use self::start::{deployed_app, invocation};

use crate::names::aws;
use crate::store::StoreError;

/// What the environment says of AWS.
#[derive(Debug, Clone)]
pub struct Environment {
    region: Region,
    credentials: Credentials,
    endpoints: HashMap<Service, String>,
}

/// The services that are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Service {
    Dynamodb,
    Sqs,
    Ssm,
}

/// What the environment does not say, the whole of it.
#[derive(Debug, thiserror::Error)]
#[error("the environment has no {}", .0.join(", no "))]
pub struct Missing(Vec<&'static str>);

impl Environment {
    /// Reads the AWS SDK's own variables through `lookup`.
    ///
    /// # Errors
    /// All required ones that are missing.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Missing> {
        let read = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let required = [aws::REGION, aws::ACCESS_KEY_ID, aws::SECRET_ACCESS_KEY];
        let [Some(region), Some(key_id), Some(key)] = required.map(read) else {
            return Err(Missing(
                required.into_iter().filter(|name| read(name).is_none()).collect(),
            ));
        };

        let credentials = Credentials::from_keys(key_id, key, read(aws::SESSION_TOKEN));
        let endpoints = [
            (Service::Dynamodb, aws::ENDPOINT_URL_DYNAMODB),
            (Service::Sqs, aws::ENDPOINT_URL_SQS),
            (Service::Ssm, aws::ENDPOINT_URL_SSM),
        ];

        let endpoint = |(service, name): (Service, &str)| {
            Some((service, read(name).or(read(aws::ENDPOINT_URL))?))
        };
        Ok(Self {
            region: Region::new(region),
            credentials,
            endpoints: endpoints.into_iter().filter_map(endpoint).collect(),
        })
    }

    /// Where the service is, if not where AWS has it in the region.
    fn endpoint(&self, service: Service) -> Option<String> {
        self.endpoints.get(&service).cloned()
    }

    /// Where the service is: the SDK's own address of it, in the regions that are there for
    /// everybody.
    fn address(&self, service: Service) -> String {
        let name = match service {
            Service::Dynamodb => "dynamodb",
            Service::Sqs => "sqs",
            Service::Ssm => "ssm",
        };
        self.endpoint(service)
            // A guess will do: it is only for the connection that is opened ahead.
            .unwrap_or_else(|| format!("https://{name}.{}.amazonaws.com", self.region))
    }
}

/// A client that is made when it is first needed: each costs a quarter of a start, and no start
/// needs all of them.
type Late<Client> = LazyLock<Client, Box<dyn FnOnce() -> Client + Send>>;

fn late<Client>(make: impl FnOnce() -> Client + Send + 'static) -> Late<Client> {
    LazyLock::new(Box::new(make))
}

/// The longest wait before the first repetition: one after a broken connection is to be within the
/// sender's second.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);

/// How the SDK repeats calls to the queue and the claims, which mean the same when they are
/// repeated.
fn retries() -> RetryConfig {
    RetryConfig::standard().with_initial_backoff(FIRST_BACKOFF)
}

fn timeouts(whole: Duration, attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().operation_timeout(whole).operation_attempt_timeout(attempt).build()
}

/// Never the SDK's own text: it may show an answer, and an answer holds secrets.
fn failure<E: ProvideErrorMetadata, R>(store: &'static str, error: &SdkError<E, R>) -> StoreError {
    let reason = match error {
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(_) => "not reached",
        SdkError::ServiceError(error) => error.err().code().unwrap_or("refused"),
        _ => "no usable answer",
    };
    StoreError { store, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(set: &[(&str, &str)]) -> Result<Environment, Missing> {
        let required =
            ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| (name, "x"));
        let find = |name: &str| set.iter().chain(&required).find(|(known, _)| *known == name);
        Environment::from_lookup(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn service_endpoint_precedes_general_one() {
        let endpoints = |set: &[(&str, &str)]| {
            let environment = environment(set).unwrap();
            [Service::Dynamodb, Service::Sqs, Service::Ssm]
                .map(|service| environment.endpoint(service))
        };
        assert_eq!(endpoints(&[]), [None, None, None]);
        assert_eq!(endpoints(&[("AWS_ENDPOINT_URL", "")]), [None, None, None]);
        let all = |urls: [&str; 3]| urls.map(|url| Some(url.to_owned()));
        assert_eq!(endpoints(&[("AWS_ENDPOINT_URL", "all")]), all(["all"; 3]));
        let one = |name| endpoints(&[("AWS_ENDPOINT_URL", "all"), (name, "own")]);
        assert_eq!(one("AWS_ENDPOINT_URL_DYNAMODB"), all(["own", "all", "all"]));
        assert_eq!(one("AWS_ENDPOINT_URL_SQS"), all(["all", "own", "all"]));

        assert_eq!(one("AWS_ENDPOINT_URL_SSM"), all(["all", "all", "own"]));
    }

    #[test]
    fn service_without_endpoint_uses_sdk_default() {
        assert_eq!(environment(&[]).unwrap().address(Service::Sqs), "https://sqs.x.amazonaws.com");
        let own = environment(&[("AWS_ENDPOINT_URL_SQS", "own")]).unwrap();
        assert_eq!(own.address(Service::Sqs), "own");
    }

    #[test]
    fn what_is_missing_is_named() {
        let said = |set: &[(&str, &str)]| environment(set).unwrap_err().to_string();
        assert_eq!(said(&[("AWS_REGION", "")]), "the environment has no AWS_REGION");
        let both = [("AWS_SECRET_ACCESS_KEY", ""), ("AWS_REGION", "")];
        assert_eq!(said(&both), "the environment has no AWS_REGION, no AWS_SECRET_ACCESS_KEY");
    }
}
