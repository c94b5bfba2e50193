//! How requests come in and replies go out. It never looks at what a request means.

pub(crate) mod connection;
pub(crate) mod log;
pub(crate) mod reply;
pub(crate) mod request;
