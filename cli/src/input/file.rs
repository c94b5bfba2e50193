//! FILE: what a person has at hand, told apart and brought to the bytes that a sender would send.
//!
//! An API Gateway event, of payload format 1.0 or 2.0, holds the body, its headers and its query; a
//! body is one itself; a bare context object is what is left. An event is read here and not by lambda_http,
//! which panics at an event that API Gateway never makes, such as one with a broken base64 body: a
//! person does.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use desk_handoff::config::AppId;
use desk_handoff::json_reader;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::CliError;
use crate::output::Out;
use crate::settings::APP_ID;

/// What FILE holds.
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// The bytes that were signed, or are to be.
    pub(crate) body: Vec<u8>,
    /// Of an event.
    pub(crate) headers: HeaderMap,
    /// Of an event, without its question mark.
    pub(crate) query: String,
    /// The whole, if it is neither an event nor a body.
    pub(crate) context: Option<Map<String, Value>>,
}

/// What is used of an event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(default)]
    raw_query_string: String,
    /// The same in payload format 1.0.
    query_string_parameters: Option<BTreeMap<String, String>>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

impl Input {
    /// Reads FILE.
    pub(crate) fn read(path: &Path) -> Result<Self, CliError> {
        Self::parse(text(path)?).map_err(|why| CliError::Use(format!("{} {why}", name(path))))
    }

    fn parse(text: String) -> Result<Self, String> {
        // By the function's own reader: what is nested too deeply for it must not pass here.
        let value: Value = json_reader::json(&text).map_err(|error| {
            format!(
                "is not JSON, or nested too deeply, at line {}, column {}",
                error.line(),
                error.column()
            )
        })?;

        let bytes = text.into_bytes();
        let Value::Object(parts) = value else { return Err("holds no JSON object".to_owned()) };
        if is_sqs_batch(&parts) {
            return Err(SQS_BATCH.to_owned());
        }
        let has = |name: &str| parts.contains_key(name);
        match (has("requestContext"), has("rawPath") || has("httpMethod")) {
            (true, true) => Self::event(parts),
            (true, false) => Err(NO_HTTP_EVENT.to_owned()),
            (false, _) if is_body(&parts) => Ok(Self { body: bytes, ..Self::default() }),
            (false, _) => Ok(Self { body: bytes, context: Some(parts), ..Self::default() }),
        }
    }

    fn event(parts: Map<String, Value>) -> Result<Self, String> {
        let event: Event = serde_json::from_value(Value::Object(parts))
            .map_err(|error| format!("is not an event that API Gateway makes: {error}"))?;
        let text = event.body.unwrap_or_default();
        let body = if event.is_base64_encoded {
            BASE64
                .decode(text)
                .map_err(|error| format!("has a body that is not base64: {error}"))?
        } else {
            text.into_bytes()
        };

        let mut headers = HeaderMap::new();
        for (name, value) in event.headers {
            let header = HeaderName::try_from(&name).ok().zip(HeaderValue::try_from(&value).ok());
            let (name, value) =
                header.ok_or_else(|| format!("has the header {name:?}, which cannot be sent"))?;
            headers.append(name, value);
        }
        // Format 2.0 has the query as it came, format 1.0 only its parts.
        let query = match event.query_string_parameters {
            Some(parameters) if event.raw_query_string.is_empty() => encoded(&parameters),
            _ => event.raw_query_string,
        };
        // Tried here, so that `run` can rely on it when it makes the request.
        if format!("/?{query}").parse::<Uri>().is_err() {
            return Err("has a rawQueryString that cannot be sent".to_owned());
        }

        Ok(Self { body, headers, query, context: None })
    }

    /// A body around a bare context, with as little as a body may have; `None` around anything else.
    pub(crate) fn around_context(&self, conversation: &str, customer: &str) -> Option<Vec<u8>> {
        let body = json!({
            "conversation": {"id": conversation, "user_id": customer},
            "context": self.context.as_ref()?,
        });
        Some(body.to_string().into_bytes())
    }

