//! What goes wrong on the way, and when. A fault says which call it is for, how many of these pass
//! first and how many it then spoils. It never changes Desk's rules: those are
//! [`behaviour`](crate::behaviour).

use std::time::Duration;

use serde_json::json;

use crate::call::Call;
use crate::http::reply::Reply;

/// Something that goes wrong with a call: once and at once, unless said otherwise.
#[derive(Debug, Clone)]
pub struct Fault {
    call: Call,
    passes: u32,
    left: Option<u32>,
    kind: FaultKind,
}

impl Fault {
    /// A fault of this call; until [`with`](Self::with) says more, a 500 without a body.
    pub fn on(call: Call) -> Self {
        let kind = FaultKind::Status { status: 500, headers: Vec::new(), body: String::new() };
        Self { call, passes: 0, left: Some(1), kind }
    }

    /// Lets so many calls pass first.
    #[must_use]
    pub fn after(mut self, passes: u32) -> Self {
        self.passes = passes;
        self
    }

    /// Strikes so many times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.left = Some(times);
        self
    }

    /// Strikes until [`clear_faults`](crate::Emulator::clear_faults).
    #[must_use]
    pub fn always(mut self) -> Self {
        self.left = None;
        self
    }

    /// What goes wrong.
    #[must_use]
    pub fn with(mut self, kind: FaultKind) -> Self {
        self.kind = kind;
        self
    }

    /// The call that it strikes.
    pub fn call(&self) -> Call {
        self.call
    }

    /// How often it strikes yet; `None`: until it is cleared.
    pub fn left(&self) -> Option<u32> {
        self.left
    }

    /// What goes wrong.
    pub fn kind(&self) -> &FaultKind {
        &self.kind
    }

    /// Panics if it could not be sent.
    #[track_caller]
    pub(crate) fn check(&self) {
        // Making the answer is what panics; the answer itself is not wanted yet.
        let _ = self.kind.instead(self.call);
    }

    fn concerns(&self, call: Call, authorised: bool) -> bool {
        // Before the token is looked at, only the connection can break: all else comes from Desk.
        let aimed = self.call == Call::Any || self.call == call;
        aimed && (authorised || matches!(self.kind, FaultKind::CutConnection))
    }
}

/// The kind of the first fault that is due for this call, and one strike less of it. All others
/// that concern the call count it as one that passed.
pub(crate) fn take(faults: &mut Vec<Fault>, call: Call, authorised: bool) -> Option<FaultKind> {
    let mut due = None;
    for fault in faults.iter_mut().filter(|fault| fault.concerns(call, authorised)) {
        if fault.passes > 0 {
            fault.passes -= 1;
        } else if due.is_none() && fault.left != Some(0) {
            // One call goes wrong in one way: others that are due wait for the next one.
            fault.left = fault.left.map(|left| left - 1);
            due = Some(fault.kind.clone());
        }
    }
    faults.retain(|fault| fault.left != Some(0));

    due
}

/// What can go wrong. "Work" is what the call asks Desk to do.
#[derive(Debug, Clone)]
pub enum FaultKind {
    /// 429; nothing is done.
    RateLimited {
        /// Seconds, in `Retry-After`.
        retry_after: Option<u64>,
        /// Seconds, in `X-RateLimit-RetryAfter`.
        ratelimit_retry_after: Option<u64>,
    },
    /// This answer as it stands; nothing is done.
    Status {
        /// The status.
        status: u16,
        /// Names and values.
        headers: Vec<(String, String)>,
        /// The body; its type is JSON unless `headers` say otherwise.
        body: String,
    },
    /// An HTML page, as a proxy sends it; nothing is done.
    Html {
        /// The status.
        status: u16,
    },
    /// A 307 to another address; nothing is done.
    Redirect {
        /// Where to.
        location: String,
    },
    /// The work is done and answered after so long; neither, if the client gives up earlier.
    Slow(Duration),
    /// The connection is closed before any answer; nothing is done. The only one that comes before
    /// the token check.
    CutConnection,
    /// The work is done; the head and half of the body are sent, then the connection is closed.
    CutBody,
    /// The work is done; then the connection is closed without an answer.
    CutAfterWrite,
    /// The work is done; then nothing comes until the client gives up.
    SilentAfterWrite,
    /// The work is done; the answer has its status and no body.
    EmptyBody,
    /// The work is done; the answer's JSON is padded with blanks to this many bytes.
    OversizedBody(usize),
    /// The work is done; the answer is 200 with a ticket that was not asked for: one of the others,
    /// or an invented one where there is no other. A list holds that ticket alone. Calls that
    /// answer no ticket are left alone.
    WrongTicket,
}

impl FaultKind {
    /// The answer given instead of the work, for those that have one.
    #[track_caller]
    pub(crate) fn instead(&self, call: Call) -> Option<Reply> {
        match self {
            Self::RateLimited { retry_after, ratelimit_retry_after } => {
                let headers = [
                    ("retry-after", retry_after),
                    ("x-ratelimit-retryafter", ratelimit_retry_after),
                ];
                let given = headers
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value.as_ref()?.to_string())));
                Some(given.fold(too_many(call), |answer, (name, value)| answer.with(name, &value)))
            }
            Self::Status { status, headers, body } => {
                let plain =
                    Reply::new(*status, body.clone()).with("content-type", "application/json");
                // The headers of the fault come last, and may say another type.
                Some(headers.iter().fold(plain, |answer, (name, value)| answer.with(name, value)))
            }
            Self::Html { status } => {
                let page = format!(
                    "<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n"
                );
                Some(Reply::new(*status, page).with("content-type", "text/html"))
            }
            Self::Redirect { location } => {
                // 307 keeps method and body: who follows it repeats a write elsewhere.
                Some(Reply::new(307, String::new()).with("location", location))
            }
            Self::Slow(_)
            | Self::CutConnection
            | Self::CutBody
            | Self::CutAfterWrite
            | Self::SilentAfterWrite
            | Self::EmptyBody
            | Self::OversizedBody(_)
            | Self::WrongTicket => None,
        }
    }
}

fn too_many(call: Call) -> Reply {
    // Chat's number is documented; Desk's is made after the one of Sendbird's Calls API.
    let body = if call.is_chat() {
        json!({"error": true, "code": 500_910, "message": "Rate limit exceeded."})
    } else {
        json!({"code": "desk429100", "detail": "Request was throttled."})
    };
    Reply::json(429, &body)
}
