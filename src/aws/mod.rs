//! The only files that name the AWS SDK: thin, without decisions.
//!
//! On Lambda the environment gives credentials, region and (in tests) an endpoint, so the SDK's long chain of places to
//! look is left out; what is not given there is an error at start.

mod http;
pub mod ssm;

use aws_credential_types::Credentials;
use aws_sdk_ssm::config::Region;

pub use self::http::SharedClient;

/// What the environment says of AWS.
#[derive(Debug, Clone)]
pub struct Environment {
    region: Region,
    credentials: Credentials,
    endpoint: Option<String>,
}

/// What the environment does not say.
#[derive(Debug, thiserror::Error)]
#[error("the environment has no {0}")]
pub struct Missing(&'static str);

impl Environment {
    /// Reads the AWS SDK's own variables through `lookup`.
    ///
    /// # Errors
    /// The first required one that is missing.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Missing> {
        let read = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let require = |name: &'static str| read(name).ok_or(Missing(name));
        let credentials = Credentials::from_keys(
            require("AWS_ACCESS_KEY_ID")?,
            require("AWS_SECRET_ACCESS_KEY")?,
            read("AWS_SESSION_TOKEN"),
        );
        Ok(Self {
            region: Region::new(require("AWS_REGION")?),
            credentials,
            endpoint: read("AWS_ENDPOINT_URL_SSM").or_else(|| read("AWS_ENDPOINT_URL")),
        })
    }
}
