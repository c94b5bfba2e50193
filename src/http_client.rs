//! The one HTTP client, made once and shared by the Desk client and the AWS SDK.
//!
//! Trust roots are compiled in: reading the operating system's bundle is what costs a cold start
//! most. Redirects are never followed and no proxy is used, whatever the environment says: a token
//! must not pass through another host.

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};

/// How long a connection may take to stand.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The roots that are compiled in.
pub fn roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// How connections are secured: by ring, with a server whose certificate one of these roots vouches
/// for.
pub fn tls(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows the default TLS versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Makes the client.
///
/// # Errors
/// What `reqwest` says of its set-up; none is known to happen.
pub fn new() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        // Made above and not by reqwest, which would read the system's certificates.
        .tls_backend_preconfigured(tls(roots()))
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("desk-handoff/", env!("CARGO_PKG_VERSION")))
        .build()
}
