//! `send`: against the routes of `serve`, which are the deployed ones, and against endpoints that
//! are something else.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use desk_handoff::auth::sign;
use serde_json::json;

use crate::serve::Serving;
use crate::support::{Ended, Files, call, direct, ended, event, handoff, sample};

const SECRET: &str = "local-only-signing-secret";

/// A call with this secret in the environment.
fn send(secret: &str, arguments: &[&str]) -> Ended {
    let mut command = handoff();
    command.env("SECRET", secret).args(["send", "--secret-env", "SECRET"]).args(arguments);
    ended(command.output().unwrap())
}

/// An endpoint that gives one answer, and what it was sent.
fn endpoint(answer: String) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/handoffs", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut sent, mut chunk) = (Vec::new(), [0; 4096]);
        while !sent.ends_with(b"}") {
            let length = stream.read(&mut chunk).unwrap();
            assert_ne!(length, 0);
            sent.extend_from_slice(&chunk[..length]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(sent).unwrap()
    });

    (url, thread)
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn name_below_localhost_is_this_machine() {
    let (url, thread) = endpoint(answer("200 OK", r#"{"status": "queued"}"#));
    let port = url.rsplit(':').next().unwrap().split('/').next().unwrap();
    let files = Files::new();
    let body = files.put_json("body.json", &direct(json!({})));
    let named = format!("http://abc.execute-api.localhost:{port}/handoffs");
    let ended = send(SECRET, &[&body, "--url", &named]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let sent = thread.join().unwrap().to_lowercase();
    assert!(sent.contains(&format!("host: abc.execute-api.localhost:{port}\r\n")), "{sent}");

    let refused = send(SECRET, &[&body, "--url", "http://localhost.example/handoffs"]);
    assert_eq!(refused.code, 2, "{refused:?}");
}

#[test]
fn a_signed_body_passes_every_route() {
    let serving = Serving::start(&[]);
    let url = |route: &str| format!("http://{}{route}", serving.address("serves "));
    let files = Files::new();
    let body = files.put_json("body.json", &direct(json!({"order-id": "A-1", "order_id": "A-2"})));
    let preview = send(SECRET, &[&body, "--url", &url("/handoffs/preview")]);
    assert_eq!((preview.code, preview.err.as_str()), (0, ""), "{preview:?}");
    assert!(preview.out.starts_with("Answered 200: preview\n"), "{preview:?}");
    assert_eq!(preview.line("action"), "action create (not done)");
    assert_eq!(
        preview.line("order_id"),
        "order_id invalid-key can never be a field key: order-id?"
    );
    assert_eq!(preview.line("order-id"), "order-id written order-id A-1");
    let done = send(SECRET, &[&body, "--url", &url("/handoffs")]);
    assert!(done.code == 0 && done.out.starts_with("Answered 201: created\n"), "{done:?}");
    assert_eq!(done.line("ticket"), "ticket 7455126");
    assert!(!done.out.contains("A-1"), "only a preview shows values: {done:?}");
    let queued = send(SECRET, &[&sample("base64"), "--url", &url("/webhooks/handoff")]);
    assert!(queued.code == 0 && queued.out.starts_with("Answered 200: queued\n"), "{queued:?}");
    let ignored = send(SECRET, &[&sample("ignored-category"), "--url", &url("/webhooks/handoff")]);

    assert!(
        ignored.out.starts_with(
            "Answered 200: ignored, for an event of the category conversation:started"
        )
    );
}

#[test]
fn what_is_refused_is_told_and_ends_with_1() {
    let serving = Serving::start(&[]);
    let url = format!("http://{}/handoffs", serving.address("serves "));
    let files = Files::new();
    let body = files.put_json("body.json", &direct(json!({})));
    let forged = send("wrong-canary7f3a", &[&body, "--url", &url]);
    assert_eq!(forged.code, 1);
    assert!(
        forged.out.starts_with("Refused with 401: ") && !forged.out.contains("canary7f3a"),
        "{forged:?}"
    );
    assert!(forged.err.contains("the application has another secret"), "{forged:?}");
    assert!(forged.line("request").starts_with("request local-"), "{forged:?}");
    let misshapen = files.put_json("misshapen.json", &json!({"conversation": {"user_id": ["x"]}}));
    let refused = send(SECRET, &[&misshapen, "--url", &url]);
    assert_eq!(
        refused.line("conversation.user_id"),
        "conversation.user_id must be a string or a number"
    );
    let context = send(SECRET, &[&files.put_json("context.json", &json!({"a": 1})), "--url", &url]);
    assert!(context.code == 1 && context.err.contains("cargo handoff preview"), "{context:?}");
    let unknown =
        send(SECRET, &[&body, "--url", &format!("{url}?x=1"), "--app-id", "OTHER", "--json"]);
    assert_eq!((unknown.code, &unknown.json()["status"]), (1, &json!(404)));

    assert_eq!(
        unknown.json()["answer"]["type"],
        json!("urn:desk-handoff:problem:unknown-application")
    );
}

#[test]
fn first_line_of_secret_signs_the_body() {
    let files = Files::new();
    let body = "{\"conversation\":  {\"id\": \"1\", \"user_id\": \"\u{e4}\"}}";
    let mut event = event(body, Some("00"));
    event["headers"]["idempotency-key"] = json!("k-1");
    event["rawQueryString"] = json!("app_id=OTHER");
    let (url, thread) = endpoint(answer("200 OK", r#"{"status": "queued", "event_id": "e"}"#));
    let ended =
        send("\n one-canary7f3a \ntwo", &[&files.put_json("event.json", &event), "--url", &url]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let sent = thread.join().unwrap();
    assert!(sent.starts_with("POST /handoffs HTTP/1.1\r\n") && sent.ends_with(body), "{sent}");
    let signature = sign(body.as_bytes(), "one-canary7f3a");

    for header in [
        &*format!("x-sendbird-signature: {signature}"),
        "idempotency-key: k-1",
        "content-type: application/json",
    ] {
        assert!(sent.contains(&format!("\r\n{header}\r\n")), "{header}: {sent}");
    }

    assert!(!sent.contains("authorization"), "{sent}");
}

#[test]
fn bearer_token_is_sent_and_never_shown() {
    let files = Files::new();
    let body = files.put_json("body.json", &direct(json!({})));
    for arguments in [&["--bearer"][..], &["--bearer", "--json"]] {
        let (url, thread) =
            endpoint(answer("403 Forbidden", r#"{"message": "not canary7f3a\u002dtoken"}"#));
        let ended = send("canary7f3a-token", &[&[&*body, "--url", &url], arguments].concat());
        assert_eq!(ended.code, 1);
        assert!(
            ended.out.contains("not (the secret)") && !ended.out.contains("canary7f3a"),
            "{ended:?}"
        );
        let sent = thread.join().unwrap();
        assert!(sent.contains("\r\nauthorization: Bearer canary7f3a-token\r\n"), "{sent}");
        assert!(!sent.contains("x-sendbird-signature"), "{sent}");
    }
}

#[test]
fn echoed_secret_is_never_shown() {
    let files = Files::new();
    let body = files.put_json("body.json", &direct(json!({})));
    let secret = "7355608042";
    let said = |document: &str, retry_after: &str, arguments: &[&str]| {
        let (url, thread) =
            endpoint(answer(&format!("503 No\r\nRetry-After: {retry_after}"), document));
        let ended = send(secret, &[&[&*body, "--bearer", "--url", &url], arguments].concat());
        thread.join().unwrap();
        assert!(ended.code == 1 && !format!("{ended:?}").contains(secret), "{ended:?}");
        ended
    };

    for arguments in [&[][..], &["--json"]] {
        let named = said(
            r#"{"a 7355608042": {"7355608042": 1}, "n": 1.7355608042e3}"#,
            "7355608042",
            arguments,
        );
        assert!(named.out.contains("(the secret)"), "{named:?}");
    }

    let problem = r#"{"title": "t", "detail": "d"}"#;
    assert_eq!(said(problem, "30", &[]).line("again"), "again after 30 seconds");
    for text in [secret, "a 7355608042", "Sun, 22 Nov 2026 22:00:00 GMT"] {
        let ended = said(problem, text, &[]);
        assert!(!ended.out.contains("again"), "{ended:?}");
    }
}

#[test]
fn an_answer_of_something_else_is_no_success() {
    let files = Files::new();
    let body = files.put_json("body.json", &direct(json!({})));
    let cases = [
        (answer("200 OK", "<html>\u{1b}[2J"), r"<html>\u{1b}[2J"),
        (answer("200 OK", "[]"), "[]"),
        (answer("404 Not Found", r#"{"message": "Not Found"}"#), "  Not Found\n"),
        (answer("307 Temporary Redirect\r\nLocation: /elsewhere", ""), "Answered 307"),
    ];

    for (answer, expected) in cases {
        let (url, thread) = endpoint(answer);
        let ended = send(SECRET, &[&body, "--url", &url]);
        assert!(ended.code == 1 && ended.out.contains(expected), "{ended:?}");
        assert!(
            ended.out.contains("but not as desk-handoff answers")
                && ended.err.contains("WebhookUrl"),
            "{ended:?}"
        );
        thread.join().unwrap();
    }
}

#[test]
fn an_endpoint_that_is_not_there_is_told() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended =
        send("canary7f3a", &[&sample("handoff"), "--url", &format!("http://{nobody}/handoffs")]);
    assert_eq!((ended.code, ended.out.as_str()), (1, ""));
    assert!(
        ended.err.contains("Connection refused") && !ended.err.contains("canary7f3a"),
        "{ended:?}"
    );
}

#[test]
fn a_secret_goes_nowhere_in_the_clear() {
    let fragments = ["https://h.example/#a", "https://h.example/?a=b#c"];
    for url in
        ["http://handoff.example/handoffs", "handoff.example", "https://u:p@handoff.example/"]
            .into_iter()
            .chain(fragments)
    {
        let ended = send(SECRET, &[&sample("handoff"), "--url", url]);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{url}");
        assert!(
            ended.err.starts_with("error: --url ") && !ended.err.contains("query"),
            "{ended:?}"
        );
    }
}

#[test]
fn secret_given_as_name_is_not_repeated() {
    let url = ["--url", "https://handoff.example/handoffs"];
    for name in ["canary7f3a", "canary7f3a=", ""] {
        let ended = call(&[&["send", &sample("handoff"), "--secret-env", name], &url[..]].concat());
        assert_eq!(ended.code, 2);
        assert!(
            ended.err.contains("--secret-env names no") && !ended.err.contains("canary7f3a"),
            "{ended:?}"
        );
    }
}
