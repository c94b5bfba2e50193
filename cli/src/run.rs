//! `run`: one handoff end to end in this process, told for a support engineer.
//!
//! What it prints of the ticket is what the embedded Desk holds afterwards, not what was sent to it.

use desk_handoff::config::AppId;
use desk_handoff::handoff::{Event, Handoff};
use http::{Method, Request, StatusCode};
use lambda_http::Body;
use serde_json::{Value, json};

use crate::answer::{Problem, Report, ignored};
use crate::fields::Fields;
use crate::file::{Input, name};
use crate::local::{Local, SIGNATURE, embedded_desk, runtime, signature, understand};
use crate::out::Out;
use crate::{End, Failure, args, outcomes, ticket};

/// What came back, and what Desk holds.
struct Ran {
    status: StatusCode,
    answer: Value,
    ticket: Option<Value>,
}

pub(crate) fn run(args: &args::Run, out: &mut Out) -> Result<End, Failure> {
    let fields = Fields::load(&args.fields, out)?;
    let input = Input::read(&args.file)?;
    tell_of_signature(&input, &name(&args.file), out);
    let app_id = input.app_id();
    let ran = runtime()?.block_on(hand_over(&input, &fields, &app_id))?;
    if args.json {
        out.json(&json!({"answer": ran.answer, "status": ran.status.as_u16(), "ticket": ran.ticket}));
    } else {
        tell(&ran, &input, &fields, &app_id, out)?;
    }
    Ok(if ran.status.is_success() { End::Done } else { End::Found })
}

/// A signature that is there and wrong would be refused elsewhere; here it is made anew.
fn tell_of_signature(input: &Input, file: &str, out: &mut Out) {
    if input.headers.get(SIGNATURE).is_some_and(|given| *given != signature(&input.body)) {
        out.note(&format!(
            "the signature in {file} does not fit its body under the local-only secret: a deployed function with that \
             secret would answer 401; signed again for this run"
        ));
    }
}

async fn hand_over(input: &Input, fields: &Fields, app_id: &AppId) -> Result<Ran, Failure> {
    let (emulator, desk) = embedded_desk(fields).await?;
    let response = Local::new(&desk, fields, app_id)?.answer(&request(input)).await;
    let status = response.status();
    let answer: Value = serde_json::from_slice(response.body())
        .map_err(|error| Failure::Work(format!("the answer ({status}) is not JSON: {error}")))?;
    let id = answer.pointer("/ticket/id").and_then(Value::as_u64);
    let ticket = id.and_then(|id| emulator.ticket(id));
    emulator.stop().await;
    Ok(Ran { status, answer, ticket })
}

/// The request that a sender would make of it.
fn request(input: &Input) -> Request<Body> {
    let mut request = Request::new(Body::Binary(input.body.clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = format!("/handoffs?{}", input.query).parse().expect("the query was tried when it was read");
    *request.headers_mut() = input.headers.clone();
    request.headers_mut().insert(SIGNATURE, signature(&input.body));
    request
}

fn tell(ran: &Ran, input: &Input, fields: &Fields, app_id: &AppId, out: &mut Out) -> Result<(), Failure> {
    if !ran.status.is_success() {
        return tell_problem(ran, input, out);
    }
    if let Some(category) = ignored(&ran.answer) {
        out.verdict(true, &format!("Ignored: an event of the category {category} is no handoff; nothing is done."));
        return Ok(());
    }
    let report: Report = readable(&ran.answer)?;
    let handoff = understand(&input.body, app_id, input.header("idempotency-key"));
    if let Ok(Event::Handoff(handoff)) = handoff {
        out.heading("Handed over");
        out.pairs(facts(&handoff, &report));
    }
    ticket::tell(&report, ran.ticket.as_ref(), out);
    outcomes::tell("What became of every key", &report.fields, &fields.rules, out, outcomes::Last::Meaning);
    outcomes::tell_why(&report.fields, &fields.rules, out);
    Ok(())
}

fn facts(handoff: &Handoff, report: &Report) -> Vec<(&'static str, String)> {
    let conversation = &handoff.conversation;
    let facts = [
        ("customer", Some(handoff.user_id.clone())),
        ("conversation", conversation.id.clone()),
        ("channel", conversation.channel_url.clone()),
        ("event", Some(report.event_id.clone())),
    ];
    facts.into_iter().filter_map(|(name, fact)| Some((name, fact?))).collect()
}

fn tell_problem(ran: &Ran, input: &Input, out: &mut Out) -> Result<(), Failure> {
    let problem: Problem = readable(&ran.answer)?;
    out.verdict(false, &format!("Refused with {}: {}", ran.status.as_u16(), problem.title));
    if problem.errors.is_empty() {
        out.text(&problem.detail);
    }
    out.pairs(problem.errors.iter().map(|place| (&place.path, &place.detail)));
    if input.context.is_some() {
        out.note("that looks like a bare context object: `cargo handoff preview` takes one");
    }
    Ok(())
}

fn readable<T: serde::de::DeserializeOwned>(answer: &Value) -> Result<T, Failure> {
    T::deserialize(answer)
        .map_err(|error| Failure::Work(format!("the answer has another shape than this reads: {error}")))
}
