//! API Gateway's events as requests, and answers as it wants them (HTTP API, payload format 2.0).
//!
//! Pure, and reads whatever deserialises: lambda_http's own reading panics at a body that is not
//! base64 and at a host, a protocol header, a path or a query that make no URL, which are the
//! caller's to choose. Here the first is an empty body, which no signature fits, host and protocol
//! are not looked at, and the rest is escaped or leads nowhere.

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Uri;
use lambda_http::{Body, Request, Response};
use url::{Position, Url};

/// The request that the event stands for.
pub fn request(event: ApiGatewayV2httpRequest) -> Request {
    let body = event.body.unwrap_or_default();
    let body = if event.is_base64_encoded {
        BASE64.decode(body).unwrap_or_default()
    } else {
        body.into_bytes()
    };

    let mut request = Request::new(Body::Binary(body));
    *request.method_mut() = event.request_context.http.method;
    *request.uri_mut() =
        uri(&event.raw_path.unwrap_or_default(), event.raw_query_string.as_deref());
    *request.headers_mut() = event.headers;

    request
}

/// The answer as the function returns it.
pub fn answer(response: Response<Body>) -> ApiGatewayV2httpResponse {
    let (parts, body) = response.into_parts();
    let mut answer = ApiGatewayV2httpResponse::default();
    answer.status_code = i64::from(parts.status.as_u16());
    answer.headers = parts.headers;
    answer.body = Some(body);
    answer
}

/// Path and query, escaped where they have to be; `/` where they are longer than a URI may be.
fn uri(path: &str, query: Option<&str>) -> Uri {
    // Only path and query are taken from it, so any host will do.
    let mut url = Url::parse("http://localhost").expect("it is a URL");
    url.set_path(path);
    url.set_query(query.filter(|query| !query.is_empty()));
    url[Position::BeforePath..Position::AfterQuery].parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// An event that differs from an ordinary one in these parts.
    fn odd(parts: &Value) -> Request {
        let mut event: Value =
            serde_json::from_str(include_str!("../../events/direct.json")).unwrap();
        for (name, value) in parts.as_object().unwrap() {
            event[name] = value.clone();
        }
        request(serde_json::from_value(event).unwrap())
    }

    #[test]
    fn an_ordinary_event_is_read_as_it_stands() {
        let request = odd(
            &json!({"rawPath": "/handoffs", "rawQueryString": "app_id=A%20B&x=|", "body": "{}"}),
        );
        assert_eq!(
            (request.method().as_str(), request.uri().to_string().as_str()),
            ("POST", "/handoffs?app_id=A%20B&x=|")
        );
        assert!(request.headers().contains_key("x-sendbird-signature"));
        assert_eq!(&request.body()[..], b"{}");
        let encoded = odd(&json!({"body": "eyJhIjogMX0=", "isBase64Encoded": true}));

        assert_eq!(&encoded.body()[..], br#"{"a": 1}"#);
    }

    #[test]
    fn answer_keeps_status_headers_and_body() {
        let response = Response::builder()
            .status(201)
            .header("a", "b")
            .body(Body::Text("text".into()))
            .unwrap();
        let answer = answer(response);

        assert_eq!(
            (answer.status_code, &answer.headers["a"], answer.body),
            (201, &"b".parse().unwrap(), Some("text".into()))
        );
    }

    #[test]
    fn body_that_is_not_base64_is_empty() {
        for body in ["%", "eyJhIjogMX0", "eyJ hIjogMX0=", "é"] {
            assert!(
                odd(&json!({"body": body, "isBase64Encoded": true})).body().is_empty(),
                "{body}"
            );
        }
    }

    #[test]
    fn any_host_path_and_query_make_a_request() {
        let texts = [
            "",
            " ",
            "//",
            "\\",
            ":99999",
            "[",
            "a b\r\nc",
            "é",
            "\u{0}",
            "%zz",
            "?#",
            "{|}^`\"<>",
        ];

        for text in texts {
            for name in ["rawPath", "rawQueryString"] {
                let request = odd(&json!({ name: text }));
                assert!(
                    request.uri().path().starts_with('/') && request.uri().host().is_none(),
                    "{name} {text:?}"
                );
            }
            let headers = json!({"host": text.replace(['\r', '\n', '\u{0}'], ""), "x-forwarded-proto": "no protocol"});
            assert_eq!(odd(&json!({"headers": headers})).uri().path(), "/handoffs");
        }

        let long = "é".repeat(40_000);
        assert_eq!(odd(&json!({"rawPath": long})).uri(), "/");
    }
}
