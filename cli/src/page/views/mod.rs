//! What the page shows: one file a view, and here what all of them share.

pub(crate) mod desk;
pub(crate) mod documents;
pub(crate) mod editor;
mod fixes;
pub(crate) mod handoff;
pub(crate) mod list;
pub(crate) mod parts;
mod timeline;

use maud::{DOCTYPE, Markup, html};

use crate::page::Page;

/// How a view is kept up to date by the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Live {
    /// Changed rows are asked for and put in their place.
    Rows,
    /// The whole is asked for again, and its parts are put in their place.
    Parts,
    /// It does not change by itself.
    No,
}

impl Live {
    fn name(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Parts => "parts",
            Self::No => "no",
        }
    }
}

const VIEWS: [(&str, &str); 4] =
    [("/", "Handoffs"), ("/page/try", "Try it"), ("/page/desk", "Desk"), ("/page/tour", "Tour")];

/// A whole page around what a view shows. `here` is the address of the view in the navigation.
pub(crate) fn around(page: &Page, here: &str, title: &str, live: Live, content: &Markup) -> Markup {
    let version = page.local.journal.version();
    let whose =
        if page.desk.is_some() { "a simulated one: no customer is touched" } else { "your own" };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // No page of another origin can read it, and so none can ask for a change.
                meta name="page-token" content=(page.token);
                title { (title) " · desk-handoff" }
                link rel="icon" href="/page/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/page/page.css";
                script src="/page/page.js" defer {}
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                header {
                    a.brand href="/" { "desk-handoff" }
                    nav aria-label="Views" {
                        ul {
                            @for (address, name) in VIEWS {
                                li {
                                    a href=(address) aria-current=[(address == here).then_some("page")] { (name) }
                                }
                            }
                        }
                    }
                    // The script writes over this; where none runs, it stays true.
                    p.live id="live" { "Live updates need JavaScript" }
                }
                // Without the index the link above would leave the focus where it was.
                main id="content" tabindex="-1" data-live=(live.name()) data-version=(version) {
                    h1 { (title) }
                    (content)
                }
                p.said id="said" role="status" aria-live="polite" {}
                footer {
                    p {
                        "Version " (env!("CARGO_PKG_VERSION")) ", application " (page.served.app_id)
                        ". Desk is " (whose) ", at " code { (page.served.desk_url) } ". "
                        "Nothing is written to disk. Keyboard: " kbd { "?" } "."
                    }
                }
                dialog id="keys" aria-labelledby="keys-title" {
                    h2 id="keys-title" { "Keys" }
                    dl {
                        dt { kbd { "j" } " " kbd { "k" } } dd { "next and previous handoff" }
                        dt { kbd { "Enter" } } dd { "open it" }
                        dt { kbd { "/" } } dd { "filter" }
                        dt { kbd { "r" } } dd { "send it again" }
                        dt { kbd { "g" } " then " kbd { "h" } ", " kbd { "t" } ", " kbd { "d" } ", " kbd { "u" } }
                        dd { "handoffs, try it, Desk, tour" }
                    }
                    form method="dialog" { button { "Close" } }
                }
            }
        }
    }
}

/// Something that is not there.
pub(crate) fn missing(page: &Page, what: &str) -> Markup {
    around(
        page,
        "",
        "Not here",
        Live::No,
        &html! { p { (what) } p { a href="/" { "All handoffs" } } },
    )
}
