//! Turns an AI agent's handoff into a Sendbird Desk ticket with its fields filled.
//!
//! A handoff passes the modules in this order:
//!
//! | module | what happens there |
//! | --- | --- |
//! | [`api`] | the HTTP routes, and the one place that makes HTTP answers |
//! | [`secrets`] | the application's credentials and rules, from SSM, kept five minutes |
//! | [`auth`] | pure: who sent it; nothing that is not authenticated goes further |
//! | [`handoff`] | pure: the three body forms become one [`handoff::Handoff`]; the queue's message |
//! | [`queue`] | what lies between the API and the worker, and its trait |
//! | [`worker`] | the queue's messages: each is done, or left to come again |
//! | [`process`](mod@process) | the spine: claim, match, look, choose the ticket, write, compare, give the claim back |
//! | [`claims`] | one handoff of a customer at a time, and what is remembered of the customer's tickets |
//! | [`fields`] | pure, the heart: context keys against ticket fields, an outcome for every key |
//! | [`ticket`] | pure: which ticket is the conversation's, whose value a field holds, what is to change |
//! | [`apply`] | carries the change out; one bad field never costs the others |
//! | [`desk`] | one method a Desk call; Desk's own JSON stays in the folder |
//! | [`report`] | pure: what became of it, for the caller |
//! | [`metrics`] | one record for every handoff, for the operator |
//!
//! Beside them: [`app`] (what both functions are made of), [`config`] (the environment, checked
//! as a whole), [`rules`] (the `fields` parameter), [`json_reader`] (JSON of strangers, problems
//! with paths), [`names`] (what is agreed on with the outside), [`retry`] (whether and when to
//! repeat a call), [`http_client`] (one for all), [`store`] (what the traits share), and, with the feature `aws`, `aws` (the only files that name the AWS
//! SDK), `emf` (records as CloudWatch reads them) and `logs`.
//!
//! Only [`api`], [`worker`], [`app`], [`process`](mod@process) and [`apply`] call across;
//! [`desk`] asks [`retry`] and [`secrets`]. Clock, chance, environment and addresses are arguments.
//! What is known of Desk, and how well, stands in docs/desk-wire.md, which the code cites by
//! section; what is promised, and how it is judged, in docs/reliability.md. There are no fakes in
//! here but [`claims::Memory`], for the local run: tests and local runs meet the `desk-emulator`
//! crate over real HTTP.

pub mod api;
pub mod app;
pub mod apply;
pub mod auth;
#[cfg(feature = "aws")]
pub mod aws;
pub mod claims;
pub mod config;
pub mod desk;
#[cfg(feature = "aws")]
pub mod emf;
pub mod fields;
pub mod handoff;
pub mod http_client;
pub mod json_reader;
#[cfg(feature = "aws")]
pub mod logs;
pub mod metrics;
pub mod names;
pub mod process;
pub mod queue;
pub mod report;
pub mod retry;
pub mod rules;
pub mod secrets;
pub mod store;
pub mod ticket;
pub mod worker;
