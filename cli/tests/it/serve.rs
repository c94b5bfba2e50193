//! `serve`: up on a free port, met over plain TCP, ended as a person ends it; and the worker behind
//! its webhook.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use desk_handoff::auth::sign;
use serde_json::{Value, json};

use crate::support::{Files, at_last, call, direct, ended, handoff, numbered, sample};

const SECRET: &str = "local-only-signing-secret";
const WEBHOOK: &str = "/webhooks/handoff";

/// A `serve` that is up.
pub(crate) struct Serving {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
    /// Everything that it said when it came up.
    greeting: String,
}

impl Serving {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_as(handoff().args(["serve", "--port", "0"]).args(arguments))
    }

    fn start_as(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let err = BufReader::new(child.stderr.take().unwrap());
        let mut greeting = String::new();
        while !greeting.contains("Every request is logged") {
            assert_ne!(out.read_line(&mut greeting).unwrap(), 0, "{greeting}");
        }
        Self { child, out, err, greeting }
    }

    /// The first address in the greeting that begins like this, up to a blank or a comma.
    pub(crate) fn address(&self, before: &str) -> &str {
        let (_, after) = self.greeting.split_once(before).unwrap();
        let after = after.strip_prefix("http://").unwrap();
        &after[..after.find([' ', ',', '/']).unwrap()]
    }

    fn send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, Value) {
        send(self.address("serves "), method, path, headers, body)
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let body = body.to_string();
        let signature = format!("x-sendbird-signature: {}\r\n", sign(body.as_bytes(), SECRET));
        self.send("POST", path, &signature, body.as_bytes())
    }

    /// A body to the webhook, which queues it.
    fn queue(&self, body: &Value) {
        let (status, answer) = self.post(WEBHOOK, body);
        assert_eq!(
            (status, answer),
            (200, json!({"status": "queued", "event_id": body["event_id"]}))
        );
    }

    /// A request to the embedded Desk.
    fn desk(&self, method: &str, path: &str, body: &Value) -> Value {
        let token =
            "SENDBIRDDESKAPITOKEN: emulator-desk-token\r\ncontent-type: application/json\r\n";
        let path = format!("/platform/v1{path}");
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let (status, answer) =
            send(self.address("embedded, at "), method, &path, token, body.as_bytes());
        assert!((200..300).contains(&status), "{status} {answer}");
        answer
    }

    fn tickets(&self) -> Vec<Value> {
        self.desk("GET", "/tickets", &Value::Null)["results"].as_array().unwrap().clone()
    }

    /// The id of the only ticket, as soon as its field holds this.
    fn ticket_with(&self, key: &str, wanted: &str) -> Value {
        let tickets = at_last(|| {
            let tickets = self.tickets();
            tickets.iter().any(|ticket| field(ticket, key) == Some(wanted)).then_some(tickets)
        });
        assert_eq!(tickets.len(), 1, "{tickets:#?}");
        tickets[0]["id"].clone()
    }

    /// Reads the log up to the next line that has this in it.
    fn log_line(&mut self, part: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.err.read_line(&mut line).unwrap(), 0, "no line has {part}");
            if line.contains(part) {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Ctrl-C; gives the exit code and what was logged.
    fn interrupt(mut self) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let mut log = String::new();
        self.err.read_to_string(&mut log).unwrap();
        self.out.read_to_string(&mut self.greeting).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn field<'a>(ticket: &'a Value, key: &str) -> Option<&'a str> {
    ticket["customFields"].as_array().unwrap().iter().find(|field| field["key"] == key)?["value"]
        .as_str()
}

fn send(address: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, Value) {
    send_to(address, address, method, path, headers, body)
}

/// One request on a connection of its own, as plain as can be.
fn send_to(
    address: &str,
    host: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();

    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        serde_json::from_str(body).unwrap_or_default(),
    )
}

#[test]
fn a_second_handoff_of_a_conversation_updates_its_ticket() {
    let serving = Serving::start(&[]);
    let (status, first) = serving.post("/handoffs", &direct(json!({"order-id": "A-1"})));
    assert_eq!((status, &first["status"]), (201, &json!("created")), "{first}");
    let (status, second) =
        serving.post("/handoffs", &numbered(2, json!({"order-id": "A-1", "cart-items": 2})));
    assert_eq!((status, &second["status"]), (200, &json!("updated")), "{second}");
    assert_eq!(first["ticket"]["id"], second["ticket"]["id"]);
    let tickets = serving.tickets();
    assert_eq!(tickets.len(), 1);

    assert_eq!(
        (field(&tickets[0], "order-id"), field(&tickets[0], "cart-items")),
        (Some("A-1"), Some("2"))
    );
}

