//! A secret that a command is given: the name of an environment variable, never the secret itself,
//! stands on the command line, where the shell's history and the list of processes would show it.
//!
//! What a person takes for the name may be the secret, so not even that is repeated.

use secrecy::SecretString;

use crate::error::CliError;

/// The first line that is not blank, as the deployed function reads a parameter.
pub(crate) fn from_environment(option: &str, name: &str) -> Result<SecretString, CliError> {
    // Who pastes `NAME=secret` here has given the secret: it is not even looked up.
    let value =
        if name.is_empty() || name.contains(['=', '\0']) { None } else { std::env::var(name).ok() };
    let line = value
        .as_deref()
        .and_then(|value| value.lines().map(str::trim).find(|line| !line.is_empty()));

    line.map(SecretString::from).ok_or_else(|| {
        CliError::Use(format!(
            "{option} names no environment variable that holds something; it takes a name, not a secret"
        ))
    })
}
