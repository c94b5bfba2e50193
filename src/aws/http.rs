//! Gives the AWS SDK the HTTP client that the Desk client uses, so that there is one TLS stack to
//! start and to trust.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use std::time::Duration;

use crate::store::BoxFuture;

/// The shared client, as the SDK wants it.
#[derive(Debug, Clone)]
pub struct SharedClient(pub reqwest::Client);

impl SharedClient {
    /// Opens a connection to this address and leaves it open. The request asks for nothing and
    /// is not signed: whatever it is answered with will do.
    pub(super) fn open(&self, url: &str) -> BoxFuture<'_, ()> {
        let answer = self.0.head(url).send();
        Box::pin(async move {
            if let Err(error) = answer.await {
                tracing::debug!(error = %error.without_url(), "no connection opened ahead");
            }
        })
    }
}

#[derive(Debug)]
struct Connector {
    client: reqwest::Client,
    read_timeout: Option<Duration>,
}

impl HttpClient for SharedClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        // The time for connecting is the client's own.
        SharedHttpConnector::new(Connector {
            client: self.0.clone(),
            read_timeout: settings.read_timeout(),
        })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (client, read_timeout) = (self.client.clone(), self.read_timeout);
        HttpConnectorFuture::new(async move {
            let request =
                request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            // None of these calls streams its body: it is in memory already.
            let request = request.map(|body| body.bytes().map(<[u8]>::to_vec).unwrap_or_default());
            let mut request = reqwest::Request::try_from(request).map_err(failure)?;
            *request.timeout_mut() = read_timeout;
            let response = client.execute(request).await.map_err(failure)?;
            let (status, headers) = (response.status(), response.headers().clone());
            let mut answer =
                ::http::Response::new(SdkBody::from(response.bytes().await.map_err(failure)?));
            *answer.status_mut() = status;
            *answer.headers_mut() = headers;
            HttpResponse::try_from(answer)
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

fn failure(error: reqwest::Error) -> ConnectorError {
    let error = error.without_url();
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if error.is_connect() {
        ConnectorError::io(error.into())
    } else {
        // A connection that breaks, as one that stood idle while the function was frozen, is worth
        // another try.
        ConnectorError::other(error.into(), Some(ErrorKind::TransientError))
    }
}