#[test]
fn queued_event_makes_one_ticket_once() {
    let serving = Serving::start(&[]);
    let first = direct(json!({"order-id": "A-1"}));
    serving.queue(&first);
    let id = serving.ticket_with("order-id", "A-1");
    serving.queue(&numbered(2, json!({"cart-items": 2})));
    assert_eq!(serving.ticket_with("cart-items", "2"), id);
    serving.queue(&first);
    // What comes after it in the same conversation is worked on after it.
    serving.queue(&numbered(3, json!({"cart-items": 3})));
    assert_eq!(serving.ticket_with("cart-items", "3"), id);
    let (code, log) = serving.interrupt();
    let messages: Vec<&str> = log.lines().filter(|line| line.starts_with("message")).collect();
    let expected = [
        format!("message 1: ticket {id} created"),
        format!("message 2: ticket {id} updated"),
        format!("message 3: ticket {id} updated"),
    ];

    assert_eq!((code, messages), (Some(0), expected.iter().map(String::as_str).collect()));
}

#[test]
fn event_is_done_once_across_both_routes() {
    let mut serving = Serving::start(&[]);
    let body = direct(json!({"order-id": "A-1"}));
    serving.queue(&body);
    let created = serving.log_line("message 1: ");
    let (status, answer) = serving.post("/handoffs", &body);
    assert_eq!((status, &answer["status"]), (200, &json!("duplicate")), "{answer}");
    let id = &answer["ticket"]["id"];
    assert_eq!(created, format!("message 1: ticket {id} created"));
    let other = numbered(2, json!({"order-id": "A-1"}));
    assert_eq!(serving.post("/handoffs", &other).1["status"], "unchanged");
    serving.queue(&other);
    let done_before = format!(
        "message 2: ticket {id} duplicate (this event was done before; nothing is touched)"
    );

    assert_eq!(serving.log_line("message 2: "), done_before);
}

#[test]
fn failed_handoff_returns_before_later_ones() {
    let files = Files::new();
    let fields =
        json!({"fields": [{"key": "n", "type": "integer"}], "ticket": {"when_missing": "retry"}});
    let mut serving = Serving::start(&["--fields", &files.put_json("fields.json", &fields)]);

    for number in [1, 2] {
        let mut body = numbered(number, json!({"n": number}));
        body["conversation"]["channel_url"] = json!("ch-1");
        serving.queue(&body);
    }

    let first = serving.log_line("message ");
    assert_eq!(first, "message 1: not done, again in 2 s: the ticket is not there yet");
    let customer = serving.desk("POST", "/customers", &json!({"sendbirdId": "ann"}));
    let ticket =
        json!({"channelName": "x", "customerId": customer["id"], "relatedChannelUrls": "ch-1"});
    let id = serving.desk("POST", "/tickets", &ticket)["id"].clone();
    assert_eq!(serving.log_line(": ticket "), format!("message 1: ticket {id} updated"));
    assert_eq!(serving.log_line(": ticket "), format!("message 2: ticket {id} updated"));

    assert_eq!(field(&serving.tickets()[0], "n"), Some("2"));
}

#[test]
fn what_is_still_queued_at_the_end_is_told() {
    let files = Files::new();
    let fields = files.put_json("fields.json", &json!({"ticket": {"when_missing": "retry"}}));
    let mut serving = Serving::start(&["--fields", &fields]);
    serving.queue(&direct(json!({})));
    serving.log_line("message 1: not done");
    let (code, log) = serving.interrupt();
    assert_eq!(code, Some(0));
    assert!(log.ends_with("note: forgotten with the queue: 1 not done yet, 0 given up\n"), "{log}");
}

