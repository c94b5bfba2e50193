//! A hostile Desk over real HTTP: whatever it answers, the work ends, and nothing is written to a
//! ticket that Desk did not show as this customer's or this conversation's.
#![no_main]

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use arbitrary::{Arbitrary, Unstructured};
use desk_handoff::app::{Job, Origin};
use desk_handoff::config::{AppId, Mode};
use desk_handoff::handoff::{Event, parse};
use desk_handoff::metrics::{Record, Route};
use desk_handoff_fuzz::{
    APP, DESK_TOKEN, app, assert_no_secret, authenticated, invocation, runtime,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

const BODY: &[u8] = br#"{"conversation": {"id": "7", "channel_url": "ch_1", "user_id": "user_1"}, "ticket": {"id": 3},
    "context": {"order-id": "ORD-1", "cart-items": 3, "priority": "HIGH", "support-team": "vip"}}"#;

#[derive(Debug, Arbitrary)]
struct Shown<'a> {
    id: u8,
    customer: u8,
    channel: u8,
    related: u8,
    status: u8,
    team: u8,
    fields: Vec<(u8, &'a str)>,
}

impl Shown<'_> {
    fn json(&self) -> Value {
        let pick = |texts: [Value; 4], index: u8| texts[usize::from(index) % 4].clone();
        let field = |(key, value): &(u8, &str)| json!({"key": pick([json!("order-id"), json!("cart-items"), json!("x"), Value::Null], *key), "value": value});
        let related = pick(
            [json!("[]"), json!("[{\"channel_url\": \"ch_1\"}]"), json!("["), Value::Null],
            self.related,
        );

        json!({
            "id": self.id % 5, "customer": {"id": 9, "sendbirdId": pick(["user_1", "user_1", "user_2", ""].map(Value::from), self.customer)},
            "channelUrl": pick([json!("ch_1"), json!("ch_2"), json!("ch_1"), Value::Null], self.channel), "relatedChannels": related,
            "status2": pick(["PENDING", "ACTIVE", "CLOSED", "INITIALIZED"].map(Value::from), self.status),
            "group": {"key": pick([json!("vip"), json!("x"), json!(""), Value::Null], self.team)},
            "customFields": self.fields.iter().map(field).collect::<Vec<_>>(),
        })
    }
}

#[derive(Debug, Arbitrary)]
enum Said<'a> {
    Ticket(Shown<'a>),
    Page(Vec<Shown<'a>>, Option<u8>),
    Customer(u8),
    Customers,
    Moved(u8),
    Bytes(&'a [u8]),
}

impl Said<'_> {
    fn bytes(&self) -> Vec<u8> {
        let value = match self {
            Self::Ticket(ticket) => ticket.json(),
            Self::Page(tickets, count) => {
                json!({"count": count, "results": tickets.iter().map(Shown::json).collect::<Vec<_>>()})
            }
            Self::Customer(id) => json!({"id": id, "sendbirdId": "user_1"}),
            Self::Customers => json!({"results": [{"id": 9, "sendbirdId": "user_1"}]}),
            Self::Moved(id) => json!({"transferredTickets": [id]}),
            Self::Bytes(bytes) => return bytes.to_vec(),
        };
        value.to_string().into_bytes()
    }
}

#[derive(Debug, Arbitrary)]
struct Script<'a>(Vec<(u8, Option<u8>, Said<'a>)>);

/// What Desk will say, and what it was asked.
#[derive(Default)]
struct Play {
    answers: VecDeque<(u16, Option<u8>, Vec<u8>)>,
    ours: BTreeSet<u64>,
    requests: u32,
}

impl Play {
    /// Checks the request and gives the next answer.
    fn answer(&mut self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        self.requests += 1;
        assert!(self.requests < 300, "the work does not end");
        self.check(method, path, body);
        let (status, wait, body) = self.answers.pop_front().unwrap_or((500, None, Vec::new()));
        self.learn(method, path, &body);
        let wait = wait.map(|seconds| format!("retry-after: {seconds}\r\n")).unwrap_or_default();
        let head = format!("HTTP/1.1 {status} x\r\n{wait}content-length: {}\r\n\r\n", body.len());

        // These statuses have no body, and bytes after them would be the next answer's.
        if matches!(status, 204 | 304) {
            head.replace(&format!("{}", body.len()), "0").into_bytes()
        } else {
            [head.as_bytes(), &body].concat()
        }
    }

