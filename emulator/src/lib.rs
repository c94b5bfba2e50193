//! An embedded Sendbird Desk: real HTTP on 127.0.0.1, invented data, faults on demand.
//!
//! It is written from the wire facts alone and shares no type with the client it is used against,
//! so a property the client misspells, a filter it trusts or an answer it assumes is found here
//! instead of in production. It keeps everything in memory, needs no account, and never talks to
//! anyone.
//!
//! The way of a request, in the order of the rooms:
//!
//! * [`server`]: accepts it on a [`line`](mod@line) that can be cut, logs it, checks the token,
//!   applies the fault;
//! * [`asked`]: the request as read; [`calls`]: which call of the API it is; [`log`]: what came and
//!   what was answered;
//! * [`tickets`], [`customers`], [`groups`], [`chat`]: one function a call, over [`state`];
//! * [`ticket`] and [`fields`]: the ticket, and Desk's own rules for its field values;
//! * [`answers`]: pages, refusals and everything else that is sent back; [`clock`]: the times in
//!   it.
//!
//! Beside it: [`behaviour`] (what a live Desk may do one way or the other), [`faults`] (what goes
//! wrong) and [`hand`] (what people and the world do: seed, edit, assign, close, write the first
//! message).
//!
//! ```
//! # async fn example() -> std::io::Result<()> {
//! use desk_emulator::{Call, Emulator, Fault, FieldDefinition, FieldKind, Seed, Setup, FaultKind};
//!
//! let desk = Emulator::start(Setup {
//!     fields: vec![FieldDefinition::new("order-id", FieldKind::Text)],
//!     ..Setup::default()
//! })
//! .await?;
//! let ticket = desk.seed_ticket(Seed { sendbird_id: "user_1".into(), ..Seed::default() });
//! desk.inject(Fault::on(Call::ViewTicket).times(2).with(FaultKind::CutConnection));
//! // ... let the client under test work against desk.desk_url() and desk.chat_url() ...
//! assert_eq!(desk.field(ticket, "order-id"), None);
//! # Ok(())
//! # }
//! ```
#![allow(rustdoc::private_intra_doc_links)] // The map names the private rooms too.

mod answers;
mod asked;
mod behaviour;
mod calls;
mod chat;
mod clock;
mod customers;
mod faults;
mod fields;
mod groups;
mod hand;
mod line;
mod log;
mod server;
mod state;
mod ticket;
mod tickets;

pub use behaviour::{
    Behaviour, ExistingCustomer, NestedFields, Reaction, StrangeRelated, TooLong, Transfer,
    UnknownGroup, ValueUnit, WriteAnswer,
};
pub use calls::Call;
pub use chat::Message;
pub use faults::{Fault, FaultKind};
pub use fields::{FieldDefinition, FieldKind, stored};
pub use groups::Group;
pub use hand::Seed;
pub use log::Seen;
pub use server::{Emulator, Setup};