#[test]
fn a_second_handoff_replaces_what_the_first_one_wrote() {
    let serving = Serving::start(&[]);
    let body = |name: &str| -> Value {
        let event: Value = serde_json::from_slice(&std::fs::read(sample(name)).unwrap()).unwrap();
        serde_json::from_str(event["body"].as_str().unwrap()).unwrap()
    };
    assert_eq!(serving.post("/handoffs", &body("handoff")).0, 201);
    let (_, second) = serving.post("/handoffs", &body("second-handoff"));
    assert_eq!(second["status"], "updated");
    let outcome = |key: &str| {
        second["fields"].as_array().unwrap().iter().find(|entry| entry["key"] == key).unwrap()["outcome"].clone()
    };
    assert_eq!(
        (outcome("cart-items"), outcome("order-id")),
        (json!("written"), json!("unchanged"))
    );
    assert_eq!(serving.tickets().len(), 1);

    assert_eq!(field(&serving.tickets()[0], "cart-items"), Some("4"));
}

#[tokio::test]
async fn checks_of_a_deployed_stack_pass_here() {
    let serving = Serving::start(&[]);
    crate::end_to_end::check(
        &format!("http://{}/", serving.address("serves ")),
        Some("DEMO-APP-0001"),
        SECRET,
    )
    .await;
}

#[test]
fn sample_events_are_taken_as_sent() {
    let serving = Serving::start(&[]);
    let event: Value = serde_json::from_slice(&std::fs::read(sample("handoff")).unwrap()).unwrap();
    let signature = format!(
        "x-sendbird-signature: {}\r\n",
        event["headers"]["x-sendbird-signature"].as_str().unwrap()
    );
    let body = event["body"].as_str().unwrap();
    let (status, answer) = serving.send("POST", WEBHOOK, &signature, body.as_bytes());
    assert_eq!((status, answer), (200, json!({"status": "queued", "event_id": "evt-handoff-1"})));

    serving.ticket_with("order-id", "ORD-20250730-0042");
}

#[test]
fn the_routes_and_refusals_are_the_shipped_ones() {
    let serving = Serving::start(&[]);
    let body = direct(json!({"order-id": "A-1"}));
    assert_eq!(serving.send("GET", "/healthz", "", b"").1["status"], "ok");
    let (status, preview) = serving.post("/handoffs/preview", &body);
    assert_eq!((status, &preview["fields"][0]["value"]), (200, &json!("A-1")));
    assert_eq!(serving.post("/handoffs?app_id=DEMO-APP-0001", &body).0, 201);
    assert_eq!(serving.post("/handoffs?app_id=OTHER", &body).0, 404);
    assert_eq!(serving.post("/nowhere", &body).0, 404);
    assert_eq!(serving.send("GET", "/handoffs", "", b"").0, 405);
    assert_eq!(
        serving.post(WEBHOOK, &json!({"category": "message:user_sent"})).1["status"],
        "ignored"
    );
    assert_eq!(serving.send("POST", WEBHOOK, "", body.to_string().as_bytes()).0, 401);
    let (status, problem) = serving.send("POST", "/handoffs", "", body.to_string().as_bytes());
    assert_eq!((status, problem["request_id"].as_str().is_some()), (401, true), "{problem}");
    let large = vec![b' '; 300 * 1024];
    assert_eq!(serving.send("POST", "/handoffs", "", &large).0, 413);

    assert_eq!(serving.tickets().len(), 1);
}

#[test]
fn request_under_another_host_is_refused() {
    let serving = Serving::start(&[]);
    let body = direct(json!({})).to_string();
    let signature = format!("x-sendbird-signature: {}\r\n", sign(body.as_bytes(), SECRET));
    let (address, port) =
        (serving.address("serves "), serving.address("serves ").rsplit(':').next().unwrap());

    for (host, status) in [("rebound.example", 421), ("localhost", 201)] {
        let host = format!("{host}:{port}");
        assert_eq!(
            send_to(address, &host, "POST", "/handoffs", &signature, body.as_bytes()).0,
            status,
            "{host}"
        );
    }
}

#[test]
fn ctrl_c_ends_it_and_log_holds_no_body() {
    let serving = Serving::start(&[]);
    serving.post("/handoffs?app_id=DEMO-APP-0001", &direct(json!({"order-id": "canary-value"})));
    serving.queue(&numbered(2, json!({"cart-items": 2, "summary": "canary-value"})));
    serving.ticket_with("cart-items", "2");
    let (code, log) = serving.interrupt();
    assert_eq!(code, Some(0));
    for begin in ["POST /handoffs 201 ", "POST /webhooks/handoff 200 ", "message 1: ticket "] {
        assert!(log.lines().any(|line| line.starts_with(begin)), "{log}");
    }

    assert!(
        !log.contains("canary-value") && !log.contains("app_id") && !log.contains("e-2"),
        "{log}"
    );
}

