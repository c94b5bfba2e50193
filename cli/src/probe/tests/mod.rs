//! The probe against the emulated Desk, in the process and in virtual time: so fast that every
//! setting, a thousand combinations and every fault at every call can be tried.

mod faults;
mod judged;
mod settings;
mod world;
