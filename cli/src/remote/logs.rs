//! CloudWatch's logs by the operator's own `aws` command line, as [`crate::remote::ssm`] reads SSM.

use crate::error::CliError;
use crate::remote::ssm::{Aws, Call, not_started, quoted, refusal, why};

impl Aws<'_> {
    /// The messages of a log group since this time, in milliseconds since 1970, that CloudWatch's
    /// filter pattern lets through. `aws` turns the pages.
    pub(crate) fn log_messages(
        &self,
        group: &str,
        since: u128,
        pattern: &str,
    ) -> Result<String, CliError> {
        let since = since.to_string();
        let words = [
            "logs",
            "filter-log-events",
            "--log-group-name",
            group,
            "--start-time",
            &since,
            "--filter-pattern",
            pattern,
            "--query",
            "events[].message",
            "--output",
            "json",
        ];
        let output = self.call(words.iter().copied()).map_err(|error| not_started(&error))?;

        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        if refusal(&said) == Some("ResourceNotFoundException") {
            return Err(CliError::Work(format!(
                "there is no log group {group}: are the name of the stack and the region right?"
            )));
        }

        let again = words.iter().copied().chain(self.options()).map(quoted).collect::<Vec<_>>();
        Err(CliError::Work(why(
            &said,
            &Call {
                service: "CloudWatch Logs",
                permission: format!("logs:FilterLogEvents for {group}"),
                again: format!("aws {}", again.join(" ")),
            },
        )))
    }
}