    fn check(&self, method: &str, path: &str, body: &[u8]) {
        let named =
            path.strip_prefix("/tickets/").and_then(|rest| rest.split('/').next()?.parse().ok());
        let moved = path.ends_with("/transfer_to_group").then(|| {
            let body: Value = serde_json::from_slice(body).expect("what we send is JSON");
            body["tickets"][0].as_u64().expect("a ticket is moved by its id")
        });
        if let Some(id) = moved.or(named).filter(|_| method != "GET") {
            assert!(self.ours.contains(&id), "{method} {path}: the ticket is not known to be ours");
        }
    }

    /// A ticket that Desk shows as the customer's or the conversation's, and as nobody else's, may
    /// be written to.
    fn learn(&mut self, method: &str, path: &str, body: &[u8]) {
        let Ok(value) = serde_json::from_slice::<Value>(body) else { return };
        let page = value["results"].as_array().cloned().unwrap_or_default();
        for ticket in page.iter().chain([&value]) {
            let customer = ticket["customer"]["sendbirdId"].as_str();
            let made = method == "POST" && path == "/tickets";
            if customer.is_none_or(|id| id == "user_1") || made {
                self.ours.extend(ticket["id"].as_u64());
            }
        }
    }
}

async fn serve(mut stream: TcpStream, play: Rc<RefCell<Play>>) -> Option<()> {
    let mut read = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut read).await.ok()? == 0 {
                return None;
            }
        };
        let text = String::from_utf8(read[..head].to_vec()).expect("what we send is text");
        let mut words = text.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        assert!(text.contains(DESK_TOKEN) || target.contains("/group_channels/"));
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |n| n.parse().unwrap_or(0));
        while read.len() < head + length {
            if stream.read_buf(&mut read).await.ok()? == 0 {
                return None;
            }
        }
        let path = target.split('?').next()?;
        let answer = play.borrow_mut().answer(&method, path, &read[head..head + length]);
        read.drain(..head + length);
        stream.write_all(&answer).await.ok()?;
    }
}

struct House {
    runtime: Runtime,
    tasks: LocalSet,
    address: String,
    play: Rc<RefCell<Play>>,
}

impl House {
    fn new() -> Self {
        let (runtime, tasks, play) = (runtime(), LocalSet::new(), Rc::<RefCell<Play>>::default());
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port is free");
        let address = format!("http://{}", listener.local_addr().expect("it has an address"));
        let shared = Rc::clone(&play);
        tasks.spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(serve(stream, Rc::clone(&shared)));
            }
        });

        Self { runtime, tasks, address, play }
    }
}

thread_local!(static HOUSE: House = House::new());

fuzz_target!(|data: &[u8]| {
    let Ok(Script(script)) = Script::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let statuses = [200, 200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 408, 429, 500, 503, 599];
    let answers = script
        .iter()
        .map(|(status, wait, said)| (statuses[usize::from(status % 16)], *wait, said.bytes()));
    HOUSE.with(|house| {
        *house.play.borrow_mut() = Play { answers: answers.collect(), ..Play::default() };
        let work = async {
            let app = app(&house.address);
            let app_id = AppId::parse(APP).expect("it is an id");
            let Ok(Event::Handoff(handoff)) = parse(authenticated(BODY), &app_id, None, 0) else {
                panic!("it is a handoff")
            };
            let credentials =
                app.secrets.get(&app_id, SystemTime::now()).await.expect("they are fixed");
            let mut record = Record::new(Route::Handoffs, "fuzz", SystemTime::now());
            let job = Job {
                app_id: &app_id,
                credentials: &credentials,
                handoff: &handoff,
                mode: Mode::Live,
                origin: Origin::Direct,
            };
            app.work(job, &invocation(Duration::from_millis(400)), &mut record).await
        };
        match house.tasks.block_on(&house.runtime, work) {
            Ok(report) => assert!(serde_json::to_string(&report).is_ok()),
            Err(error) => assert_no_secret(&error.to_string(), data),
        }
    });
});
