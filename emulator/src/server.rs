//! The server: its start and its end, and the way of one request through it. It takes a tokio
//! runtime that is there already, and takes the lock only for as long as it needs no waiting. It
//! never answers before a request is in the log.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State as Extract},
    response::Response,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::sleep};

use crate::call::{Call, Route};
use crate::endpoint;
use crate::faults;
use crate::faults::FaultKind;
use crate::handlers::wrong_ticket::with_wrong_ticket;
use crate::http::connection::{Connection, CuttableListener};
use crate::http::reply::Reply;
use crate::http::request::ApiRequest;
use crate::model::setup::Setup;
use crate::model::state::State;
use crate::refusal::Refusal;

/// A Desk that is up, until it is dropped or stopped.
#[derive(Debug)]
pub struct Emulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    running: watch::Sender<()>,
    /// None if nothing listens.
    task: Option<JoinHandle<io::Result<()>>>,
}

impl Emulator {
    /// Starts one on 127.0.0.1, at a free port.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start(setup: Setup) -> io::Result<Self> {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into(), setup).await
    }

    /// Starts one at this address.
    ///
    /// # Errors
    ///
    /// When the address is in use.
    pub async fn start_on(address: SocketAddr, setup: Setup) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (running, mut over) = watch::channel(());
        let state = Mutex::new(State::new(format!("http://{address}"), setup));
        let shared = Arc::new(Shared { state, over: over.clone() });
        let routes = Router::new().fallback(serve).with_state(Arc::clone(&shared));
        let server = axum::serve(
            CuttableListener(listener),
            routes.into_make_service_with_connect_info::<Connection>(),
        );
        // Nothing is ever sent: the wait ends when the emulator drops its end of the channel.
        let server =
            server.with_graceful_shutdown(async move { while over.changed().await.is_ok() {} });

        Ok(Self { shared, address, running, task: Some(tokio::spawn(server.into_future())) })
    }

    /// One that listens nowhere and is called in the process, by [`call`](Self::call): for a
    /// simulator, which decides by itself what of a call and its answer gets lost. No injected
    /// fault strikes here.
    pub fn in_process(setup: Setup) -> Self {
        let (running, over) = watch::channel(());
        // Nobody listens there, so that a client which dials all the same finds it out.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let state = Mutex::new(State::new(format!("http://{address}"), setup));
        Self { shared: Arc::new(Shared { state, over }), address, running, task: None }
    }

    /// Does what the request asks for and answers, at once.
    pub fn call(&self, request: http::Request<Vec<u8>>) -> http::Response<Vec<u8>> {
        let request = ApiRequest::whole(request);
        let number = self.shared.state().log.arrived(&request);
        let answer = self.shared.with_rate(self.shared.done(&request));
        self.shared.state().log.answered(number, answer.status.as_u16());
        answer.into_whole()
    }

    /// Stops it, and returns when its address is free again.
    pub async fn stop(self) {
        drop(self.running);
        if let Some(task) = self.task {
            // The task ends by itself; that it panicked, a test has seen already.
            let _ = task.await;
        }
    }

    /// The address it listens at.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base address of Desk.
    pub fn desk_url(&self) -> String {
        format!("http://{}/platform/v1", self.address)
    }

    /// The base address of Chat.
    pub fn chat_url(&self) -> String {
        format!("http://{}/v3", self.address)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

/// What every request is served with.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Ends when the emulator does.
    over: watch::Receiver<()>,
}

