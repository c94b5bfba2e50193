//! Desk over HTTP: one method a call.
//!
//! Takes nothing for granted that Desk says: an answer about another ticket, channel or customer
//! than the one asked for is a failure or is left out. Asks [`crate::retry`] whether to repeat and
//! [`crate::secrets`] for a newer token; never follows a link or a redirect, never reads more than
//! [`MAX_ANSWER`], never waits past the invocation's deadline.

mod error;
mod pace;
pub mod transport;
mod wire;

use std::cmp::Reverse;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::time::Instant;

pub use self::error::{DeskError, ErrorKind};
pub use self::pace::Pace;
pub use self::transport::MAX_ANSWER;
use self::transport::{Transport, TransportError};
pub use self::wire::NewTicket;
use self::wire::Page;

use crate::config::{AppId, Config};
use crate::fields::FieldValue;
use crate::json_reader;
use crate::names;
use crate::retry::{self, MIN_CALL, RetryDecision, Sent};
use crate::rules::{Priority, TeamKey};
use crate::secrets::{Credentials, Secrets};
use crate::ticket::{MAX_RELATED, Ticket};

/// The longest that one call may take, connecting included.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(8);
/// Requests to Desk, repetitions included, that one attempt at a handoff may take. What is left
/// over is for the next one.
pub const MAX_CALLS: u32 = 30;
/// Tickets asked for at once.
const PAGE: u64 = 100;
/// The most that Desk gives at once (desk-wire section 3.1).
const LARGE_PAGE: u64 = 500;
/// The most pages of one customer's tickets in one state. Beyond them the search fails: "not found"
/// must be certain.
const MAX_PAGES_OF_STATE: u64 = 3;
/// The most pages of all of one customer's tickets, where Desk does not know states as a filter.
/// With the look-ups before it and the calls of a create after it, it stays below [`MAX_CALLS`].
const MAX_PAGES_OF_CUSTOMER: u64 = 16;
/// Every state but `CLOSED` (desk-wire section 2).
const OPEN_STATES: [&str; 6] =
    ["INITIALIZED", "PROACTIVE", "PENDING", "ACTIVE", "WORK_IN_PROGRESS", "IDLE"];

/// What a call comes to.
pub type Result<T> = std::result::Result<T, DeskError>;

/// Desk, for one application and one invocation.
pub struct Desk<'a> {
    connection: Connection<'a>,
    desk: String,
    chat: String,
    // Behind a lock, because of calls that go out together any may bring a newer one.
    token: Mutex<SecretString>,
    chat_token: Option<SecretString>,
    calls: AtomicU32,
    micros: AtomicU64,
}

/// What a call needs beside Desk's own address.
#[derive(Clone, Copy)]
pub struct Connection<'a> {
    /// Carries the calls.
    pub transport: &'a dyn Transport,
    /// Where the bases stand.
    pub config: &'a Config,
    /// Asked for a newer token when Desk refuses ours.
    pub secrets: &'a Secrets,
    /// Whose Desk.
    pub app_id: &'a AppId,
    /// The time of the invocation.
    pub now: SystemTime,
    /// When the answer must be there.
    pub deadline: Instant,
    /// The first pause before a repetition; doubled every time.
    pub pause: Duration,
    /// How fast calls may follow each other; `None`: as fast as they come.
    pub pace: Option<&'a Pace>,
}

struct Call {
    name: &'static str,
    method: Method,
    path: String,
    body: Option<Value>,
    repeatable: bool,
    chat: bool,
}

impl<'a> Desk<'a> {
    /// `None` if the application has no Desk token.
    pub fn new(connection: Connection<'a>, credentials: &Credentials) -> Option<Self> {
        let token = credentials.desk_tokens.first()?.clone();
        Some(Self {
            desk: connection.config.desk.for_app(connection.app_id),
            chat: connection.config.chat.for_app(connection.app_id),
            token: Mutex::new(token),
            chat_token: credentials.chat_token.clone(),
            calls: AtomicU32::new(0),
            micros: AtomicU64::new(0),
            connection,
        })
    }

