//! `run`: one handoff end to end in this process, from the webhook over the queue to Desk.

pub(crate) mod summary;

use desk_handoff::config::AppId;
use http::{Method, Request};
use lambda_http::Body;
use serde_json::Value;

use crate::args;
use crate::commands::run::summary::RunSummary;
use crate::error::{CliError, End};
use crate::input::fields::Fields;
use crate::input::file::{Input, name};
use crate::local::{Local, embedded_desk, runtime, signature};
use crate::output::Out;
use crate::settings::SIGNATURE;

pub(crate) fn run(args: &args::Run, out: &mut Out) -> Result<End, CliError> {
    let fields = Fields::load(&args.fields, out)?;
    let input = Input::read(&args.file)?;
    note_signature(&input, &name(&args.file), out);
    let app_id = input.app_id();
    let ran = runtime()?.block_on(hand_over(&input, &fields, &app_id))?;

    if args.json {
        out.json(&ran.document());
    } else {
        ran.show(&input, &fields, &app_id, out)?;
    }

    Ok(if ran.is_done() { End::Done } else { End::Found })
}

/// A signature that is there and wrong would be refused elsewhere; here it is made anew.
fn note_signature(input: &Input, file: &str, out: &mut Out) {
    if input.headers.get(SIGNATURE).is_some_and(|given| *given != signature(&input.body)) {
        out.note(&format!(
            "the signature in {file} does not fit its body under the local-only secret: a deployed function with that \
             secret would answer 401; signed again for this run"
        ));
    }
}

async fn hand_over(input: &Input, fields: &Fields, app_id: &AppId) -> Result<RunSummary, CliError> {
    let (emulator, desk) = embedded_desk(fields).await?;
    let local = Local::new(&desk, fields, app_id)?;
    let response = local.answer(&request(input)).await;
    let status = response.status();
    let answer: Value = serde_json::from_slice(response.body())
        .map_err(|error| CliError::Work(format!("the answer ({status}) is not JSON: {error}")))?;
    let mut result = None;
    local.work_on(local.queue.receive(), |tried| result = Some(tried.result)).await;
    let ticket = emulator.tickets().pop();
    emulator.stop().await;

    Ok(RunSummary { status, answer, result, ticket })
}

/// The request that a sender would make of it.
fn request(input: &Input) -> Request<Body> {
    let mut request = Request::new(Body::Binary(input.body.clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = format!("/webhooks/handoff?{}", input.query)
        .parse()
        .expect("the query was tried when it was read");
    *request.headers_mut() = input.headers.clone();
    request.headers_mut().insert(SIGNATURE, signature(&input.body));
    request
}
