//! `serve`: up on a free port, met over plain TCP, ended as a person ends it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use desk_handoff::auth::sign;
use serde_json::{Value, json};

use crate::support::{Files, call, direct, handoff, sample};

const SECRET: &str = "local-only-signing-secret";

/// A `serve` that is up.
struct Serving {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
    /// Everything that it said when it came up.
    greeting: String,
}

impl Serving {
    fn start(arguments: &[&str]) -> Self {
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
    fn address(&self, before: &str) -> &str {
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

    fn tickets(&self) -> Vec<Value> {
        let token = "SENDBIRDDESKAPITOKEN: emulator-desk-token\r\n";
        let (status, page) = send(self.address("embedded, at "), "GET", "/platform/v1/tickets", token, b"");
        assert_eq!(status, 200, "{page}");
        page["results"].as_array().unwrap().clone()
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

fn send(address: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, Value) {
    send_to(address, address, method, path, headers, body)
}

/// One request on a connection of its own, as plain as can be.
fn send_to(address: &str, host: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

#[test]
fn a_second_handoff_of_a_conversation_updates_its_ticket() {
    let serving = Serving::start(&[]);
    let (status, first) = serving.post("/handoffs", &direct(json!({"order-id": "A-1"})));
    assert_eq!((status, &first["status"]), (201, &json!("created")), "{first}");
    let (status, second) = serving.post("/handoffs", &direct(json!({"order-id": "A-1", "cart-items": 2})));
    assert_eq!((status, &second["status"]), (200, &json!("updated")), "{second}");
    assert_eq!(first["ticket"]["id"], second["ticket"]["id"]);
    let tickets = serving.tickets();
    assert_eq!(tickets.len(), 1);
    let value = |key: &str| {
        let fields = tickets[0]["customFields"].as_array().unwrap();
        fields.iter().find(|field| field["key"] == key).map(|field| field["value"].clone())
    };
    assert_eq!((value("order-id"), value("cart-items")), (Some(json!("A-1")), Some(json!("2"))));
}

#[test]
fn the_sample_events_are_taken_as_the_sender_sends_them() {
    let serving = Serving::start(&[]);
    let event: Value = serde_json::from_slice(&std::fs::read(sample("handoff")).unwrap()).unwrap();
    let signature = format!("x-sendbird-signature: {}\r\n", event["headers"]["x-sendbird-signature"].as_str().unwrap());
    let body = event["body"].as_str().unwrap();
    assert_eq!(serving.send("POST", "/handoffs", &signature, body.as_bytes()).0, 201);
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
    let (status, problem) = serving.send("POST", "/handoffs", "", body.to_string().as_bytes());
    assert_eq!((status, problem["request_id"].as_str().is_some()), (401, true), "{problem}");
    let large = vec![b' '; 300 * 1024];
    assert_eq!(serving.send("POST", "/handoffs", "", &large).0, 413);
    assert_eq!(serving.tickets().len(), 1);
}

#[test]
fn a_page_that_reaches_it_under_another_name_is_turned_away() {
    let serving = Serving::start(&[]);
    let body = direct(json!({})).to_string();
    let signature = format!("x-sendbird-signature: {}\r\n", sign(body.as_bytes(), SECRET));
    let (address, port) = (serving.address("serves "), serving.address("serves ").rsplit(':').next().unwrap());
    for (host, status) in [("rebound.example", 421), ("localhost", 201)] {
        let host = format!("{host}:{port}");
        assert_eq!(send_to(address, &host, "POST", "/handoffs", &signature, body.as_bytes()).0, status, "{host}");
    }
}

#[test]
fn it_ends_on_ctrl_c_and_its_log_has_no_body_and_no_query() {
    let serving = Serving::start(&[]);
    serving.post("/handoffs?app_id=DEMO-APP-0001", &direct(json!({"order-id": "canary-value"})));
    let (code, log) = serving.interrupt();
    assert_eq!(code, Some(0));
    assert!(log.lines().any(|line| line.starts_with("POST /handoffs 201 ")), "{log}");
    assert!(!log.contains("canary-value") && !log.contains("app_id"), "{log}");
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
fn a_desk_of_ones_own_is_used_with_the_token_of_the_environment() {
    let files = Files::new();
    let fields = files.put_json("fields.json", &json!({"fields": [{"key": "order-id", "type": "text"}]}));
    let theirs = Serving::start(&["--fields", &fields]);
    let url = format!("http://{}/platform/v1", theirs.address("embedded, at "));
    let mut command = handoff();
    command.args(["serve", "--port", "0", "--fields", &fields, "--desk-url", &url]);
    let serving = Serving::start_as(command.env("DESK_API_TOKEN", "emulator-desk-token"));
    assert!(!serving.greeting.contains("emulator-desk-token"), "{}", serving.greeting);
    assert_eq!(serving.post("/handoffs", &direct(json!({"order-id": "A-1"}))).0, 201);
    assert_eq!(theirs.tickets().len(), 1);
    let refused = Serving::start_as(command.env("DESK_API_TOKEN", "wrong"));
    assert_eq!(refused.post("/handoffs", &direct(json!({}))).0, 502);
}

#[test]
fn a_desk_without_a_token_or_in_the_clear_is_wrong_use() {
    let ended = call(&["serve", "--port", "0", "--desk-url", "https://desk.example"]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("DESK_API_TOKEN"), "{ended:?}");
    let mut command = handoff();
    command.args(["serve", "--port", "0", "--desk-url", "http://desk.example"]).env("DESK_API_TOKEN", "t");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("must be https"));
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
    let there = |tool: &str| Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success());
    let openssl = Command::new("openssl").arg("version").output().is_ok();
    if !there("curl") || !there("python3") || !openssl {
        eprintln!("not tried: it takes curl, python3 and openssl");
        return;
    }
    let files = Files::new();
    let body =
        files.put("body.json", r#"{"conversation":{"id":"2","user_id":"o'neil"},"context":{"summary":"\"$HOME`\\é"}}"#);
    let serving = Serving::start(&[]);
    let commands: Vec<&str> = serving.greeting.lines().filter(|line| line.starts_with("  ")).collect();
    let script = commands.join("\n").replace("body.json", &body);
    let mut shell = Command::new("sh");
    let shell = shell.arg("-c").arg(script).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let output = shell.env("NO_PROXY", "*").output().unwrap();
    let answers: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let statuses: Vec<&str> = answers.iter().filter_map(|answer| answer["status"].as_str()).collect();
    assert_eq!(statuses[..4], ["created", "updated", "created", "created"], "{answers:?}");
    assert_eq!(statuses.last(), Some(&"preview"), "{answers:?}");
    assert_eq!(answers.last().unwrap()["count"], 3, "the tickets are shown: {answers:?}");
}
