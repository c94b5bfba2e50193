//! `run`: handoffs end to end in this process, one after the other, from the webhook over the queue
//! to Desk.

pub(crate) mod given;
pub(crate) mod summary;

use desk_emulator::{Emulator, Profile};
use desk_handoff::config::AppId;
use http::{Method, Request};
use lambda_http::Body;
use serde_json::Value;

use crate::args;
use crate::commands::run::given::Given;
use crate::commands::run::summary::RunSummary;
use crate::error::{CliError, End};
use crate::input::fields::Fields;
use crate::input::profile;
use crate::local::{Desk, Local, embedded_desk, runtime, signature};
use crate::output::Out;
use crate::settings::SIGNATURE;

pub(crate) fn run(args: &args::Run, out: &mut Out) -> Result<End, CliError> {
    let fields = Fields::load(&args.fields, out)?;
    // All are read before the first is handed over: a mistake in the last one leaves no half run.
    let given = args.files.iter().map(|file| Given::read(file, out));
    let given = given.collect::<Result<Vec<_>, _>>()?;
    let profile = args.profile.as_deref().map(|path| profile::load(path, out)).transpose()?;
    let ran = runtime()?.block_on(hand_over(&given, &fields, profile.as_ref()))?;
    let done = ran.iter().all(RunSummary::is_done);

    if args.json {
        let mut documents: Vec<Value> = ran.iter().map(RunSummary::document).collect();
        match documents.len() {
            1 => out.json(&documents.remove(0)),
            _ => out.json(&Value::from(documents)),
        }
        return Ok(if done { End::Done } else { End::Found });
    }
    for (ran, given) in ran.iter().zip(&given) {
        if args.files.len() > 1 {
            out.title(&given.name);
        }
        ran.show(given, &fields, out)?;
    }

    Ok(if done { End::Done } else { End::Found })
}

/// All of them in front of one Desk. What is remembered of a customer is remembered until the end.
async fn hand_over(
    given: &[Given],
    fields: &Fields,
    profile: Option<&Profile>,
) -> Result<Vec<RunSummary>, CliError> {
    let (emulator, desk) = embedded_desk(fields, profile).await?;
    let mut stacks: Vec<(&AppId, Local)> = Vec::new();
    let mut ran = Vec::new();

    for given in given {
        let local = stack(&mut stacks, &given.app_id, &desk, fields)?;
        ran.push(one(given, local, &emulator).await?);
    }
    emulator.stop().await;

    Ok(ran)
}

/// The shipped code for this application, made when it is first asked for.
fn stack<'s, 'g>(
    stacks: &'s mut Vec<(&'g AppId, Local)>,
    app_id: &'g AppId,
    desk: &Desk,
    fields: &Fields,
) -> Result<&'s Local, CliError> {
    // The parameters are those of one application, so that each gets a stack of its own.
    let place = match stacks.iter().position(|(known, _)| *known == app_id) {
        Some(place) => place,
        None => {
            stacks.push((app_id, Local::new(desk, fields, app_id)?));
            stacks.len() - 1
        }
    };
    Ok(&stacks[place].1)
}

async fn one(given: &Given, local: &Local, emulator: &Emulator) -> Result<RunSummary, CliError> {
    let response = local.answer(&request(given)).await;
    let status = response.status();
    let answer: Value = serde_json::from_slice(response.body())
        .map_err(|error| CliError::Work(format!("the answer ({status}) is not JSON: {error}")))?;

    let mut result = None;
    // One try: `run` shows how it went, and does not wait for another one.
    local.work_on(local.queue.receive(), |tried| result = Some(tried.result)).await;
    let ticket = result.as_ref().and_then(|result| result.as_ref().ok()?.ticket.as_ref());
    let ticket = ticket.and_then(|ticket| emulator.ticket(ticket.id));

    Ok(RunSummary { status, answer, result, ticket })
}

/// The request that a sender would make of it.
fn request(given: &Given) -> Request<Body> {
    let mut request = Request::new(Body::Binary(given.body.clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = format!("/webhooks/handoff?{}", given.input.query)
        .parse()
        .expect("the query was tried when it was read");
    *request.headers_mut() = given.input.headers.clone();
    request.headers_mut().insert(SIGNATURE, signature(&given.body));
    request
}
