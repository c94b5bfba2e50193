//! A Desk with a few tickets of other people, called in the process, and one run of the probe
//! against it. Whatever becomes of a call is decided by the test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use desk_emulator::{Behaviour, Emulator, FieldDefinition, FieldKind, Seed, Setup};
use desk_handoff::desk::transport::{Transport, TransportError};
use desk_handoff::rules::Rules;
use desk_handoff::store::BoxFuture;
use http::{HeaderValue, Request, Response};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::probe::caller::{Api, Caller};
use crate::probe::known::KnownFields;
use crate::probe::ticket::TITLE;
use crate::probe::{Ended, Found, run};

pub(super) const USER: &str = "user_1";
/// Chat's, as the emulator has it.
const CHAT_TOKEN: &str = "emulator-chat-token";
pub(super) const TOKEN: &str = "desk-token-canary7f3a";
/// How many tickets there are before the probe makes its own.
pub(super) const SEEDED: usize = 4;

/// What is done to a call, in place of carrying it or after it.
pub(super) type Spoil = dyn Fn(u32, &mut Carried<'_>) -> Option<Spoilt> + Send + Sync;

/// What its sender sees of a spoilt call.
pub(super) enum Spoilt {
    Error(TransportError),
    /// After the whole time-out.
    Late,
    Answer(Response<Vec<u8>>),
    /// Nothing, ever: the process is killed.
    Killed,
}

/// A call that can be carried or not.
pub(super) struct Carried<'d> {
    pub(super) desk: &'d Emulator,
    pub(super) request: Request<Vec<u8>>,
}

impl Carried<'_> {
    pub(super) fn carry(&self) -> Response<Vec<u8>> {
        self.desk.call(self.request.clone())
    }
}

pub(super) struct InProcess {
    pub(super) desk: Arc<Emulator>,
    calls: AtomicU32,
    spoil: Box<Spoil>,
}

impl Transport for InProcess {
    fn send(
        &self,
        request: Request<Vec<u8>>,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Response<Vec<u8>>, TransportError>> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let mut carried = Carried { desk: &self.desk, request };
        let spoilt = (self.spoil)(number, &mut carried);
        let whole = if spoilt.is_none() { Some(carried.carry()) } else { None };

        Box::pin(async move {
            match spoilt {
                None => Ok(whole.expect("it was carried")),
                Some(Spoilt::Answer(answer)) => Ok(answer),
                Some(Spoilt::Error(error)) => Err(error),
                Some(Spoilt::Late) => {
                    tokio::time::sleep(timeout).await;
                    Err(TransportError::TimedOut)
                }
                Some(Spoilt::Killed) => std::future::pending().await,
            }
        })
    }
}

/// One run, and what it took.
pub(super) struct Ran {
    pub(super) result: Result<Found, Ended>,
    pub(super) took: Duration,
}

/// The fields of the document, and of the Desk.
fn known() -> KnownFields {
    fields(&json!([
        {"key": "a-key-of-20-letters-", "type": "text"}, {"key": "note", "type": "text"},
        {"key": "items", "type": "integer"}, {"key": "page", "type": "link"},
        {"key": "tier", "type": "dropdown", "options": ["gold", "silver"]}
    ]))
}

/// Those of a document.
pub(super) fn fields(fields: &Value) -> KnownFields {
    let document = json!({"fields": fields});
    let rules = Rules::parse(&document.to_string()).unwrap();
    KnownFields::of(&rules.fields.unwrap())
}

fn definitions() -> Vec<FieldDefinition> {
    let options = vec!["gold".to_owned(), "silver".to_owned()];
    vec![
        FieldDefinition::new("a-key-of-20-letters-", FieldKind::Text),
        FieldDefinition::new("note", FieldKind::Text),
        FieldDefinition::new("items", FieldKind::Integer),
        FieldDefinition::new("page", FieldKind::Link),
        FieldDefinition::new("tier", FieldKind::Dropdown(options)),
    ]
}

/// A Desk that has been in use for a while.
pub(super) fn desk(behaviour: Behaviour) -> Arc<Emulator> {
    let setup = Setup { desk_token: TOKEN.to_owned(), fields: definitions(), ..Setup::default() };
    let desk = Emulator::in_process(setup);
    for (user, status) in
        [(USER, "CLOSED"), ("user_2", "PENDING"), ("user_3", "ACTIVE"), ("user_2", "CLOSED")]
    {
        let (sendbird_id, status) = (user.to_owned(), status.to_owned());
        desk.seed_ticket(Seed { sendbird_id, status, ..Seed::default() });
    }
    // After the seeds, which are there from the start however late new tickets are listed.
    desk.set_behaviour(|now| *now = behaviour);
    Arc::new(desk)
}

/// In virtual time.
pub(super) fn virtually<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(future)
}

pub(super) async fn probe(desk: &Arc<Emulator>, spoil: Box<Spoil>) -> Ran {
    probe_until(desk, spoil, std::future::pending).await
}

/// With the fields of another document.
pub(super) async fn probe_with(desk: &Arc<Emulator>, fields: KnownFields) -> Ran {
    let none: Box<Spoil> = Box::new(|_, _| None);
    run_with(desk, fields, false, none, std::future::pending).await
}

/// With Chat's token, so that a message is posted.
pub(super) async fn probe_chatting(desk: &Arc<Emulator>, spoil: Box<Spoil>) -> Ran {
    run_with(desk, known(), true, spoil, std::future::pending).await
}

/// `interrupted` ends it.
pub(super) async fn probe_until<F: Future<Output = ()>>(
    desk: &Arc<Emulator>,
    spoil: Box<Spoil>,
    interrupted: impl Fn() -> F,
) -> Ran {
    run_with(desk, known(), false, spoil, interrupted).await
}

async fn run_with<F: Future<Output = ()>>(
    desk: &Arc<Emulator>,
    fields: KnownFields,
    chatting: bool,
    spoil: Box<Spoil>,
    interrupted: impl Fn() -> F,
) -> Ran {
    let transport = InProcess { desk: Arc::clone(desk), calls: AtomicU32::new(0), spoil };
    let api = Api::desk(desk.desk_url(), HeaderValue::from_static(TOKEN));
    let chat = Api::chat(desk.chat_url(), HeaderValue::from_static(CHAT_TOKEN));
    let caller = Caller::new(&transport, api, chatting.then_some(chat));
    let began = Instant::now();
    let result = run(&caller, USER, fields, &|_| {}, interrupted).await;
    Ran { result, took: began.elapsed() }
}

/// The test tickets of this Desk: how many are open, and how many there are.
pub(super) fn test_tickets(desk: &Emulator) -> (usize, usize) {
    let tickets = desk.tickets();
    let ours: Vec<&Value> =
        tickets.iter().filter(|ticket| ticket["channelName"] == TITLE).collect();
    let open = ours.iter().filter(|ticket| ticket["status2"] != "CLOSED").count();
    (open, ours.len())
}
