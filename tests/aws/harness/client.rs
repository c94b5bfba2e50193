//! One call of an AWS service in moto, as JSON over HTTP.
//!
//! Not through the shipped adapters: what those get wrong must not be agreed to by whoever sets a
//! test up.

use desk_handoff::names::header::AUTHORIZATION;
use serde_json::Value;

use super::moto;

/// Where the tests' services are said to be.
pub(crate) const REGION: &str = "eu-central-1";

/// Calls `target`, such as `AmazonSSM.PutParameter`; anything but success is a failed test.
pub(crate) async fn call(client: &reqwest::Client, target: &str, input: &Value) -> Value {
    let service = match target.split_once('.').unwrap().0 {
        "AmazonSQS" => "sqs",
        "AmazonSSM" => "ssm",
        "Logs_20140328" => "logs",
        _ => "dynamodb",
    };
    let scope = format!("test/20260101/{REGION}/{service}/aws4_request");
    let request = client
        .post(moto::endpoint())
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", target)
        .header(
            AUTHORIZATION,
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"),
        )
        .body(input.to_string());

    let answer = request.send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{target}: {status} {text}");
    serde_json::from_str(&text).unwrap_or_default()
}
