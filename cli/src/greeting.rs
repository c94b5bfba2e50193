//! What `serve` says when it is up: where it is, and commands that work as they stand when pasted into a shell.

use std::net::SocketAddr;

use desk_handoff::auth::sign;
use desk_handoff::config::AppId;

use crate::local::{APP_ID, Desk, SIGNATURE, SIGNING_SECRET};
use crate::out::Out;

/// Two handoffs of one conversation; neither holds a single quote, which would end the shell's.
const FIRST: &str = r#"{"conversation":{"id":"1","user_id":"ann"},"context":{"order-id":"A-1"}}"#;
const SECOND: &str = r#"{"conversation":{"id":"1","user_id":"ann"},"context":{"cart-items":2}}"#;

/// Prints it. `embedded` says whose Desk it is.
pub(crate) fn greet(address: SocketAddr, app_id: &AppId, desk: &Desk, embedded: bool, out: &mut Out) {
    let url = format!("http://{address}");
    out.heading(&format!("handoff serves {url} for the application {app_id}; Ctrl-C ends it"));
    if embedded {
        out.line(format_args!("Desk is embedded, at {}, and forgets everything at the end.", desk.url));
    } else {
        out.line(format_args!("Desk is at {}: what is handed over here is written there.", desk.url));
    }
    out.heading("A handoff, signed as the sender signs it:");
    out.line(signed(&url, FIRST));
    out.heading("For other bodies, paste this once:");
    out.line(hand(&url));
    out.heading("Then hand over what you like. The same conversation again updates its ticket:");
    out.line(format_args!("  hand '{SECOND}'"));
    out.line("  hand \"$(cat body.json)\"");
    if app_id.as_str() == APP_ID {
        out.line(sample("handoff"));
        out.line(sample("second-handoff"));
    }
    out.heading("What would happen, and nothing is written:");
    out.line(format_args!("  hand '{FIRST}' /preview"));
    if embedded {
        out.heading("The tickets that Desk holds now:");
        out.line(format_args!("  curl -sS -H 'SENDBIRDDESKAPITOKEN: {}' {}/tickets", desk.token, desk.url));
    }
    out.heading("Every request is logged below: method, path, status, time.");
}

/// Needs nothing but curl.
fn signed(url: &str, body: &str) -> String {
    let signature = sign(body.as_bytes(), SIGNING_SECRET);
    format!("  curl -sS {url}/handoffs -H '{SIGNATURE}: {signature}' \\\n    --data-raw '{body}'; echo")
}

/// A shell function; the signature is the last word of what openssl prints, in every version of it.
fn hand(url: &str) -> String {
    format!(
        "  hand() {{ curl -sS \"{url}/handoffs$2\" --data-raw \"$1\" \\\n    -H \"{SIGNATURE}: $(printf %s \"$1\" |\n      \
         openssl dgst -sha256 -hmac {SIGNING_SECRET} | sed 's/.* //')\"; echo; }}"
    )
}

/// The body of a sample event.
fn sample(name: &str) -> String {
    format!("  hand \"$(python3 -c 'import json; print(json.load(open(\"events/{name}.json\"))[\"body\"])')\"")
}
