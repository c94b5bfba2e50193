//! `serve`: the routes of the deployed function on 127.0.0.1, the worker behind its queue, and the
//! local page, until Ctrl-C.
//!
//! A request becomes what API Gateway would make of it and passes through the shipped code. Logged
//! is method, path, status and time of a request, what became of a message, and never a body. The
//! signing secret is a published one, so only what was addressed to this machine by name is
//! answered: no web page can reach a Desk through a name of its own that leads here.

pub(crate) mod greeting;

use std::fmt::Display;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use desk_emulator::Profile;
use http::{HeaderMap, StatusCode, header};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::args;
use crate::commands::serve::greeting::greet;
use crate::error::{CliError, End};
use crate::input::fields::Fields;
use crate::input::{file, profile};
use crate::local::{Desk, Local, embedded_desk, runtime};
use crate::output::Out;
use crate::page::{self, Embedded, Page, Served};

/// API Gateway itself refuses larger bodies; below that, the limit of the shipped code holds.
const GATEWAY_LIMIT: usize = 10 * 1024 * 1024;

/// How often the fields file is looked at.
const LOOK: Duration = Duration::from_millis(500);

pub(crate) fn serve(args: &args::Serve, out: &mut Out) -> Result<End, CliError> {
    let fields = Fields::load(&args.fields, out)?;
    let profile = args.profile.as_deref().map(|path| profile::load(path, out)).transpose()?;
    runtime()?.block_on(stay_up(args, fields, profile.as_ref(), out))
}

async fn stay_up(
    args: &args::Serve,
    fields: Fields,
    profile: Option<&Profile>,
    out: &mut Out,
) -> Result<End, CliError> {
    let (emulator, desk) = match &args.desk_url {
        Some(url) => (None, own_desk(url)?),
        None => {
            embedded_desk(&fields, profile).await.map(|(emulator, desk)| (Some(emulator), desk))?
        }
    };
    let local = Arc::new(Local::new(&desk, &fields, &args.app_id)?);
    let listener = listen(args.port).await?;
    let address = listener.local_addr().map_err(|error| CliError::Work(error.to_string()))?;
    greet(address, &args.app_id, &desk, emulator.is_some(), out);
    if desk.chat_token.is_none() && fields.rules.ticket.opening_message.is_some() {
        out.note("without CHAT_API_TOKEN the opening message of a new ticket is not posted");
    }

    let ended = watch::Sender::new(false);
    let embedded = emulator.map(|emulator| Embedded::new(Arc::new(emulator)));
    let served = Served {
        app_id: args.app_id.clone(),
        address,
        desk_url: desk.url,
        profile: args.profile.as_deref().map(file::name),
    };
    let page = Page::new(Arc::clone(&local), embedded, served, ended.subscribe(), fields);
    let page = Arc::new(page);
    if args.open {
        open_page(address, out);
    }

    let shipped = Router::new().fallback(answer).with_state(Arc::clone(&local));
    let routes = page::routes(Arc::clone(&page)).merge(shipped);
    let over = async move {
        interrupted().await;
        // An open event stream would keep the server up.
        ended.send_replace(true);
    };
    let server = axum::serve(listener, routes).with_graceful_shutdown(over).into_future();
    let ran = tokio::select! {
        ran = async { tokio::try_join!(server, work(&local)) } => ran.map(|_| ()),
        () = twice_interrupted() => Ok(()),
        () = follow(args.fields.path.as_deref(), &page) => Ok(()),
    };

    ran.map_err(|error| CliError::Work(format!("the server broke off: {error}")))?;
    tell_of_rest(&local, out);
    out.line("handoff has ended");

    Ok(End::Done)
}

/// A browser that does not come is no reason to end.
fn open_page(address: SocketAddr, out: &mut Out) {
    if let Err(error) = open::that_detached(format!("http://{address}/")) {
        out.note(&format!("the browser cannot be opened: {error}"));
    }
}