async fn serve(
    Extract(shared): Extract<Arc<Shared>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    let request = ApiRequest::read(request).await;
    let number = shared.state().log.arrived(&request);
    match shared.answer(&request, &connection).await {
        Some(answer) => {
            let answer = shared.with_rate(answer);
            shared.state().log.answered(number, answer.status.as_u16());
            answer.into_response()
        }
        None => {
            // axum has to be given an answer; the connection is cut before anything of it is sent.
            connection.cut();
            Response::default()
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A test that names no ticket panics under this lock, and the others must still be served.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is answered; `None`: nothing, and the connection is closed.
    async fn answer(&self, request: &ApiRequest, connection: &Connection) -> Option<Reply> {
        // An error means that the emulator is no more: a request on a connection left open comes
        // too late.
        self.over.has_changed().ok()?;
        if !self.is_addressed(request) {
            return Some(self.refused(Refusal::misdirected(), Call::Any));
        }
        let Some(route) = Route::find(&request.method, request.uri.path()) else {
            self.state().log.unknown(request);
            return Some(self.refused(Refusal::not_found(), Call::Any));
        };
        if let Some(too_many) = self.over_rate(route.call) {
            return Some(too_many);
        }
        let authorised = endpoint::is_authorised(&self.state(), route.call, request);
        let kind = faults::take(&mut self.state().faults, route.call, authorised);

        match kind {
            Some(kind) => self.troubled(kind, &route, request, connection).await,
            None if authorised => Some(self.work(&route, request)),
            None => Some(self.refused(Refusal::unauthorised(), route.call)),
        }
    }

    /// Whether it came under an address of ours: a web page may have a name of its own that leads
    /// here, and knows the published token.
    fn is_addressed(&self, request: &ApiRequest) -> bool {
        let state = self.state();
        let own = state.base.trim_start_matches("http://");
        let port = own.rsplit(':').next().unwrap_or_default();
        let host = request.header("host").unwrap_or_default();
        host == own || host == format!("localhost:{port}")
    }

    /// The answer of a Desk with which nothing goes wrong.
    fn done(&self, request: &ApiRequest) -> Reply {
        // No host is looked at: this is called in the process, where no web page can come from.
        let Some(route) = Route::find(&request.method, request.uri.path()) else {
            self.state().log.unknown(request);
            return self.refused(Refusal::not_found(), Call::Any);
        };
        if let Some(too_many) = self.over_rate(route.call) {
            return too_many;
        }
        if !endpoint::is_authorised(&self.state(), route.call, request) {
            return self.refused(Refusal::unauthorised(), route.call);
        }
        self.work(&route, request)
    }

    async fn troubled(
        &self,
        kind: FaultKind,
        route: &Route,
        request: &ApiRequest,
        connection: &Connection,
    ) -> Option<Reply> {
        if let Some(instead) = kind.instead(route.call) {
            return Some(instead);
        }
        match kind {
            FaultKind::CutConnection => return None,
            FaultKind::Slow(wait) => self.wait(wait).await,
            _ => {}
        }

        // What is above spoils the request, and what is below the answer: here Desk does its work.
        let answer = self.work(route, request);
        match kind {
            FaultKind::CutAfterWrite => return None,
            FaultKind::SilentAfterWrite => {
                // So long that the client's patience ends it, or the emulator's own end.
                self.wait(Duration::MAX).await;
                return None;
            }
            FaultKind::CutBody => connection.cut_in_body(),
            FaultKind::EmptyBody => return Some(answer.emptied()),
            FaultKind::OversizedBody(size) => return Some(answer.padded(size)),
            FaultKind::WrongTicket => {
                return Some(with_wrong_ticket(&self.state(), route.call, answer));
            }
            _ => {}
        }

        Some(answer)
    }

    /// Waits so long, or until the emulator is no more.
    async fn wait(&self, duration: Duration) {
        let mut over = self.over.clone();
        tokio::select! {
            () = sleep(duration) => {}
            _ = over.changed() => {}
        }
    }

    fn work(&self, route: &Route, request: &ApiRequest) -> Reply {
        // The lock is free again after this line: a refusal takes it, too.
        let done = endpoint::dispatch(&mut self.state(), route, request);
        done.unwrap_or_else(|refusal| self.refused(refusal, route.call))
    }

    fn refused(&self, refusal: Refusal, call: Call) -> Reply {
        let form = self.state().behaviour.error_form;
        refusal.answer(call, form)
    }

    /// The answer to a call beyond the rate limit, which is Desk's alone.
    fn over_rate(&self, call: Call) -> Option<Reply> {
        let state = &mut *self.state();
        if call.is_chat() || state.rate.admits(&state.behaviour) {
            return None;
        }
        FaultKind::RateLimited { retry_after: Some(1), ratelimit_retry_after: None }.instead(call)
    }

    fn with_rate(&self, answer: Reply) -> Reply {
        let state = self.state();
        state.rate.told(answer, &state.behaviour)
    }
}
