//! `send`: a body to a deployed endpoint, with the authentication that the sender would give.
//!
//! The secret leaves this process only as a signature, or as the bearer token that it is, and is
//! taken out of whatever comes back and is shown, names and numbers included: an endpoint may
//! repeat what it was sent.

use std::error::Error;
use std::time::{Duration, Instant};

use desk_handoff::auth::sign;
use desk_handoff::config::{AppId, BaseUrl};
use desk_handoff::http_client;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use reqwest::{RequestBuilder, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::args;
use crate::error::{CliError, End};
use crate::input::file::Input;
use crate::input::secret;
use crate::local::runtime;
use crate::output::answer::{Done, Problem, ignored};
use crate::output::outcomes;
use crate::output::outcomes::Last;
use crate::output::{Out, shown};
use crate::settings::{BEARER, SIGNATURE, SIGNING_SECRET};

/// Longer than API Gateway waits.
const PATIENCE: Duration = Duration::from_secs(35);
/// The largest answer that is read, in bytes; a report of 256 KiB of keys fits.
const MAX_ANSWER: usize = 8 * 1024 * 1024;
/// So much is shown of an answer that nobody expected, in characters.
const GLIMPSE: usize = 200;

/// What came back.
struct Answered {
    status: StatusCode,
    /// In seconds; a date is not one of ours.
    retry_after: Option<u64>,
    /// A text, if it is no JSON.
    body: Value,
    took: Duration,
}

pub(crate) fn send(args: &args::Send, out: &mut Out) -> Result<End, CliError> {
    let target = target(args)?;
    let (given, host) = this_machine(&target.url);
    let url = route(&given, args.app_id.as_ref())?;
    let secret = target.secret;
    let input = Input::read(&args.file)?;
    let authentication = authentication(&input.body, &secret, args.bearer)?;
    let headers = [authentication].into_iter().chain(host);
    let mut answered = runtime()?.block_on(post(&url, &input, headers.collect()))?;
    take_out(secret.expose_secret(), &mut answered.body);
    answered.retry_after = answered
        .retry_after
        .filter(|seconds| !seconds.to_string().contains(secret.expose_secret()));
    let done = answered.status.is_success() && answered.body["status"].is_string();

    if args.json {
        out.json(&json!({"status": answered.status.as_u16(), "answer": answered.body}));
    } else {
        show(&answered, &input, out);
    }

    Ok(if done { End::Done } else { End::Found })
}

/// Where to, and with which secret.
struct Target {
    url: String,
    secret: SecretString,
}

fn target(args: &args::Send) -> Result<Target, CliError> {
    let (Some(url), Some(name)) = (&args.url, &args.secret_env) else {
        return local_target(args);
    };
    let secret = secret::from_environment("--secret-env", name)?;
    Ok(Target { url: url.clone(), secret })
}

/// The `serve` on this machine. It is asked who it is first: nothing is signed for a stranger.
fn local_target(args: &args::Send) -> Result<Target, CliError> {
    let base = format!("http://127.0.0.1:{}", args.port);
    let client = http_client::new()
        .map_err(|error| CliError::Work(format!("there is no HTTP client: {error}")))?;
    let about = client.get(format!("{base}/page/about")).timeout(PATIENCE);
    let about = runtime()?.block_on(async {
        let answer = about.send().await.ok()?;
        serde_json::from_str::<Value>(&answer.text().await.ok()?).ok()
    });
    if about.is_none_or(|about| about["program"] != "desk-handoff") {
        return Err(CliError::Work(format!(
            "no `cargo handoff serve` is up on port {}: start one, or say where with --port",
            args.port
        )));
    }

    let path = match args.route {
        args::Route::Webhook => "/webhooks/handoff",
        args::Route::Handoffs => "/handoffs",
        args::Route::Preview => "/handoffs/preview",
    };
    let secret = if args.bearer { BEARER } else { SIGNING_SECRET };
    Ok(Target { url: format!("{base}{path}"), secret: secret.into() })
}

fn take_out(secret: &str, answer: &mut Value) {
    let without = |text: &str| text.replace(secret, "(the secret)");
    match answer {
        Value::String(text) => *text = without(text),
        Value::Array(items) => items.iter_mut().for_each(|item| take_out(secret, item)),
        Value::Object(parts) => {
            parts.values_mut().for_each(|part| take_out(secret, part));
            *parts = std::mem::take(parts)
                .into_iter()
                .map(|(name, part)| (without(&name), part))
                .collect();
        }
        Value::Number(number) if number.to_string().contains(secret) => {
            *answer = without(&number.to_string()).into()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A name below `localhost` is this machine (RFC 6761), as local AWS emulators use it. It is not
/// looked up: the request goes to 127.0.0.1 and says the name in its `Host`.
fn this_machine(url: &str) -> (String, Option<(HeaderName, HeaderValue)>) {
    let named = || {
        let parsed = Url::parse(url).ok().filter(|url| url.scheme() == "http")?;
        let host = parsed.host_str()?.to_owned();
        let port = parsed.port().map(|port| format!(":{port}")).unwrap_or_default();
        let value = HeaderValue::try_from(format!("{host}{port}")).ok()?;
        host.ends_with(".localhost").then(|| (url.replacen(&host, "127.0.0.1", 1), value))
    };
    match named() {
        Some((url, value)) => (url, Some((header::HOST, value))),
        None => (url.to_owned(), None),
    }
}

/// The address, if a secret may go there.
fn route(url: &str, app_id: Option<&AppId>) -> Result<String, CliError> {
    let (base, query) =
        url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    // A query may be there; a fragment may not, and would swallow what is put after it.
    let fragment = query.and_then(|query| query.split_once('#')).map_or("", |_| "#");
    BaseUrl::parse(&format!("{base}{fragment}"))
        .map_err(|why| CliError::Use(format!("--url {}", why.replace("query, ", ""))))?;

    Ok(match (app_id, query) {
        (None, _) => url.to_owned(),
        (Some(app_id), None) => format!("{base}?app_id={app_id}"),
        (Some(app_id), Some(query)) => format!("{base}?{query}&app_id={app_id}"),
    })
}

fn authentication(
    body: &[u8],
    secret: &SecretString,
    bearer: bool,
) -> Result<(HeaderName, HeaderValue), CliError> {
    let (name, value) = if bearer {
        (header::AUTHORIZATION, format!("Bearer {}", secret.expose_secret()))
    } else {
        (HeaderName::from_static(SIGNATURE), sign(body, secret.expose_secret()))
    };
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        CliError::Use("the bearer token holds characters that no header can".to_owned())
    })?;
    // No debug output of the request shows it then.
    value.set_sensitive(true);

    Ok((name, value))
}

async fn post(url: &str, input: &Input, headers: HeaderMap) -> Result<Answered, CliError> {
    let began = Instant::now();
    let client = http_client::new()
        .map_err(|error| CliError::Work(format!("there is no HTTP client: {error}")))?;
    let mut request = client.post(url).timeout(PATIENCE).headers(headers).body(input.body.clone());
    request = request.header(header::CONTENT_TYPE, "application/json");
    if let Some(key) = input.headers.get("idempotency-key") {
        request = request.header("idempotency-key", key);
    }

    let (status, retry_after, body) = answer(request).await.map_err(|error| unanswered(&error))?;
    let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
    Ok(Answered { status, retry_after, body, took: began.elapsed() })
}

/// Status, when to come again, and as much of the body as anybody reads.
async fn answer(request: RequestBuilder) -> reqwest::Result<(StatusCode, Option<u64>, String)> {
    let mut response = request.send().await?;
    let retry_after =
        response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let (status, retry_after) =
        (response.status(), retry_after.and_then(|text| text.trim().parse().ok()));
    let mut body = Vec::new();
    // What is at the other end may be a stranger, whose answer need not end.
    while body.len() <= MAX_ANSWER
        && let Some(chunk) = response.chunk().await?
    {
        body.extend_from_slice(&chunk);
    }

    Ok((status, retry_after, String::from_utf8_lossy(&body).into_owned()))
}

/// The innermost reason says most; the outer ones repeat the address.
fn unanswered(error: &reqwest::Error) -> CliError {
    let mut reason: &dyn Error = error;
    while let Some(inner) = reason.source() {
        reason = inner;
    }
    CliError::Work(format!(
        "no answer from --url: {reason} (no proxy is used, and no private certificate authority)"
    ))
}

fn show(answered: &Answered, input: &Input, out: &mut Out) {
    let Answered { status, body, .. } = answered;
    if let Some(done) = Done::read(body).filter(|_| status.is_success()) {
        show_done(&done, answered, out);
    } else if let Some(problem) = Problem::read(body) {
        problem.show(*status, out);
        problem.tell_request(answered.retry_after, out);
        match *status {
            StatusCode::BAD_REQUEST => input.note_context(out),
            StatusCode::UNAUTHORIZED => out.note(OTHER_SECRET),
            _ => {}
        }
    } else {
        out.result(
            false,
            &format!("Answered {}, but not as desk-handoff answers", status.as_u16()),
        );
        let text = body
            .as_str()
            .or(body["message"].as_str())
            .map_or_else(|| body.to_string(), str::to_owned);
        out.text(&shown(&text).chars().take(GLIMPSE).collect::<String>());
        out.note(
            "--url takes a route of the stack's outputs: WebhookUrl, HandoffsUrl or PreviewUrl",
        );
    }
}

fn show_done(done: &Done, answered: &Answered, out: &mut Out) {
    let how = ignored(&answered.body).map_or_else(|| done.status.clone(), ignored_as);
    out.result(true, &format!("Answered {}: {how}", answered.status.as_u16()));
    out.pairs(
        done.facts().into_iter().chain([("took", format!("{} ms", answered.took.as_millis()))]),
    );
    let (heading, last) = match done.status.as_str() {
        "preview" => ("What would become of every key", Last::Value),
        _ => ("What became of every key", Last::Meaning),
    };

    outcomes::tell_answered(heading, &done.fields, out, last);
}

const OTHER_SECRET: &str = "the application has another secret, or none of this kind (--bearer chooses); one that was \
    changed is known after five minutes at the latest";

fn ignored_as(category: &str) -> String {
    format!("ignored, for an event of the category {category} is no handoff")
}
