//! Turns an AI agent's handoff into a Sendbird Desk ticket with its fields filled.
//!
//! A handoff is a line: bytes come in, a ticket comes out. The rooms, in the order in which it passes through them:
//!
//! | room | what happens there |
//! | --- | --- |
//! | [`api`] | edge in: HTTP routes, and the one place that makes HTTP answers |
//! | [`secrets`] | the application's credentials and rules, from SSM, kept five minutes |
//! | [`auth`] | pure: who sent it; without a valid proof nothing goes further |
//! | [`handoff`] | pure: the two body forms become one [`handoff::Handoff`] |
//! | [`queue`] | what lies between the webhook and the worker, and the seam to it |
//! | [`worker`] | edge in from the queue: each message done, or left to come again |
//! | [`process`](mod@process) | the spine: claim, match, find, plan, apply, compare, complete or release |
//! | [`claims`] | who may work on a conversation, and what is remembered of it |
//! | [`fields`] | pure, the heart: context keys against ticket fields, an outcome for every key |
//! | [`ticket`] | pure: whose ticket it is, what is to change, what Desk made of it |
//! | [`apply`] | carries the plan out; one bad field never costs the others |
//! | [`desk`] | edge out: one method a Desk call; Desk's own JSON stays in the folder |
//! | [`report`] | pure: what became of it, for the caller |
//! | [`metrics`] | one record for every handoff, for the operator |
//!
//! Beside the line: [`stack`] (what both functions live on), [`config`] (the environment, checked as a whole), [`rules`]
//! (the `fields` parameter), [`shape`] (JSON of strangers, problems with paths), [`retry`] (whether and when to repeat a
//! call), [`http_client`] (one for all), [`seam`] (what the seams share), and, with the feature `aws`, `aws` (the only
//! files that name the AWS SDK), `emf` (records as CloudWatch reads them) and `logs`.
//!
//! Only [`api`], [`worker`], [`stack`], [`process`](mod@process) and [`apply`] call other rooms; [`desk`] asks [`retry`] and
//! [`secrets`]. Clock, chance, environment and addresses are arguments. What is known of Desk, and how well, stands in
//! docs/desk-wire.md, which the code cites by section. There are no fakes in here but [`claims::Memory`], for the local
//! run: tests and local runs meet the `desk-emulator` crate over real HTTP.

pub mod api;
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
#[cfg(feature = "aws")]
pub mod logs;
pub mod metrics;
pub mod process;
pub mod queue;
pub mod report;
pub mod retry;
pub mod rules;
pub mod seam;
pub mod secrets;
pub mod shape;
pub mod stack;
pub mod ticket;
pub mod worker;
