//! What `serve` says when it is up: where it is, and commands that work as they stand when pasted
//! into a shell.

use std::net::SocketAddr;

use desk_handoff::auth::sign;
use desk_handoff::config::AppId;

use crate::local::Desk;
use crate::output::Out;
use crate::settings::{APP_ID, SIGNATURE, SIGNING_SECRET};

/// Two handoffs of one conversation and one of another; none holds a single quote, which would end
/// the shell's.
const FIRST: &str = r#"{"conversation":{"id":"1","user_id":"ann"},"context":{"order-id":"A-1"}}"#;
const SECOND: &str = r#"{"conversation":{"id":"1","user_id":"ann"},"context":{"cart-items":2}}"#;
const OTHER: &str = r#"{"conversation":{"id":"2","user_id":"bob"},"context":{"order-id":"B-1"}}"#;

const WEBHOOK: &str = "/webhooks/handoff";

/// Prints it. `embedded` says whose Desk it is.
pub(crate) fn greet(
    address: SocketAddr,
    app_id: &AppId,
    desk: &Desk,
    embedded: bool,
    out: &mut Out,
) {
    let url = format!("http://{address}");
    out.heading(&format!("handoff serves {url} for the application {app_id}; Ctrl-C ends it"));
    out.line(format_args!("Look at it: {url}/"));
    if embedded {
        out.line(format_args!(
            "Desk is embedded, at {}, and forgets everything at the end.",
            desk.url
        ));
    } else {
        out.line(format_args!(
            "Desk is at {}: what is handed over here is written there.",
            desk.url
        ));
    }
    out.heading(
        "A handoff to the webhook, signed as the sender signs it. It is queued, and the worker makes the ticket:",
    );
    out.line(signed(&url, FIRST));
    if embedded {
        out.heading("The tickets that Desk holds now:");
        out.line(format_args!(
            "  curl -sS -H 'SENDBIRDDESKAPITOKEN: {}' {}/tickets; echo",
            desk.token, desk.url
        ));
    }
    out.heading("For other bodies, paste this once:");
    out.line(hand(&url));
    out.heading("Then hand over what you like. The same conversation again updates its ticket:");
    out.line(hand_over(SECOND, WEBHOOK));
    out.line(format_args!("  hand \"$(cat body.json)\" {WEBHOOK}"));
    // The samples name that application, and any other one would refuse them.
    if app_id.as_str() == APP_ID {
        out.line(sample("handoff"));
        out.line(sample("second-handoff"));
    }
    out.heading(
        "Done before it is answered. The same event again is a \"duplicate\": it was done, and nothing is touched:",
    );
    out.line(hand_over(OTHER, "/handoffs"));
    out.line(hand_over(OTHER, "/handoffs"));
    out.heading("What would happen, and nothing is written:");
    out.line(hand_over(FIRST, "/handoffs/preview"));

    out.heading("Every request is logged below (method, path, status, time), and what became of every message.");
}

/// Needs nothing but curl.
fn signed(url: &str, body: &str) -> String {
    let signature = sign(body.as_bytes(), SIGNING_SECRET);
    format!(
        "  curl -sS {url}{WEBHOOK} -H '{SIGNATURE}: {signature}' \\\n    --data-raw '{body}'; echo"
    )
}

/// A shell function of a body and a route; the signature is the last word of what openssl prints,
/// in every version of it.
fn hand(url: &str) -> String {
    format!(
        "  hand() {{ curl -sS \"{url}$2\" --data-raw \"$1\" \\\n    -H \"{SIGNATURE}: $(printf %s \"$1\" |\n      \
         openssl dgst -sha256 -hmac {SIGNING_SECRET} | sed 's/.* //')\"; echo; }}"
    )
}

fn hand_over(body: &str, route: &str) -> String {
    format!("  hand '{body}' {route}")
}

/// The body of a sample event.
fn sample(name: &str) -> String {
    format!(
        "  hand \"$(python3 -c 'import json; print(json.load(open(\"events/{name}.json\"))[\"body\"])')\" {WEBHOOK}"
    )
}
