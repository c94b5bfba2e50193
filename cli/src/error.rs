//! How a command ends: done, done with a bad finding, or not at all. `main` makes the exit code of it.

use desk_handoff::config::ConfigError;

/// How a command ended that could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    /// The work is done and the finding is bad: a refusal, an error in a file, a key left out.
    Found,
}

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) enum CliError {
    /// The caller must change the call or the file.
    Use(String),
    /// Something else is in the way.
    Work(String),
}

impl From<ConfigError> for CliError {
    /// The settings come from options here, so that the text names those.
    fn from(error: ConfigError) -> Self {
        let problems = error.0.join("; ");
        let problems = problems.replace("DESK_BASE_URL", "--desk-url");
        Self::Use(problems.replace("PARAMETER_PREFIX", "--prefix"))
    }
}