    /// The application that FILE is meant for: the body's, else the query's, else the local one.
    pub(crate) fn app_id(&self) -> AppId {
        let body: Option<Value> = serde_json::from_slice(&self.body).ok();
        let in_body = body.as_ref().and_then(|body| body.get("app_id")?.as_str());
        let in_query = self.query.split('&').find_map(|pair| pair.strip_prefix("app_id="));
        let named = in_body.or(in_query).and_then(AppId::parse);
        named.or_else(|| AppId::parse(APP_ID)).expect("the local application id is legal")
    }

    /// What to do with a context that is refused for not being a body.
    pub(crate) fn note_context(&self, out: &mut Out) {
        if self.context.is_some() {
            out.note("that looks like a bare context object: `cargo handoff preview` takes one");
        }
    }

    /// The header of this name, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Parameters as a query has them.
fn encoded(parameters: &BTreeMap<String, String>) -> String {
    // `Url` encodes a query as a part of an address only; nothing is sent to this one.
    let url = Url::parse_with_params("http://localhost/", parameters);
    url.ok().and_then(|url| url.query().map(str::to_owned)).unwrap_or_default()
}

const NO_HTTP_EVENT: &str =
    "is an event, but none that API Gateway makes of an HTTP request (payload format 1.0 or 2.0)";

const SQS_BATCH: &str = "is an SQS batch, for the worker: a body or an event is wanted here, as it came to the webhook \
    before it was queued";

fn is_sqs_batch(parts: &Map<String, Value>) -> bool {
    let records = parts.get("Records").and_then(Value::as_array);
    records.is_some_and(|records| records.iter().any(|record| record["eventSource"] == "aws:sqs"))
}

/// An envelope has a category and an id or data beside it, a nested body a conversation, a flat one
/// a user and what names the conversation. A context may have a key `category` of its own.
fn is_body(parts: &Map<String, Value>) -> bool {
    let envelope =
        parts.contains_key("category") && (parts.contains_key("id") || parts.contains_key("data"));
    let nested = parts.get("conversation").is_some_and(Value::is_object);
    let named = ["conversation_id", "channel_url"].iter().any(|name| parts.contains_key(*name));
    envelope || nested || (named && parts.contains_key("user_id"))
}

/// Everything in the file, or in standard input for `-`.
///
/// # Errors
/// [`CliError::Use`] if it cannot be read, or what it holds is no text that JSON could be.
pub(crate) fn text(path: &Path) -> Result<String, CliError> {
    let text = bytes(path).and_then(|bytes| readable(bytes).map_err(Cow::Owned));
    text.map_err(|why| CliError::Use(format!("{} {why}", name(path))))
}

fn bytes(path: &Path) -> Result<Vec<u8>, Cow<'static, str>> {
    // What is there can be read once: a second reader would find an empty file.
    static READ: AtomicBool = AtomicBool::new(false);
    let mut bytes = Vec::new();
    let read = if path.as_os_str() != "-" {
        std::fs::read(path)
    } else if READ.swap(true, Ordering::Relaxed) {
        return Err(
            "can be read once: only one - may be given, and a file for the other one".into()
        );
    } else {
        let stdin = std::io::stdin().lock();
        if stdin.is_terminal() {
            // Without a word it would look like a program that hangs.
            let _ = writeln!(std::io::stderr(), "reading the terminal; Ctrl-D ends the input");
        }
        { stdin }.read_to_end(&mut bytes).map(|_| bytes)
    };

    read.map_err(|error| format!("cannot be read: {error}").into())
}

/// As the deployed function and SSM would read it, or why they would not, and what to do.
fn readable(bytes: Vec<u8>) -> Result<String, String> {
    const SAVE: &str = "save it as UTF-8 without a byte order mark";
    // An editor shows no byte order mark, so that "line 1, column 1" would help nobody.
    match bytes.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(format!("is UTF-16: {SAVE}")),
        [0xef, 0xbb, 0xbf, ..] => return Err(format!("begins with a byte order mark: {SAVE}")),
        _ if bytes.trim_ascii().is_empty() => return Err("is empty".to_owned()),
        _ => {}
    }

    String::from_utf8(bytes).map_err(|error| {
        format!("is not UTF-8 at byte {}: {SAVE}", error.utf8_error().valid_up_to())
    })
}

/// What to call the file in a message.
pub(crate) fn name(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() }
}
