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
use axum::routing::{MethodRouter, delete, get, post, put};

pub(crate) use crate::page::world::{Embedded, Page, Served};

/// The routes of the page; all others are the shipped code's.
pub(crate) fn routes(page: Arc<Page>) -> Router {
    let guarded = axum::middleware::from_fn_with_state(Arc::clone(&page), guard::guard);
    let routes: [(&str, MethodRouter<Arc<Page>>); 26] = [
        ("/", get(views::list::show)),
        ("/page/rows", get(views::list::rows)),
        ("/page/handoffs", get(views::documents::all)),
        ("/page/handoffs/latest", get(views::documents::latest)),
        ("/page/handoffs/{id}", get(views::handoff::show)),
        ("/page/handoffs/{id}/again", post(actions::again)),
        ("/page/try", get(views::editor::show)),
        ("/page/desk", get(views::desk::show)),
        ("/page/tour", get(tour::show)),
        ("/page/tour/{step}", post(tour::act)),
        ("/page/about", get(views::documents::about)),
        ("/page/events", get(live::events)),
        ("/page/page.js", get(assets::script)),
        ("/page/page.css", get(assets::style)),
        ("/page/icon.svg", get(assets::icon)),
        ("/page/preview", post(views::editor::preview)),
        ("/page/send", post(actions::send)),
        ("/page/fields", put(actions::use_fields).get(views::documents::fields)),
        ("/page/queue", post(actions::queue)),
        ("/page/desk/faults", post(actions::inject)),
        ("/page/desk/faults/all", delete(actions::clear)),
        ("/page/desk/outage", post(actions::outage)),
        ("/page/desk/behaviour", put(actions::behave)),
        ("/page/desk/token", post(actions::token)),
        ("/page/desk/tickets", post(actions::desks_own)),
        ("/page/desk/tickets/{id}/{act}", post(actions::act)),
    ];
    let router =
        routes.into_iter().fold(Router::new(), |router, (path, does)| router.route(path, does));
    // The guard is over these alone: the shipped routes, merged later, judge a request themselves.
    router.layer(guarded).with_state(page)
}
