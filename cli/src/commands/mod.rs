//! One file a command; of those with parts of their own, one folder.

pub(crate) mod check;
pub(crate) mod connect;
pub(crate) mod doctor;
pub(crate) mod documents;
pub(crate) mod learn;
pub(crate) mod preview;
pub(crate) mod probe;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod send;
pub(crate) mod serve;
