//! The list of handoffs: the newest first, live, and filtered by what the address says.

use std::sync::Arc;

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;

use crate::local::journal::Entry;
use crate::page::Page;
use crate::page::views::{Live, around, parts};

/// So many rows stand on the page unless all are asked for.
const ROWS: usize = 200;

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filter {
    /// Part of a conversation, customer, event, ticket or body.
    q: String,
    /// An outcome that at least one key has.
    outcome: String,
    /// Where it stands: the first word of the state.
    state: String,
    /// All that are kept.
    all: String,
    /// Only what has changed after this version.
    after: u64,
}

impl Filter {
    fn wants(&self, entry: &Entry) -> bool {
        entry.version > self.after
            && self.has_state(entry)
            && self.has_outcome(entry)
            && self.has_text(entry)
    }

    fn has_state(&self, entry: &Entry) -> bool {
        // What a refusal was answered with stands behind the state.
        self.state.is_empty() || parts::state_name(&entry.state).starts_with(&self.state)
    }

    fn has_outcome(&self, entry: &Entry) -> bool {
        let wanted = self.outcome.as_str();
        wanted.is_empty()
            || parts::lines(entry).iter().any(|line| match wanted {
                "missed" => {
                    parts::tone_name(crate::output::explain::meaning(line.outcome).1) == "bad"
                }
                wanted => line.outcome.to_string() == wanted,
            })
    }

    fn has_text(&self, entry: &Entry) -> bool {
        let wanted = self.q.trim().to_lowercase();
        let ticket = parts::ticket(entry).map(|id| id.to_string()).unwrap_or_default();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        wanted.is_empty() || has(&entry.body) || has(&ticket) || entry.id.to_string() == wanted
    }

    fn is_empty(&self) -> bool {
        self.q.is_empty() && self.outcome.is_empty() && self.state.is_empty()
    }

    fn most(&self) -> usize {
        if self.all.is_empty() { ROWS } else { usize::MAX }
    }
}

type Here = State<Arc<Page>>;

pub(crate) async fn show(State(page): Here, Query(filter): Query<Filter>) -> Markup {
    let kept = page.local.journal.len();
    let rows =
        page.local.journal.newest(filter.most(), |entry| filter.wants(entry).then(|| row(entry)));
    let shown = rows.len();
    let content = html! {
        p { "When the AI agent hands a conversation to a human, what it knows becomes fields of a Desk ticket. See here what became of every fact, and fix those that reach no field." }
        @if kept > 0 || !filter.is_empty() { (filters(&filter)) }
        @if kept == 0 {
            div id="none" { (nothing(&page)) }
        }
        table.handoffs id="handoffs" hidden[kept == 0] {
            caption.quiet { "Handoffs, the newest first" }
            thead {
                tr {
                    th scope="col" { "Time" }
                    th scope="col" { "Conversation" }
                    th scope="col" { "Way" }
                    th scope="col" { "State" }
                    th scope="col" { "Ticket" }
                    th scope="col" { "Keys" }
                    th scope="col" { "Tries" }
                }
            }
            tbody id="rows" { @for row in &rows { (row) } }
        }
        @if kept > 0 && shown == 0 { p { "No handoff fits. " a href="/" { "All handoffs" } } }
        @if shown == ROWS && kept > ROWS {
            p { "The newest " (ROWS) " are shown. " a href="/?all=1" { "Show all " (kept) } }
        }
    };
    around(&page, "/", "Handoffs", Live::Rows, &content)
}

/// The rows that have changed, for the script: a table alone.
pub(crate) async fn rows(State(page): Here, Query(filter): Query<Filter>) -> Markup {
    // Before the rows: what changes in between is then asked for again, and not missed.
    let version = page.local.journal.version();
    let rows =
        page.local.journal.newest(filter.most(), |entry| filter.wants(entry).then(|| row(entry)));
    html! {
        // The script puts each new row on top, so that the oldest goes first.
        table data-version=(version) { tbody { @for row in rows.iter().rev() { (row) } } }
    }
}

fn row(entry: &Entry) -> Markup {
    let lines = parts::lines(entry);
    html! {
        tr id=(format!("h-{}", entry.id)) {
            td { (parts::time(entry.at)) }
            td.name {
                a href=(format!("/page/handoffs/{}", entry.id)) { (parts::conversation(entry)) }
            }
            td { (entry.route.name()) " " span.quiet { (parts::form(entry)) } }
            td { (parts::badge(&entry.state)) }
            td { @if let Some(ticket) = parts::ticket(entry) { (ticket) } }
            td { (parts::counts(&lines)) }
            td { @if entry.tries > 0 { (entry.tries) } }
        }
    }
}

fn filters(filter: &Filter) -> Markup {
    let quick = [
        ("all", "/", filter.is_empty()),
        ("with missed keys", "/?outcome=missed", filter.outcome == "missed"),
        ("waiting", "/?state=waiting", filter.state == "waiting"),
        ("dead letters", "/?state=dead", filter.state == "dead"),
        ("refused", "/?state=refused", filter.state == "refused"),
    ];
    html! {
        form.filter role="search" data-filter="" {
            label for="q" { "Filter" }
            input id="q" name="q" type="search" value=(filter.q) autocomplete="off"
                placeholder="conversation, customer, ticket, any text";
            button { "Filter" }
        }
        ul.quick aria-label="Quick filters" {
            @for (name, address, is_here) in quick {
                li { a href=(address) aria-current=[is_here.then_some("true")] { (name) } }
            }
        }
    }
}

/// What somebody sees who comes first.
fn nothing(page: &Page) -> Markup {
    let curl = super::handoff::curl(page, "/webhooks/handoff", FIRST);
    html! {
        p { "No handoff has come yet." }
        p.ways {
            a.button href="/page/tour" { "Take the tour: five steps" }
            " "
            a.button.second href="/page/try" { "Try a handoff" }
        }
        p { "Or send one from a terminal; it appears here:" }
        pre tabindex="0" id="first" { (curl) }
        button type="button" data-copy="first" { "Copy" }
    }
}

const FIRST: &str = r#"{"conversation":{"id":"1","user_id":"ann"},"context":{"order-id":"A-1"}}"#;
