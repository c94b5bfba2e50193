//! The local page of `serve`: what a handoff does, to be looked at and tried (docs/page.md).
//!
//! Rendered here, with no outside asset and no build step; live by server-sent events. It reads the
//! journal of [`crate::local`] and acts on the embedded Desk. Everything passes [`guard`]: the page
//! answers to its own address alone, and changes something for its own scripts alone. It holds
//! nothing back from its reader but secrets, and writes nothing to disk.

pub(crate) mod actions;
mod assets;
mod guard;
mod live;
pub(crate) mod samples;
mod switches;
mod tour;
mod views;
mod world;
mod writers;

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post, put};

pub(crate) use crate::page::world::{Embedded, Page, Served};

/// The routes of the page; all others are the shipped code's.
pub(crate) fn routes(page: Arc<Page>) -> Router {
    let guarded = axum::middleware::from_fn_with_state(Arc::clone(&page), guard::guard);
    Router::new()
        .route("/", get(views::list::show))
        .route("/page/rows", get(views::list::rows))
        .route("/page/handoffs", get(views::documents::all))
        .route("/page/handoffs/latest", get(views::documents::latest))
        .route("/page/handoffs/{id}", get(views::handoff::show))
        .route("/page/handoffs/{id}/again", post(actions::again))
        .route("/page/try", get(views::editor::show))
        .route("/page/desk", get(views::desk::show))
        .route("/page/tour", get(tour::show))
        .route("/page/tour/{step}", post(tour::act))
        .route("/page/about", get(views::documents::about))
        .route("/page/events", get(live::events))
        .route("/page/page.js", get(assets::script))
        .route("/page/page.css", get(assets::style))
        .route("/page/icon.svg", get(assets::icon))
        .route("/page/preview", post(views::editor::preview))
        .route("/page/send", post(actions::send))
        .route("/page/fields", put(actions::use_fields).get(views::documents::fields))
        .route("/page/queue", post(actions::queue))
        .route("/page/desk/faults", post(actions::inject))
        .route("/page/desk/faults/all", delete(actions::clear))
        .route("/page/desk/outage", post(actions::outage))
        .route("/page/desk/behaviour", put(actions::behave))
        .route("/page/desk/token", post(actions::token))
        .route("/page/desk/tickets", post(actions::desks_own))
        .route("/page/desk/tickets/{id}/{act}", post(actions::act))
        .layer(guarded)
        .with_state(page)
}
