//! Everything that happened to a handoff, in its order: queue, tries, claims, calls to Desk.

use std::time::Duration;

use maud::{Markup, html};

use crate::local::journal::{Call, Entry, Happened, Step, Tried};
use crate::page::samples::pretty;
use crate::page::views::parts;

pub(crate) fn show(entry: &Entry) -> Markup {
    html! {
        ol.time {
            li {
                (parts::time(entry.at)) " The request came: " code { "POST " (entry.route.path()) }
                ", and was answered " (entry.status) " after " (parts::took(entry.took)) "."
            }
            @for (number, step) in entry.steps.iter().enumerate() {
                li { (parts::time(step.at)) " " (happened(entry, number, step)) }
            }
        }
    }
}

fn happened(entry: &Entry, number: usize, step: &Step) -> Markup {
    match &step.what {
        Happened::Queued { is_known: false } => html! { "The queue took the message." },
        Happened::Queued { is_known: true } => html! {
            "The queue knew this event already, and holds it once."
        },
        Happened::Redriven => html! { "The dead letter went back to the queue." },
        Happened::Claimed { is_granted: true } => {
            html! { "The customer was claimed: nobody else works on it." }
        }
        Happened::Claimed { is_granted: false } => {
            html! { "Somebody else was at work on the customer." }
        }
        Happened::GivenBack => {
            html! { "What is to be remembered was stored, and the claim given back." }
        }
        Happened::Called(call) => called(entry.id, number, call),
        Happened::Tried(tried) => try_of(tried),
    }
}

fn try_of(tried: &Tried) -> Markup {
    let again = tried.again.as_ref().map(Duration::as_secs);
    html! {
        strong { "Try " (tried.number) ": " }
        @match (&tried.result, again) {
            (Ok(status), _) => { "done, " (status) "." }
            (Err(why), Some(seconds)) => { "not done, again in " (seconds) " s: " (why) "." }
            (Err(why), None) => { "not done, and given up: " (why) ". It is a dead letter now." }
        }
    }
}

fn called(entry: u64, number: usize, call: &Call) -> Markup {
    let tone = match call.status {
        Ok(status) if status < 400 => "good",
        Ok(_) | Err(_) => "bad",
    };
    html! {
        // By its id the script keeps open what the reader has opened.
        details id=(format!("call-{entry}-{number}")) {
            summary {
                "Call " code { (call.method) " " (path(&call.target)) } " "
                span.badge.(tone) {
                    @match call.status { Ok(status) => (status), Err(why) => (why) }
                }
                " " span.quiet { (parts::took(call.took)) }
            }
            p { code { (call.target) } }
            @if !call.request.is_empty() {
                h3 { "Sent" } pre tabindex="0" { (pretty(&call.request)) }
            }
            @if !call.answer.is_empty() {
                h3 { "Answered" } pre tabindex="0" { (pretty(&call.answer)) }
            }
        }
    }
}

/// The part of an address that tells one call from another.
fn path(target: &str) -> &str {
    let path = target.split('?').next().unwrap_or(target);
    path.trim_start_matches("/platform/v1").trim_start_matches("/v3")
}
