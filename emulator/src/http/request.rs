//! A request as it was read: the only form of it that the handlers see. It takes bodies for JSON
//! with the right content type and query strings for percent-encoded pairs. It never looks at what
//! a request means.

use std::collections::BTreeMap;

use axum::{
    body::to_bytes,
    extract::{Query, Request},
};
use http::{HeaderMap, Method, Uri, header::CONTENT_TYPE};
use serde::de::DeserializeOwned;

use crate::behaviour::Behaviour;
use crate::refusal::Refusal;

/// The query parameters that are known to a call and honoured.
pub(crate) type Parameters = BTreeMap<String, String>;

#[derive(Debug)]
pub(crate) struct ApiRequest {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl ApiRequest {
    /// Reads it to its end; a body that breaks off is as good as none.
    pub(crate) async fn read(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        // Without a limit: that a client sends too much must be seen in the log.
        let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
        Self::whole(http::Request::from_parts(parts, body))
    }

    /// One that is there as a whole.
    pub(crate) fn whole(request: http::Request<impl AsRef<[u8]>>) -> Self {
        let (parts, body) = request.into_parts();
        Self {
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            body: String::from_utf8_lossy(body.as_ref()).into_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as what the call expects. No body counts as an empty object; unknown properties are
    /// ignored.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        if self.body.is_empty() {
            return from_json("{}");
        }
        let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        // Desk's pages name a charset, and plain JSON works as well: only the beginning counts.
        if !kind.starts_with("application/json") {
            return Err(Refusal::media_type(kind));
        }
        from_json(&self.body)
    }

    /// The parameters of the query that are among `known` and are not to be ignored; of equal names
    /// the last.
    pub(crate) fn parameters(&self, known: &[&str], behaviour: &Behaviour) -> Parameters {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&self.uri)
            .map_or_else(|_| Vec::new(), |pairs| pairs.0);
        pairs
            .into_iter()
            // Desk passes over what it does not know, so that a misspelt filter finds every ticket.
            .filter(|(name, _)| {
                known.contains(&name.as_str()) && !behaviour.ignored_parameters.contains(name)
            })
            .collect()
    }
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    serde_json::from_str(text).map_err(|error| Refusal::invalid(error.to_string()))
}