/// Reads the fields file again whenever it changes. Never ends.
async fn follow(file: Option<&Path>, page: &Page) {
    let Some(file) = file else { return std::future::pending().await };
    // By its time of change: editors replace the file, and a watcher would stay with the old one.
    let modified = || std::fs::metadata(file).and_then(|about| about.modified()).ok();
    let mut known = modified();
    loop {
        sleep(LOOK).await;
        let now = modified();
        if now.is_none() || now == known {
            continue;
        }
        known = now;
        match std::fs::read_to_string(file).map(|text| page.use_fields(text)) {
            Ok(Ok(())) => log(format_args!("{} was read again", file.display())),
            Ok(Err(problems)) => {
                let first = problems.first().map(ToString::to_string).unwrap_or_default();
                log(format_args!(
                    "{} is not usable, and the former one holds: {first}",
                    file.display()
                ));
            }
            Err(error) => log(format_args!("{} cannot be read: {error}", file.display())),
        }
    }
}

/// The worker: takes what is queued as soon as it may, until the first Ctrl-C; what it has in hand
/// then is still done.
async fn work(local: &Local) -> io::Result<()> {
    let mut interrupted = pin!(interrupted());
    loop {
        let batch = tokio::select! {
            // Ctrl-C before a message, of which there may always be a next one.
            biased;
            () = &mut interrupted => return Ok(()),
            batch = local.queue.next() => batch,
        };
        local.work_on(batch, log).await;
    }
}

/// A queue of this process is no place of safety.
fn tell_of_rest(local: &Local, out: &mut Out) {
    let (waiting, dead) = local.queue.left();
    if waiting + dead > 0 {
        out.note(&format!("forgotten with the queue: {waiting} not done yet, {dead} given up"));
    }
}

/// A Desk that is not ours: its tokens come from the environment, never from the command line.
fn own_desk(url: &str) -> Result<Desk, CliError> {
    let token = |name: &str| std::env::var(name).ok().filter(|token| !token.trim().is_empty());
    let missing =
        || CliError::Use("--desk-url needs the token of that Desk in DESK_API_TOKEN".to_owned());
    let desk_token = token("DESK_API_TOKEN").ok_or_else(missing)?;

    Ok(Desk {
        url: url.to_owned(),
        token: desk_token,
        chat_url: None,
        chat_token: token("CHAT_API_TOKEN"),
    })
}

async fn listen(port: u16) -> Result<TcpListener, CliError> {
    let bound = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await;
    bound.map_err(|error| {
        CliError::Work(format!(
            "port {port} is not free ({error}); --port 0 takes any that is free"
        ))
    })
}

/// The first Ctrl-C: requests under way are still answered.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Where no signal can be had, the server stays up until it is killed.
        std::future::pending::<()>().await;
    }
}

/// The second one does not wait for them.
async fn twice_interrupted() {
    interrupted().await;
    interrupted().await;
}

async fn answer(State(local): State<Arc<Local>>, request: Request) -> Response {
    let began = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let (parts, body) = request.into_parts();
    let response = match to_bytes(body, GATEWAY_LIMIT).await {
        _ if !is_addressed_here(&parts.headers) => {
            plain(StatusCode::MISDIRECTED_REQUEST, "this is 127.0.0.1\n")
        }
        Ok(bytes) => {
            let request =
                http::Request::from_parts(parts, lambda_http::Body::Binary(bytes.to_vec()));
            local.answer_noted(&request).await.1.map(Body::new)
        }
        Err(_) => plain(StatusCode::PAYLOAD_TOO_LARGE, "API Gateway takes 10 MB at most\n"),
    };

    let (status, took) = (response.status().as_u16(), began.elapsed().as_millis());
    log(format_args!("{method} {path} {status} {took} ms"));
    response
}

/// Without standard error there is no log, and no reason to stop.
fn log(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

fn is_addressed_here(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    matches!(host.rsplit_once(':').map_or(host, |(name, _)| name), "127.0.0.1" | "localhost")
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
