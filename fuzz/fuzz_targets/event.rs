//! Any event through the whole of the `api` function, as it came and with a right signature: an
//! answer that API Gateway can pass on, without a secret.
#![no_main]

use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use desk_handoff::api::event::{answer, request};
use desk_handoff::api::handle;
use desk_handoff::auth::sign;
use desk_handoff::names::header::SENDBIRD_SIGNATURE;
use desk_handoff_fuzz::{SIGNING_SECRET, app, assert_no_secret, invocation, runtime};
use http::HeaderValue;
use lambda_http::Request;
use libfuzzer_sys::fuzz_target;

thread_local!(static RUNTIME: tokio::runtime::Runtime = runtime());

fn ask(request: &Request, input: &[u8]) {
    let app = app("http://127.0.0.1:1");
    let response = RUNTIME.with(|runtime| {
        runtime.block_on(async { handle(&app, request, &invocation(Duration::ZERO)).await })
    });
    let event = answer(response);
    assert!(
        [200, 201, 400, 401, 404, 405, 409, 413, 503, 504].contains(&event.status_code),
        "{event:?}"
    );
    let body = event.body.expect("there is always a body");
    let text = std::str::from_utf8(&body).expect("the body is text");
    let document: serde_json::Value = serde_json::from_str(text).expect("the body is JSON");
    assert!(
        document["status"].is_string() || document["status"] == event.status_code,
        "{document}"
    );

    assert_no_secret(text, input);
}

fuzz_target!(|data: &[u8]| {
    let Ok(event) = serde_json::from_slice::<ApiGatewayV2httpRequest>(data) else { return };
    let mut request = request(event);
    assert!(request.uri().path().starts_with('/'));
    ask(&request, data);
    let signature =
        HeaderValue::try_from(sign(request.body(), SIGNING_SECRET)).expect("hex is plain text");
    request.headers_mut().insert(SENDBIRD_SIGNATURE, signature);
    ask(&request, data);
});
