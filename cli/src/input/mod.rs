//! What a command is given: FILE, the fields file, a secret.

pub(crate) mod fields;
pub(crate) mod file;
pub(crate) mod json_positions;
pub(crate) mod profile;
pub(crate) mod secret;
