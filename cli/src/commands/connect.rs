//! `connect`: points the AI agent's webhook at a deployed endpoint, and stores what signs it.
//!
//! The secret is stored before the URL is set wherever it is known by then, so that no webhook comes
//! that cannot be verified. It passes from Sendbird to SSM and is never printed. Given again, the
//! command finds everything done and changes nothing.

use desk_handoff::config::Config;
use desk_handoff::secrets::{LIVE, SIGNING_SECRET};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::args;
use crate::error::{CliError, End};
use crate::input::secret;
use crate::local::runtime;
use crate::output::Out;
use crate::remote::ssm::Aws;
use crate::remote::webhook_setting::{Answer, Endpoint, Setting};

/// What the path of a webhook ends with.
const ROUTE: &str = "/webhooks/handoff";

/// What was there, and what was done.
struct Done {
    former_host: Option<String>,
    /// Whether the URL was set now; else it was set already.
    is_set: bool,
    /// Whether the secret was stored now; else it lay there already. `None`: the setting names none.
    is_stored: Option<bool>,
}

pub(crate) fn connect(args: &args::Connect, out: &mut Out) -> Result<End, CliError> {
    let url = webhook_url(&args.url)?;
    let token = secret::from_environment("--api-token-env", &args.api_token_env)?;
    let config = Config::from_lookup(|name| match name {
        "APP_IDS" => Some(args.app_id.to_string()),
        "CHAT_BASE_URL" => args.chat_url.clone(),
        "PARAMETER_PREFIX" => Some(args.aws.prefix.clone()),
        _ => None,
    })?;

    let base = config.chat.for_app(&args.app_id);
    let endpoint = Endpoint::new(&base, &token, args.ai_agent_id.as_deref())?;
    let runtime = runtime()?;
    // Asked before SSM: where there is nothing to set, nobody needs an `aws`.
    let Answer::Setting(setting) = runtime.block_on(endpoint.get())? else {
        return Ok(by_hand(args, out));
    };
    let former_host = setting.active_url().filter(|active| *active != url).map(host);
    if let Some(host) = former_host.as_ref().filter(|_| !args.replace) {
        return Ok(another_url(args, host, out));
    }

    let aws = Aws { region: args.aws.region.as_deref(), profile: args.aws.profile.as_deref() };
    let path = config.parameter_path(&args.app_id);
    let mut store = SigningSecrets::read(&aws, &path)?;
    let mut is_stored = store.add(&setting)?;
    let is_set = !setting.is_wanted(&url);
    if is_set {
        let Answer::Setting(setting) = runtime.block_on(endpoint.put(&url))? else {
            return Ok(by_hand(args, out));
        };
        let now = store.add(&setting).map_err(half_done)?;
        // Of two options the greater one holds: stored at either moment is stored.
        is_stored = is_stored.max(now);
    }

    let done = Done { former_host, is_set, is_stored };
    show(&done, &url, args, out);
    Ok(if done.is_stored.is_some() { End::Done } else { End::Found })
}

/// The lines of the parameter `signing-secret`.
struct SigningSecrets<'a> {
    aws: &'a Aws<'a>,
    name: String,
    lines: Vec<SecretString>,
    /// The customer's own key, if it encrypts them.
    key: Option<String>,
}

impl<'a> SigningSecrets<'a> {
    /// Reads them, and makes sure that one more can be stored as they are.
    fn read(aws: &'a Aws<'a>, path: &str) -> Result<Self, CliError> {
        let all = aws.parameters(path)?;
        let stored = all.iter().find(|parameter| parameter.name == SIGNING_SECRET);
        let value = stored.map(|stored| stored.value.expose_secret()).unwrap_or_default();
        let lines = value.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines: Vec<SecretString> = lines.map(SecretString::from).collect();

        let keys = aws.customer_keys(path);
        if stored.is_some() && keys.is_none() {
            return Err(CliError::Work(UNKNOWN_KEY.to_owned()));
        }
        let key = keys.unwrap_or_default().remove(SIGNING_SECRET);
        Ok(Self { aws, name: format!("{path}{SIGNING_SECRET}"), lines, key })
    }

