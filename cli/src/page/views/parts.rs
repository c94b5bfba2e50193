//! Small parts that several views show.

use std::time::{Duration, SystemTime};

use desk_handoff::fields::Entry as Line;
use desk_handoff::handoff::Form;
use maud::{Markup, html};
use serde_json::Value;

use crate::local::journal::{Entry, State};
use crate::output::explain::{Tone, meaning};

/// A time: UTC as it is sent, which the script shows as the reader's own.
pub(crate) fn time(at: SystemTime) -> Markup {
    let utc = humantime::format_rfc3339_millis(at).to_string();
    html! { time datetime=(utc) title=(utc) { (utc.get(11..19).unwrap_or(&utc)) } }
}

/// How long something took.
pub(crate) fn took(took: Duration) -> String {
    format!("{} ms", took.as_millis())
}

/// Where a handoff stands, in one word.
pub(crate) fn state_name(state: &State) -> String {
    match state {
        State::Working => "working".to_owned(),
        State::Refused(status) => format!("refused ({status})"),
        State::Ignored => "ignored".to_owned(),
        State::Queued => "queued".to_owned(),
        State::Waiting(_) => "waiting".to_owned(),
        State::Dead => "dead letter".to_owned(),
        State::Done(status) => status.clone(),
    }
}

/// The same, as the page shows it.
pub(crate) fn badge(state: &State) -> Markup {
    let tone = match state {
        State::Done(_) | State::Ignored => "good",
        State::Working | State::Queued | State::Waiting(_) => "calm",
        State::Refused(_) | State::Dead => "bad",
    };
    html! {
        span.badge.(tone) { (state_name(state)) }
        @if let State::Waiting(until) = state { " again at " (time(*until)) }
    }
}

/// An outcome, as the page shows it.
pub(crate) fn outcome(line: &Line) -> Markup {
    let (_, tone) = meaning(line.outcome);
    html! { span.badge.(tone_name(tone)) { (line.outcome) } }
}

pub(crate) fn tone_name(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Calm => "calm",
        Tone::Bad => "bad",
    }
}

/// The lines of the last report, one a key.
pub(crate) fn lines(entry: &Entry) -> Vec<Line> {
    let report = entry.report.as_ref().map(|report| report["fields"].clone());
    report.and_then(|fields| serde_json::from_value(fields).ok()).unwrap_or_default()
}

/// So many keys are named in a row of the list.
const NAMED: usize = 3;

/// How many keys are on the ticket, and how many are not and might have to be.
pub(crate) fn counts(lines: &[Line]) -> String {
    let of = |tone: Tone| lines.iter().filter(|line| meaning(line.outcome).1 == tone).count();
    match (of(Tone::Good), of(Tone::Bad), lines.len()) {
        (_, _, 0) => String::new(),
        (good, 0, _) => format!("{good} filled"),
        (good, bad, _) => {
            let missed = lines.iter().filter(|line| meaning(line.outcome).1 == Tone::Bad);
            let names: Vec<&str> = missed.map(|line| line.key.as_str()).take(NAMED).collect();
            let more = if bad > NAMED { ", …" } else { "" };
            format!("{good} filled, {bad} missed: {}{more}", names.join(", "))
        }
    }
}

/// The ticket of the last report.
pub(crate) fn ticket(entry: &Entry) -> Option<u64> {
    entry.report.as_ref()?["ticket"]["id"].as_u64()
}

/// What a conversation is called: its id, else its channel.
pub(crate) fn conversation(entry: &Entry) -> &str {
    let handoff = entry.handoff.as_ref().map(|handoff| &handoff.conversation);
    let name = handoff.and_then(|conversation| {
        conversation.id.as_deref().or(conversation.channel_url.as_deref())
    });
    name.unwrap_or("?")
}

pub(crate) fn form(entry: &Entry) -> &'static str {
    match entry.handoff.as_ref().map(|handoff| handoff.form) {
        Some(Form::Envelope) => "event",
        Some(Form::Nested) => "nested",
        Some(Form::Flat) => "flat",
        None => "",
    }
}

/// A text of a value of JSON.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
