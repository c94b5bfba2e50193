//! A deterministic simulator: whole worlds of handoffs, with everything that can go wrong in them,
//! in one thread and in virtual time, from one seed.
//!
//! The shipped `api`, `worker`, `process`, claims and rules run against the emulated Desk, called
//! in the process. A [`scenario`] says what happens; its history is judged by `desk-handoff-judge`,
//! which knows nothing of the code. A scenario that breaks a promise is made smaller until nothing
//! can be left out, and kept as a test.
//!
//! [`capacity`] measures instead: how much the workers can take, in virtual time too.

pub mod capacity;
mod logs;
mod product;
mod queue;
pub mod run;
pub mod scenario;
mod world;