#[test]
fn another_application_can_be_served() {
    let serving = Serving::start(&["--app-id", "MY-APP"]);
    let mut body = direct(json!({}));
    body["app_id"] = json!("MY-APP");
    assert_eq!(serving.post("/handoffs", &body).0, 201);
    body["app_id"] = json!("DEMO-APP-0001");
    assert_eq!(serving.post("/handoffs", &body).0, 400);
}

#[test]
fn own_desk_is_used_with_environment_token() {
    let files = Files::new();
    let fields =
        files.put_json("fields.json", &json!({"fields": [{"key": "order-id", "type": "text"}]}));
    let theirs = Serving::start(&["--fields", &fields]);
    let url = format!("http://{}/platform/v1", theirs.address("embedded, at "));
    let mut command = handoff();
    command.args(["serve", "--port", "0", "--fields", &fields, "--desk-url", &url]);
    let serving = Serving::start_as(command.env("DESK_API_TOKEN", "emulator-desk-token"));
    assert!(!serving.greeting.contains("emulator-desk-token"), "{}", serving.greeting);
    assert_eq!(serving.post("/handoffs", &direct(json!({"order-id": "A-1"}))).0, 201);
    assert_eq!(theirs.tickets().len(), 1);
    let refused = Serving::start_as(command.env("DESK_API_TOKEN", "wrong"));

    assert_eq!(refused.post("/handoffs/preview", &direct(json!({}))).0, 502);
}

#[test]
fn desk_without_token_or_tls_is_misuse() {
    let without = call(&["serve", "--port", "0", "--desk-url", "https://desk.example"]);
    assert_eq!(without.code, 2);
    assert!(without.err.contains("DESK_API_TOKEN"), "{without:?}");
    for (url, why) in [
        ("http://desk.example", "must be https (http only on this machine)"),
        ("notaurl", "is not a URL"),
    ] {
        let mut command = handoff();
        command.args(["serve", "--port", "0", "--desk-url", url]).env("DESK_API_TOKEN", "t");
        let refused = ended(command.output().unwrap());
        assert_eq!(refused.code, 2);
        assert!(refused.err.ends_with(&format!("error: --desk-url: {why}\n")), "{refused:?}");
    }
}

#[test]
fn a_port_that_is_taken_ends_with_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = call(&["serve", "--port", &port]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("--port 0"), "{ended:?}");
}

/// Where the tools are that the commands name; elsewhere there is nothing to paste them into.
#[test]
fn the_printed_commands_work_when_pasted() {
    let there = |tool: &str| {
        Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success())
    };
    let openssl = Command::new("openssl").arg("version").output().is_ok();

    if !there("curl") || !there("python3") || !openssl {
        eprintln!("not tried: it takes curl, python3 and openssl");
        return;
    }

    let files = Files::new();
    let body = files.put(
        "body.json",
        r#"{"conversation":{"id":"9","user_id":"o'neil"},"context":{"summary":"\"$HOME`\\é"}}"#,
    );
    let serving = Serving::start(&[]);
    let commands: Vec<&str> =
        serving.greeting.lines().filter(|line| line.starts_with("  ")).collect();
    let script = commands.join("\n").replace("body.json", &body);
    let mut shell = Command::new("sh");
    let shell = shell.arg("-c").arg(script).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let output = shell.env("NO_PROXY", "*").output().unwrap();
    let answers: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();

    let statuses: Vec<&str> =
        answers.iter().map(|answer| answer["status"].as_str().unwrap_or("tickets")).collect();
    let webhook = ["queued", "tickets", "queued", "queued", "queued", "queued"];
    assert_eq!(
        statuses,
        [&webhook[..], &["created", "duplicate", "preview"]].concat(),
        "{answers:?}"
    );
    assert!(answers[1]["results"].is_array(), "{answers:?}");
    let tickets = at_last(|| Some(serving.tickets()).filter(|tickets| tickets.len() >= 4));
    let holding = |key: &str| tickets.iter().filter(|ticket| field(ticket, key).is_some()).count();

    assert_eq!((tickets.len(), holding("order-id"), holding("summary")), (4, 3, 2), "{tickets:#?}");
}
