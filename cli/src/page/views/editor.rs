//! Try it: a body and a fields document side by side, and the outcome of every key as one types.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use desk_handoff::fields::{Entry as Line, match_fields};
use desk_handoff::handoff::{BadBody, Event, Handoff};
use desk_handoff::json_reader::ReadError;
use desk_handoff::rules::Rules;
use desk_handoff::ticket::plan::foreseen;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::input::json_positions::Places;
use crate::local::journal::Route;
use crate::local::understand;
use crate::page::Page;
use crate::page::samples::{self, pretty};
use crate::page::views::handoff::{self as handoff, Told};
use crate::page::views::{Live, around, parts};

/// With what the editor begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Begin {
    sample: String,
    /// A handoff to copy.
    from: u64,
}

pub(crate) async fn show(State(page): State<Arc<Page>>, Query(begin): Query<Begin>) -> Markup {
    let copied = page.local.journal.find(begin.from).map(|entry| pretty(&entry.body));
    let body = copied.or_else(|| samples::body(&begin.sample));
    let body = body.or_else(|| samples::body("direct")).unwrap_or_default();
    let fields = page.fields_text();
    let result = result(&page, &body, &fields);
    let content = html! {
        p { "Change the body or the fields document. The outcome of every key follows as you type; nothing is sent before you press a button." }
        p id="samples" { "Begin with an example:" }
        ul.quick aria-labelledby="samples" {
            @for (name, what) in samples::names() {
                li { a href=(format!("/page/try?sample={name}")) title=(what) { (name) } }
            }
        }
        div.two {
            div {
                label for="body-text" { "Body: an event, a nested or a flat body, or a bare context object" }
                textarea id="body-text" name="body" spellcheck="false" rows="18" data-edit="" { (body) }
            }
            div {
                label for="fields-text" { "Fields document" }
                textarea id="fields-text" name="fields" spellcheck="false" rows="18" data-edit="" { (fields) }
            }
        }
        div id="result" aria-live="polite" { (result) }
        form.row data-send="POST /page/send" data-with="body-text fields-text" {
            label { "Send it " select name="route" {
                @for route in Route::ALL { option value=(route.name()) { (sends(route)) } }
            } }
            @if page.desk.is_none() {
                label { input type="checkbox" name="sure"; " I am sure: the tickets are real" }
            }
            label { "of conversation " input name="conversation" value="try-1" size="8"; }
            label { "of customer " input name="customer" value="ann" size="8"; }
            button { "Sign and send" }
        }
        p.quiet { "Sending uses the fields document as it stands here. Conversation and customer are for a bare context object, which says neither." }
        form.inline data-send="PUT /page/fields" data-with="fields-text" {
            button { "Use this fields document" }
        }
        a.button.second id="save" href="/page/fields" download="fields.json" data-first="PUT /page/fields" data-with="fields-text" {
            "Use and save this fields document"
        }
    };
    around(&page, "/page/try", "Try it", Live::No, &content)
}

fn sends(route: Route) -> &'static str {
    match route {
        Route::Webhook => "as the AI agent's webhook",
        Route::Handoffs => "as a tool call, and wait for the ticket",
        Route::Preview => "as a preview: nothing is written",
    }
}

#[derive(Deserialize)]
pub(crate) struct Typed {
    body: String,
    fields: String,
}

/// What would become of every key, worked out as one types.
pub(crate) async fn preview(State(page): State<Arc<Page>>, Json(typed): Json<Typed>) -> Markup {
    html! { div id="result" { (result(&page, &typed.body, &typed.fields)) } }
}

fn result(page: &Page, body: &str, fields: &str) -> Markup {
    let rules = match fields_of(fields) {
        Ok(rules) => rules,
        Err(problems) => {
            let found =
                problems.iter().map(|problem| (problem.path.as_str(), problem.message.clone()));
            return wrong("The fields document", fields, found.collect());
        }
    };
    let warnings = warnings(&rules, fields);
    match read(page, body) {
        Ok(Some(handoff)) => {
            let matched = match_fields(&rules, &handoff);
            let lines = matched.entries(&foreseen(&matched), true);
            let value = |line: &Line| handoff::value(&handoff, line);
            html! {
                h2 { "What would become of every key" }
                p { (parts::counts(&lines)) "." }
                (handoff::table(&lines, &rules, value, Told::Foreseen))
                (warnings)
            }
        }
        Ok(None) => {
            html! { p { "An event of this category is no handoff: it would be ignored." } (warnings) }
        }
        Err(problems) => {
            let found = problems.iter().map(|(path, message)| (path.as_str(), message.clone()));
            wrong("The body", body, found.collect())
        }
    }
}

/// The rules of a document in which nothing stands twice: JSON would keep the last one in silence.
pub(crate) fn fields_of(text: &str) -> Result<Rules, Vec<ReadError>> {
    let rules = Rules::parse(text)?;
    let repeated: Vec<ReadError> = Places::of(text).repetitions().collect();
    if repeated.is_empty() { Ok(rules) } else { Err(repeated) }
}

/// The handoff in a body, or what is wrong with it; `None` for an event that is no handoff.
fn read(page: &Page, body: &str) -> Result<Option<Box<Handoff>>, Vec<(String, String)>> {
    let around = bare(body).map(|context| {
        let conversation = json!({"id": "(the conversation)", "user_id": "(the customer)"});
        json!({"conversation": conversation, "context": context}).to_string()
    });
    let text = around.as_deref().unwrap_or(body);
    match understand(text.as_bytes(), &page.served.app_id, None) {
        Ok(Event::Handoff(handoff)) => Ok(Some(handoff)),
        Ok(Event::Ignored(_)) => Ok(None),
        Err(BadBody::Shape(problems)) => {
            Err(problems.into_iter().map(|problem| (problem.path, problem.message)).collect())
        }
        Err(other) => Err(vec![(String::new(), other.to_string())]),
    }
}

/// The context object, if the body is nothing but one.
pub(crate) fn bare(body: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(body).ok()?;
    let parts = value.as_object()?;
    // Who names one of these means a body, and is to hear what is wrong with it.
    let known = ["conversation", "category", "conversation_id", "channel_url", "user_id"];
    (!known.iter().any(|name| parts.contains_key(*name))).then_some(value)
}

/// What is wrong, each with its line.
fn wrong(what: &str, text: &str, found: Vec<(&str, String)>) -> Markup {
    let places = Places::of(text);
    // In a text that is not JSON no path has a place.
    let invalid = serde_json::from_str::<Value>(text).err();
    html! {
        h2 { (what) " cannot be used" }
        ul.problems {
            @if let Some(error) = invalid {
                li { "Line " (error.line()) ", column " (error.column()) ": it is not JSON there." }
            } @else {
                @for (path, message) in found {
                    @let place = places.find(path);
                    li { "Line " (place.line) ", column " (place.column) ": " code { (path) } " " (message) }
                }
            }
        }
    }
}

fn warnings(rules: &Rules, text: &str) -> Markup {
    let (warnings, places) = (rules.warnings(), Places::of(text));
    html! {
        @if !warnings.is_empty() {
            h3 { "To be known of the fields document" }
            ul.problems { @for warning in &warnings {
                li { "Line " (places.find(&warning.path).line) ": " code { (warning.path) } " " (warning.message) }
            } }
        }
    }
}
