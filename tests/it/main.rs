//! The shipped code against an embedded Desk over real HTTP, its faults included.

#[path = "../answers.rs"]
mod answers;
mod edge;
mod events;
mod faults;
mod handoffs;
mod house_rules;
mod policies;
mod world;
