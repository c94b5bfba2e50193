//! An embedded Sendbird Desk: real HTTP on 127.0.0.1, invented data, faults on demand.
//!
//! It is written from the wire facts alone and shares no type with the client it is used against,
//! so a property the client misspells, a filter it trusts or an answer it assumes is found here
//! instead of in production. It keeps everything in memory, needs no account, and never talks to
//! anyone.
//!
//! A request passes the modules in this order:
//!
//! * `server` accepts it on an `http::connection` that can be cut, and applies the fault;
//! * `http::request` is the request as read, `call` says which call of the API it is, `http::log`
//!   keeps what came and what was answered;
//! * `endpoint` checks the token and routes the call to its handler, one function a call in
//!   `handlers`, over `model::state`;
//! * `model::ticket` and `model::fields` hold the ticket and Desk's own rules for its values;
//! * `http::reply` is what is sent back, also of a `refusal`.
//!
//! Beside them: [`Behaviour`] (what a live Desk may do one way or the other), [`Fault`] (what goes
//! wrong), and `control` (what people and the world do: seed, edit, assign, close, write the first
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
mod behaviour;
mod call;
mod choices;
mod control;
mod endpoint;
mod faults;
mod handlers;
mod http;
mod model;
mod profile;
mod rate;
mod refusal;
mod server;

pub use behaviour::Behaviour;
pub use call::Call;
pub use choices::{
    ChannelMatch, Clearing, CloseNew, ClosedWrites, DefaultTeam, ErrorForm, ExistingCustomer,
    FirstMessage, NestedFields, OptionCase, RateHeaders, Reaction, RepeatedWrite, StrangeRelated,
    TooLong, Transfer, UnknownGroup, ValueUnit, WriteAnswer,
};
pub use control::Seed;
pub use faults::{Fault, FaultKind};
pub use http::log::Seen;
pub use model::fields::{FieldDefinition, FieldKind, stored};
pub use model::group::Group;
pub use model::message::Message;
pub use model::setup::Setup;
pub use model::webhook_setting::WebhookSetting;
pub use profile::{Profile, ProfileError, Settings};
pub use server::Emulator;