    /// Stores the secret of this setting above the others, unless it lies there. Says whether it was
    /// stored now; `None` if the setting names none.
    fn add(&mut self, setting: &Setting) -> Result<Option<bool>, CliError> {
        let Some(secret) = setting.secret() else { return Ok(None) };
        let secret = secret.expose_secret().trim();
        if self.lines.iter().any(|line| line.expose_secret() == secret) {
            return Ok(Some(false));
        }
        if self.lines.len() >= LIVE {
            return Err(CliError::Work(format!(
                "{SIGNING_SECRET} has {LIVE} lines already, and no more are read: remove a former secret first"
            )));
        }

        // On top, as the new one; those below still verify what was signed before.
        self.lines.insert(0, SecretString::from(secret));
        let lines: Vec<&str> = self.lines.iter().map(|line| line.expose_secret()).collect();
        let value = SecretString::from(lines.join("\n"));
        self.aws.put_secret(&self.name, &value, self.key.as_deref())?;
        Ok(Some(true))
    }
}

const UNKNOWN_KEY: &str = "AWS does not say which key encrypts signing-secret, and to store it anew might change that: \
    these credentials need ssm:DescribeParameters";

/// The URL is set, and its secret is not stored: the next call finds both out.
fn half_done(error: CliError) -> CliError {
    let (CliError::Use(text) | CliError::Work(text)) = error;
    CliError::Work(format!(
        "{text}\nThe webhook is set, and its secret is not stored: every event is refused until this command is given again"
    ))
}

/// The address, if webhooks may go there.
fn webhook_url(text: &str) -> Result<String, CliError> {
    let wrong = |why: &str| CliError::Use(format!("--url {why}"));
    let url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
    if url.scheme() != "https" || url.fragment().is_some() || !url.username().is_empty() {
        return Err(wrong("must be https, without a fragment and a user name"));
    }
    if !url.path().trim_end_matches('/').ends_with(ROUTE) {
        return Err(wrong(&format!(
            "must be the stack's output WebhookUrl, whose path ends with {ROUTE}"
        )));
    }
    // As it was given: in another spelling it would be set anew each time.
    Ok(text.to_owned())
}

/// Of another's URL only the host is shown: its path and query may hold a secret.
fn host(url: &str) -> String {
    let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_else(|| "(not a URL)".to_owned())
}

fn show(done: &Done, url: &str, args: &args::Connect, out: &mut Out) {
    let secret = match done.is_stored {
        Some(true) => "stored as the first line of the parameter signing-secret",
        Some(false) => "lay in the parameter signing-secret already",
        None => "not named by the setting: store it by hand, or every event is refused",
    };

    if args.json {
        let status =
            if done.is_set || done.is_stored == Some(true) { "connected" } else { "unchanged" };
        out.json(&json!({
            "status": status, "url": url, "former_host": done.former_host,
            "url_was_set": done.is_set, "secret_was_stored": done.is_stored,
        }));
        return;
    }

    let text = if done.is_set { "The webhook is set" } else { "The webhook was set already" };
    out.result(done.is_stored.is_some(), text);
    let agent = args.ai_agent_id.clone().unwrap_or_else(|| "all of the application".to_owned());
    let former = done.former_host.clone().map(|host| ("instead of", host));
    let facts =
        [("url", url.to_owned()), ("AI agent", agent), ("events", "handoff only".to_owned())];
    out.pairs(facts.into_iter().chain(former).chain([("its secret", secret.to_owned())]));
    if done.is_stored == Some(true) {
        out.note("a function that is up knows the new secret after five minutes; until then it answers 401");
    }
}

fn another_url(args: &args::Connect, host: &str, out: &mut Out) -> End {
    if args.json {
        out.json(&json!({"status": "another-url", "former_host": host}));
    } else {
        out.result(false, &format!("Nothing was changed: the webhook goes to {host}"));
        out.text("There is one URL only. --replace takes its place, and what is there hears of nothing any more.");
    }
    End::Found
}

/// What to do where the endpoint is not there.
fn by_hand(args: &args::Connect, out: &mut Out) -> End {
    if args.json {
        out.json(&json!({"status": "no-endpoint"}));
        return End::Found;
    }
    out.result(false, "Nothing was changed: this application has no webhook setting to read");
    out.pairs([
        ("1", format!("Ask your Sendbird contact to set the AI agent's webhook to {}", args.url)),
        ("2", "Ask for the category handoff only, and for the signature secret".to_owned()),
        (
            "3",
            format!(
                "Store the secret as a line of {}/{}/{SIGNING_SECRET}",
                args.aws.prefix, args.app_id
            ),
        ),
        ("4", format!("See that it fits: cargo handoff doctor --app-id {}", args.app_id)),
    ]);
    End::Found
}