    /// How many requests Desk was sent so far, repetitions included, Chat's not.
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// How long those took, added up.
    pub fn time(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }

    /// The ticket of this id, or `None` if Desk has none: `GET /tickets/{id}` (desk-wire section
    /// 3.2).
    ///
    /// # Errors
    /// Any failure but 404; another ticket than the one asked for is one.
    pub async fn ticket(&self, id: u64) -> Result<Option<Ticket>> {
        let call = Call::get("view ticket", format!("/tickets/{id}"));
        match self.ticket_answer(call, Some(id)).await {
            Ok(Some(ticket)) => Ok(Some(ticket)),
            // An empty answer does not say that there is no ticket.
            Ok(None) => Err(DeskError::invalid_response("view ticket", None)),
            Err(error) if error.status == Some(StatusCode::NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The tickets of a customer: `GET /tickets?sendbird_id=` (desk-wire section 3.1). All of them,
    /// if they stand on one page; of a customer with more than that all open ones, asked for state
    /// by state.
    ///
    /// # Errors
    /// Any failure, and a customer with more open tickets than can be asked for in a bounded number
    /// of calls: "not found" must be certain.
    pub async fn tickets_of_customer(&self, user_id: &str) -> Result<Vec<Ticket>> {
        let by_user = [("sendbird_id", user_id)];
        // Without a state: most customers have few tickets, and this one call shows the closed
        // ones, too.
        let first = self.tickets("tickets of customer", &by_user, PAGE, 0).await?;
        let is_complete = first.is_last(0);

        let mut found = first.items;
        if !is_complete {
            // All states at once: one after the other would take six round trips.
            // Each by its name, because Desk has no filter for whatever is open.
            let states = OPEN_STATES.map(|state| self.tickets_in_state(user_id, state));
            // All or nothing: a search in half of the states could not say "not found".
            let by_state = futures_util::future::try_join_all(states).await?;
            if by_state.iter().all(Option::is_some) {
                found.extend(by_state.into_iter().flatten().flatten());
            } else {
                found
                    .extend(self.all_tickets(user_id, first.received).await?.into_iter().flatten());
            }
        }

        // A filter that Desk does not know is ignored, and everybody's tickets come (desk-wire
        // section 3.1).
        found.retain(|ticket| ticket.sendbird_id.as_deref() == Some(user_id));
        found.sort_unstable_by_key(|ticket| ticket.id);
        // Pages that arrive one after the other may show two states of one ticket. Which is the
        // later one the order does not say, so whoever asked sees both.
        found.dedup_by(|one, other| one.id == other.id && !one.differs(other));
        Ok(found)
    }

    /// The customer's tickets in one state; `None` if Desk ignores the filter: then each state would
    /// be a search through all of them.
    async fn tickets_in_state(&self, user_id: &str, state: &str) -> Result<Option<Vec<Ticket>>> {
        let filter = [("sendbird_id", user_id), ("status2", state)];
        // No closed one was asked for.
        let is_fitting = |ticket: &Ticket| ticket.open;
        let name = "tickets of customer in a state";
        self.search(name, &filter, 0, MAX_PAGES_OF_STATE, is_fitting).await
    }

    /// The customer's tickets in whatever state, from this one on.
    async fn all_tickets(&self, user_id: &str, from: u64) -> Result<Option<Vec<Ticket>>> {
        let (name, filter) = ("all tickets of customer", [("sendbird_id", user_id)]);
        self.search(name, &filter, from, MAX_PAGES_OF_CUSTOMER, |_| true).await
    }

    /// Page by page to the last one, from this ticket on. `None` if one comes that does not fit
    /// before the last page: where all have come, that does as well.
    async fn search(
        &self,
        name: &'static str,
        filter: &[(&str, &str)],
        from: u64,
        most_pages: u64,
        is_fitting: fn(&Ticket) -> bool,
    ) -> Result<Option<Vec<Ticket>>> {
        let (mut found, mut offset) = (Vec::new(), from);

        for _ in 0..most_pages {
            let page = self.tickets(name, filter, LARGE_PAGE, offset).await?;
            let is_last = page.is_last(offset);
            if !is_last && !page.items.iter().all(is_fitting) {
                return Ok(None);
            }
            // By what came, not by what was asked for: Desk's own limit may be lower.
            offset += page.received;
            found.extend(page.items);
            if is_last {
                return Ok(Some(found));
            }
        }

        Err(DeskError::invalid_response(name, None))
    }

    /// The newest tickets of all customers, newest first, at most 100: `GET /tickets`, its first
    /// page and its last.
    ///
    /// In which order Desk lists is not known (desk-wire section 3.1), so the newest may be on
    /// either.
    ///
    /// # Errors
    /// Any failure.
    pub async fn recent_tickets(&self) -> Result<Vec<Ticket>> {
        let name = "recent tickets";
        let first = self.tickets(name, &[], PAGE, 0).await?;
        let (count, received) = (first.count, first.received);
        let mut found = first.items;

        if let Some(count) = count.filter(|count| *count > received) {
            // By what came, because Desk's page may be smaller than what was asked for; never back
            // into the first page.
            let offset = count.saturating_sub(received).max(received);
            found.extend(self.tickets(name, &[], PAGE, offset).await?.items);
        }
        found.sort_unstable_by_key(|ticket| Reverse(ticket.id));
        found.truncate(PAGE as usize);

        Ok(found)
    }

    /// The keys of all teams: `GET /groups` (desk-wire section 6). The Default team has none.
    ///
    /// # Errors
    /// Any failure, and more teams than stand on one page.
    pub async fn teams(&self) -> Result<Vec<String>> {
        let name = "teams";
        let path = format!("/groups?{}", query(&[("limit", "500")]));
        let key = |team: &Value| team.get("key")?.as_str().map(str::to_owned);
        let page = self.page(name, path, key).await?;

        if !page.is_last(0) {
            return Err(DeskError::invalid_response(name, None));
        }

        Ok(page.items)
    }

    /// Desk's number of the customer, or `None` if Desk does not know the user yet: `GET
    /// /customers?sendbird_id=` (desk-wire section 5).
    ///
    /// # Errors
    /// Any failure.
    pub async fn customer(&self, user_id: &str) -> Result<Option<u64>> {
        let query = query(&[("sendbird_id", user_id), ("limit", "10")]);
        // The first one may be anybody, if Desk ignores the filter.
        let ours = |customer: &Value| {
            let id = customer.get("id")?.as_u64();
            id.filter(|_| wire::sendbird_id(customer) == Some(user_id))
        };
        let page = self.page("find customer", format!("/customers?{query}"), ours).await?;
        Ok(page.items.first().copied())
    }

    /// Makes the user a customer: `POST /customers`. Never repeated; the caller looks first.
    ///
    /// # Errors
    /// Any failure; an answer about somebody else is one.
    pub async fn create_customer(&self, user_id: &str) -> Result<u64> {
        let name = "create customer";
        let call = Call::write(
            name,
            Method::POST,
            "/customers".to_owned(),
            json!({"sendbirdId": user_id}),
        );

        let (status, value) = self.json(call).await?;
        let ours = wire::sendbird_id(&value) == Some(user_id);
        let id = value.get("id").and_then(Value::as_u64).filter(|_| ours);
        id.ok_or_else(|| DeskError::invalid_response(name, Some(status)))
    }

    /// Makes a ticket: `POST /tickets` (desk-wire section 3.3). Never repeated; the caller looks
    /// first.
    ///
    /// # Errors
    /// Any failure; a ticket that cannot be the one asked for is one.
    pub async fn create_ticket(&self, ticket: &NewTicket<'_>) -> Result<Ticket> {
        let name = "create ticket";
        let call = Call::write(name, Method::POST, "/tickets".to_owned(), ticket.body());
        let made = self.ticket_answer(call, None).await?;
        // Else our values would be written to the ticket of somebody else.
        made.filter(|made| ticket.may_be(made))
            .ok_or_else(|| DeskError::invalid_response(name, None))
    }

    /// Adds or updates custom fields: `PATCH /tickets/{id}/custom_fields` (desk-wire section 3.5).
    /// `None` if Desk took it without showing the ticket.
    ///
    /// # Errors
    /// Any failure.
    pub async fn patch_fields(&self, id: u64, values: &[&FieldValue]) -> Result<Option<Ticket>> {
        let body = json!({"customFields": wire::custom_fields_text(values.iter().copied())});
        let path = format!("/tickets/{id}/custom_fields");
        self.ticket_answer(
            Call::write("write fields", Method::PATCH, path, body).repeatable(),
            Some(id),
        )
        .await
    }

    /// Sets the priority: `PATCH /tickets/{id}` (desk-wire section 3.4). `None` as for
    /// [`Self::patch_fields`].
    ///
    /// # Errors
    /// Any failure.
    pub async fn set_priority(&self, id: u64, priority: Priority) -> Result<Option<Ticket>> {
        let body = json!({"priority": priority.as_str()});
        let call = Call::write("set priority", Method::PATCH, format!("/tickets/{id}"), body);
        self.ticket_answer(call.repeatable(), Some(id)).await
    }

    /// Sets the related channels, at most three: `PATCH /tickets/{id}` (desk-wire section 3.4).
    /// `None` as for [`Self::patch_fields`].
    ///
    /// # Errors
    /// Any failure.
    pub async fn set_related(&self, id: u64, channels: &[String]) -> Result<Option<Ticket>> {
        let channels: Vec<&str> = channels.iter().take(MAX_RELATED).map(String::as_str).collect();
        let body = json!({"relatedChannelUrls": channels.join(",")});
        let path = format!("/tickets/{id}");
        let call = Call::write("set related channels", Method::PATCH, path, body);
        self.ticket_answer(call.repeatable(), Some(id)).await
    }

    /// Moves a pending ticket to a team: `POST /tickets/transfer_to_group` (desk-wire section 3.6).
    /// Says whether Desk did.
    ///
    /// # Errors
    /// Any failure.
    pub async fn transfer(&self, id: u64, team: &TeamKey) -> Result<bool> {
        let body = json!({"tickets": [id], "status": "PENDING", "groupKey": team.as_str()});
        let path = "/tickets/transfer_to_group".to_owned();
        let (_, answer) =
            self.json(Call::write("move to team", Method::POST, path, body).repeatable()).await?;
        // Whether the list holds ids or whole tickets is not documented: both are read.
        let is_ours = |ticket: &Value| {
            ticket.as_u64() == Some(id) || ticket.get("id").and_then(Value::as_u64) == Some(id)
        };

        Ok(match answer.get("transferredTickets") {
            Some(Value::Array(moved)) => moved.iter().any(is_ours),
            Some(Value::Null | Value::Bool(false)) | None => false,
            Some(_) => true,
        })
    }

    /// Whether a message can be posted at all: that takes a Chat token.
    pub fn can_post(&self) -> bool {
        self.chat_token.is_some()
    }

    /// Posts a message on a ticket's channel as the customer, through Chat (desk-wire section 3.3).
    /// Never repeated.
    ///
    /// # Errors
    /// Any failure.
    pub async fn post_message(
        &self,
        channel_url: &str,
        user_id: &str,
        message: &str,
    ) -> Result<()> {
        // A URL takes a segment of dots for a step, escaped or not.
        if matches!(channel_url, "" | "." | "..") {
            return Err(DeskError::no_response("post message", ErrorKind::Refused, Sent::No));
        }

        let channel: String =
            url::form_urlencoded::byte_serialize(channel_url.as_bytes()).collect();
        // Form encoding writes a blank as +, which is a plus in a path.
        let path = format!("/group_channels/{}/messages", channel.replace('+', "%20"));
        let body = json!({"message_type": "MESG", "user_id": user_id, "message": message});

        // Chat answers with the message; a page of somebody in between is no sign that it was
        // posted.
        self.json(Call { chat: true, ..Call::write("post message", Method::POST, path, body) })
            .await
            .map(|_| ())
    }

    async fn tickets(
        &self,
        name: &'static str,
        filter: &[(&str, &str)],
        limit: u64,
        offset: u64,
    ) -> Result<Page<Ticket>> {
        let page = [("limit", &*limit.to_string()), ("offset", &*offset.to_string())];
        let path = format!("/tickets?{}", query(&[filter, &page].concat()));
        self.page(name, path, wire::ticket).await
    }

    async fn page<T>(
        &self,
        name: &'static str,
        path: String,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Page<T>> {
        let (status, value) = self.json(Call::get(name, path)).await?;
        wire::page(&value, read).ok_or_else(|| DeskError::invalid_response(name, Some(status)))
    }

    /// A ticket, if the answer shows one; it must be the one asked for.
    async fn ticket_answer(&self, call: Call, wanted: Option<u64>) -> Result<Option<Ticket>> {
        let name = call.name;
        let answer = self.send(call).await?;
        // A success without a body: Desk took the call and says nothing of the ticket.
        if answer.body().trim_ascii().is_empty() {
            return Ok(None);
        }

        let invalid = || DeskError::invalid_response(name, Some(answer.status()));
        let value = read(answer.body()).ok_or_else(invalid)?;
        let ticket = wire::ticket(&value).ok_or_else(invalid)?;

        // Values of another ticket must never be taken for this one's.
        if wanted.is_some_and(|wanted| wanted != ticket.id) {
            Err(invalid())
        } else {
            Ok(Some(ticket))
        }
    }

    async fn json(&self, call: Call) -> Result<(StatusCode, Value)> {
        let name = call.name;
        let answer = self.send(call).await?;
        let value = read(answer.body())
            .ok_or_else(|| DeskError::invalid_response(name, Some(answer.status())))?;
        Ok((answer.status(), value))
    }

    /// Makes the call until it succeeds, is refused, or is not worth repeating. The error says
    /// whether any of the requests may have been carried out.
    async fn send(&self, call: Call) -> Result<Response<Vec<u8>>> {
        let mut sent = Sent::No;
        for attempt in 1.. {
            let token = self.token();
            let mut error = match self.attempt(&call, &token).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // Once, because a second refusal is no matter of an old token; and not for Chat,
            // because the store is asked for a newer Desk token only.
            let is_refused_token =
                error.kind == ErrorKind::Unauthorized && attempt == 1 && !call.chat;
            if is_refused_token && self.newer_token(&token).await {
                continue;
            }

            let Connection { deadline, pause, .. } = self.connection;
            let left = deadline.saturating_duration_since(Instant::now());
            // Time and chance are arguments, so that the decision itself is pure.
            let chance = fastrand::f64();
            let next = retry::next(attempt, error.failure(), call.repeatable, left, pause, chance);
            // Over all attempts: the first may have been carried out even if the last one was not.
            if error.sent == Sent::Maybe {
                sent = Sent::Maybe;
            }
            error.sent = sent;
            match next {
                RetryDecision::Stop => return Err(error),
                RetryDecision::After(pause) => tokio::time::sleep(pause).await,
            }
        }
        unreachable!("retry::next stops after MAX_ATTEMPTS")
    }

    async fn attempt(&self, call: &Call, token: &SecretString) -> Result<Response<Vec<u8>>> {
        // Chat's calls do not count: there is one message an attempt, and its rate is not Desk's.
        if !call.chat && self.calls() >= MAX_CALLS {
            return Err(DeskError::no_response(call.name, ErrorKind::CallLimit, Sent::No));
        }
        if let Some(pace) = self.connection.pace.filter(|_| !call.chat) {
            pace.take().await;
        }
        // After the wait for the pace, which may have used the time up.
        let left = self.connection.deadline.saturating_duration_since(Instant::now());
        if left < MIN_CALL {
            return Err(DeskError::no_response(call.name, ErrorKind::TimedOut, Sent::No));
        }
        let request = self.request(call, token)?;

        let sent = Instant::now();
        let answer = self.connection.transport.send(request, left.min(CALL_TIMEOUT)).await;
        if !call.chat {
            let micros = u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.micros.fetch_add(micros, Ordering::Relaxed);
        }

        let answer = answer.map_err(|error| no_answer(call.name, error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(DeskError::from_answer(call.name, answer.status(), answer.headers(), answer.body()))
    }

    /// The token is marked as sensitive, so that no log of a library shows it.
    fn request(&self, call: &Call, token: &SecretString) -> Result<Request<Vec<u8>>> {
        let unusable = || DeskError::no_response(call.name, ErrorKind::Unauthorized, Sent::No);
        let (base, name, token) = if call.chat {
            (&self.chat, names::header::CHAT_TOKEN, self.chat_token.as_ref().ok_or_else(unusable)?)
        } else {
            self.calls.fetch_add(1, Ordering::Relaxed);
            (&self.desk, names::header::DESK_TOKEN, token)
        };
        let mut token = HeaderValue::from_str(token.expose_secret()).map_err(|_| unusable())?;
        token.set_sensitive(true);

        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{base}{}", call.path))
            .header(name, token);
        if call.body.is_some() {
            // Desk's documents ask for this very spelling (desk-wire section 1).
            request = request.header(header::CONTENT_TYPE, "application/json; charset=utf8");
        }
        let body = call.body.as_ref().map(|body| body.to_string().into_bytes()).unwrap_or_default();
        request
            .body(body)
            .map_err(|_| DeskError::no_response(call.name, ErrorKind::Unreachable, Sent::No))
    }

    fn token(&self) -> SecretString {
        self.token.lock().expect("no holder of the token panics").clone()
    }

    /// Desk refused this token: whether there is another one to try. Calls that go out together are
    /// refused together, so it matters which token each was sent with.
    async fn newer_token(&self, refused: &SecretString) -> bool {
        let Connection { secrets, app_id, now, .. } = self.connection;
        let newer = secrets.after_refusal(app_id, refused, now).await;
        newer
            .map(|token| *self.token.lock().expect("no holder of the token panics") = token)
            .is_some()
    }
}

impl Call {
    fn get(name: &'static str, path: String) -> Self {
        Self { name, method: Method::GET, path, body: None, repeatable: true, chat: false }
    }

    fn write(name: &'static str, method: Method, path: String, body: Value) -> Self {
        // Not repeatable unless the caller says so: a create that is made twice makes two tickets.
        Self { name, method, path, body: Some(body), repeatable: false, chat: false }
    }

    /// Doing it twice is the same as doing it once.
    fn repeatable(self) -> Self {
        Self { repeatable: true, ..self }
    }
}

fn no_answer(name: &'static str, error: TransportError) -> DeskError {
    match error {
        TransportError::Unreachable => {
            DeskError::no_response(name, ErrorKind::Unreachable, Sent::No)
        }
        TransportError::TimedOut => DeskError::no_response(name, ErrorKind::TimedOut, Sent::Maybe),
        TransportError::Interrupted => {
            DeskError::no_response(name, ErrorKind::Unavailable, Sent::Maybe)
        }
        TransportError::TooLarge(status) => DeskError::invalid_response(name, Some(status)),
    }
}

/// What Desk says, if it is JSON.
fn read(body: &[u8]) -> Option<Value> {
    // Desk gives back what customers typed, texts that were cut within an emoji included.
    json_reader::json(std::str::from_utf8(body).ok()?).ok()
}

fn query(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
