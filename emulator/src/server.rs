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

use crate::{
    answers::{Answer, Refusal},
    asked::Asked,
    behaviour::Behaviour,
    calls::{Call, Route},
    chat, customers,
    faults::{self, FaultKind},
    fields::FieldDefinition,
    groups::{self, Group},
    line::{Door, Line},
    state::State,
    tickets,
};

/// What a Desk starts with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The token in `SENDBIRDDESKAPITOKEN`.
    pub desk_token: String,
    /// The token in Chat's `Api-Token`.
    pub chat_token: String,
    /// The ticket fields that are defined.
    pub fields: Vec<FieldDefinition>,
    /// The customer fields that are defined.
    pub customer_fields: Vec<FieldDefinition>,
    /// The teams.
    pub groups: Vec<Group>,
    /// The knobs.
    pub behaviour: Behaviour,
}

impl Default for Setup {
    /// No fields; the Default team, `vip` and `support`.
    fn default() -> Self {
        Self {
            desk_token: "emulator-desk-token".to_owned(),
            chat_token: "emulator-chat-token".to_owned(),
            fields: Vec::new(),
            customer_fields: Vec::new(),
            groups: vec![
                Group::default_team(),
                Group::new("VIP", "vip"),
                Group::new("Support", "support"),
            ],
            behaviour: Behaviour::default(),
        }
    }
}

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
        let server =
            axum::serve(Door(listener), routes.into_make_service_with_connect_info::<Line>());
        let server =
            server.with_graceful_shutdown(async move { while over.changed().await.is_ok() {} });
        Ok(Self { shared, address, running, task: Some(tokio::spawn(server.into_future())) })
    }

    /// One that listens nowhere and is called in the process, by [`call`](Self::call): for a
    /// simulator, which decides by itself what of a call and its answer gets lost. No injected
    /// fault strikes here.
    pub fn in_process(setup: Setup) -> Self {
        let (running, over) = watch::channel(());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let state = Mutex::new(State::new(format!("http://{address}"), setup));
        Self { shared: Arc::new(Shared { state, over }), address, running, task: None }
    }

    /// Does what the request asks for and answers, at once.
    pub fn call(&self, request: http::Request<Vec<u8>>) -> http::Response<Vec<u8>> {
        let asked = Asked::whole(request);
        let number = self.shared.state().log.arrived(&asked);
        let answer = self.shared.done(&asked);
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
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    let asked = Asked::read(request).await;
    let number = shared.state().log.arrived(&asked);
    match shared.answer(&asked, &line).await {
        Some(answer) => {
            shared.state().log.answered(number, answer.status.as_u16());
            answer.into_response()
        }
        None => {
            line.cut();
            Response::default()
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is answered; `None`: nothing, and the connection is closed.
    async fn answer(&self, asked: &Asked, line: &Line) -> Option<Answer> {
        // An error means that the emulator is no more: a request on a connection left open comes
        // too late.
        self.over.has_changed().ok()?;
        let Some(route) = Route::find(&asked.method, asked.uri.path()) else {
            self.state().log.unknown(asked);
            return Some(Refusal::not_found().answer(Call::Any));
        };
        let authorised = is_authorised(&self.state(), route.call, asked);
        let trouble = faults::take(&mut self.state().faults, route.call, authorised);
        match trouble {
            Some(trouble) => self.troubled(trouble, &route, asked, line).await,
            None if authorised => Some(self.work(&route, asked)),
            None => Some(Refusal::unauthorised().answer(route.call)),
        }
    }

    /// The answer of a Desk with which nothing goes wrong.
    fn done(&self, asked: &Asked) -> Answer {
        let Some(route) = Route::find(&asked.method, asked.uri.path()) else {
            self.state().log.unknown(asked);
            return Refusal::not_found().answer(Call::Any);
        };
        if !is_authorised(&self.state(), route.call, asked) {
            return Refusal::unauthorised().answer(route.call);
        }
        self.work(&route, asked)
    }

    async fn troubled(
        &self,
        trouble: FaultKind,
        route: &Route,
        asked: &Asked,
        line: &Line,
    ) -> Option<Answer> {
        if let Some(instead) = trouble.instead(route.call) {
            return Some(instead);
        }
        match trouble {
            FaultKind::CutConnection => return None,
            FaultKind::Slow(wait) => self.wait(wait).await,
            _ => {}
        }
        let answer = self.work(route, asked);
        match trouble {
            FaultKind::CutAfterWrite => return None,
            FaultKind::SilentAfterWrite => {
                self.wait(Duration::MAX).await;
                return None;
            }
            FaultKind::CutBody => line.cut_in_body(),
            FaultKind::EmptyBody => return Some(answer.emptied()),
            FaultKind::OversizedBody(size) => return Some(answer.padded(size)),
            FaultKind::WrongTicket => {
                return Some(self.state().with_wrong_ticket(route.call, answer));
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

    fn work(&self, route: &Route, asked: &Asked) -> Answer {
        let done = dispatch(&mut self.state(), route, asked);
        done.unwrap_or_else(|refusal| refusal.answer(route.call))
    }
}

fn is_authorised(state: &State, call: Call, asked: &Asked) -> bool {
    let (header, token) = if call.is_chat() {
        ("api-token", &state.chat_token)
    } else {
        ("sendbirddeskapitoken", &state.desk_token)
    };
    asked.header(header) == Some(token)
}

fn dispatch(state: &mut State, route: &Route, asked: &Asked) -> Result<Answer, Refusal> {
    match route.call {
        Call::Any => Err(Refusal::not_found()),
        Call::ListTickets => tickets::list(state, asked),
        Call::ViewTicket => tickets::view(state, route),
        Call::CreateTicket => tickets::create(state, asked),
        Call::UpdateTicket => tickets::update(state, route, asked),
        Call::PatchFields => tickets::patch_fields(state, route, asked),
        Call::CloseTicket => tickets::close(state, route, asked),
        Call::CancelTicket => tickets::cancel(state, route),
        Call::TransferToGroup => tickets::transfer_to_group(state, asked),
        Call::ListCustomers => customers::list(state, asked),
        Call::ViewCustomer => customers::view(state, route),
        Call::CreateCustomer => customers::create(state, asked),
        Call::PatchCustomerFields => customers::patch_fields(state, route, asked),
        Call::ListGroups => groups::list(state, asked),
        Call::ViewGroup => groups::view(state, route),
        Call::PostMessage => chat::post(state, route, asked),
    }
}
