//! Who the page answers to: requests that were addressed to it by its own name, and changes that its
//! own scripts ask for.
//!
//! A web page elsewhere can make a browser send requests here, also under a name of its own that
//! leads to 127.0.0.1 (DNS rebinding). So the host is compared with a fixed list and never with the
//! origin, and a change needs the token that only a reader of the page knows.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::page::Page;

/// Where the page's scripts put the token.
pub(crate) const TOKEN: &str = "x-page-token";

/// Nothing from elsewhere, nothing inline, no frame, and no text that becomes script or markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// What every answer of the page says of itself.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Lets a request through, or says why not.
pub(crate) async fn guard(State(page): State<Arc<Page>>, request: Request, next: Next) -> Response {
    let port = page.served.address.port();
    let mut response = match examine(request.method(), request.headers(), port, &page.token) {
        Ok(()) => next.run(request).await,
        Err((status, why)) => {
            let mut refused = Response::new(Body::from(format!("{why}\n")));
            *refused.status_mut() = status;
            refused
        }
    };
    // Refusals have them, too: nor may those be framed or kept.
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether such a request may pass.
///
/// # Errors
/// What it is answered with.
fn examine(
    method: &Method,
    headers: &HeaderMap,
    port: u16,
    token: &str,
) -> Result<(), (StatusCode, &'static str)> {
    // A header that is no text must not pass for one that is absent.
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(&header::HOST).unwrap_or_default();
    if ![format!("127.0.0.1:{port}"), format!("localhost:{port}")].iter().any(|own| own == host) {
        return Err((StatusCode::MISDIRECTED_REQUEST, "this is 127.0.0.1"));
    }
    // `host` is one of two known names by now, so this is a comparison with a fixed list, too.
    if text(&header::ORIGIN).is_some_and(|origin| origin != format!("http://{host}")) {
        return Err((StatusCode::FORBIDDEN, "this page answers to its own origin alone"));
    }
    // Reading changes nothing, and without CORS headers no other origin sees what is read.
    if method == Method::GET || method == Method::HEAD {
        return Ok(());
    }

    let site = text(&HeaderName::from_static("sec-fetch-site"));
    // Programs and older browsers send none; `none` is the reader's own doing.
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return Err((StatusCode::FORBIDDEN, "only this page may change something here"));
    }
    // A form cannot send JSON, and a script elsewhere would have to ask first.
    let kind = text(&header::CONTENT_TYPE).and_then(|kind| kind.split(';').next());
    if kind.map(str::trim) != Some("application/json") {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "changes are sent as application/json"));
    }
    if text(&HeaderName::from_static(TOKEN)) != Some(token) {
        return Err((StatusCode::FORBIDDEN, "the token of the page is missing: load it again"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(method: &Method, given: &[(&'static str, &'static str)]) -> Result<(), u16> {
        let headers = given
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let headers = HeaderMap::from_iter(headers);
        examine(method, &headers, 9000, "secret").map_err(|(status, _)| status.as_u16())
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:9000");
    const JSON: (&str, &str) = ("content-type", "application/json");
    const KEY: (&str, &str) = (TOKEN, "secret");

    #[test]
    fn page_answers_to_its_own_names_alone() {
        assert_eq!(passes(&Method::GET, &[HOST]), Ok(()));
        assert_eq!(passes(&Method::GET, &[("host", "localhost:9000")]), Ok(()));
        for host in ["evil.example:9000", "127.0.0.1", "127.0.0.1:9001", "127.0.0.1:9000.evil", ""]
        {
            let headers = [("host", host)];
            assert_eq!(passes(&Method::GET, &headers), Err(421), "{host}");
        }
        assert_eq!(passes(&Method::GET, &[]), Err(421));
    }

    #[test]
    fn another_origin_is_refused() {
        let from = |origin| passes(&Method::GET, &[HOST, ("origin", origin)]);
        assert_eq!(from("http://127.0.0.1:9000"), Ok(()));
        for origin in ["http://localhost:9000", "null", "https://127.0.0.1:9000", "http://evil"] {
            assert_eq!(from(origin), Err(403), "{origin}");
        }
        // A rebound name equals its own host.
        let rebound = [("host", "evil.example:9000"), ("origin", "http://evil.example:9000")];
        assert_eq!(passes(&Method::GET, &rebound), Err(421));
    }

    #[test]
    fn change_needs_token_json_and_same_site() {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            assert_eq!(passes(&method, &[HOST, JSON, KEY]), Ok(()));
            assert_eq!(passes(&method, &[HOST, JSON]), Err(403));
            assert_eq!(passes(&method, &[HOST, JSON, (TOKEN, "Secret")]), Err(403));
            assert_eq!(passes(&method, &[HOST, KEY]), Err(415));
            let form = ("content-type", "application/x-www-form-urlencoded");
            assert_eq!(passes(&method, &[HOST, form, KEY]), Err(415));
            let cross = ("sec-fetch-site", "cross-site");
            assert_eq!(passes(&method, &[HOST, JSON, KEY, cross]), Err(403));
            assert_eq!(passes(&method, &[HOST, JSON, KEY, ("sec-fetch-site", "none")]), Ok(()));
        }
        let charset = ("content-type", "application/json; charset=utf-8");
        assert_eq!(passes(&Method::POST, &[HOST, charset, KEY]), Ok(()));
    }
}
