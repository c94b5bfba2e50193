//! What the doctor found: one line a finding, and below it what fixes it.

use serde::Serialize;
use serde_json::{Value, json};

use crate::output::{Out, shown};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// It costs handoffs or fields.
    Error,
    /// It works, and is worth a look.
    Warning,
}

/// One of them. It holds no secret and no customer's value.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    /// The parameter, or Desk.
    pub(crate) about: String,
    pub(crate) finding: String,
    /// A command to paste, or what to do where no command can.
    pub(crate) fix: String,
}

impl Finding {
    pub(crate) fn error(about: &str, finding: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            about: about.to_owned(),
            finding: finding.into(),
            fix: fix.into(),
        }
    }

    pub(crate) fn warning(about: &str, finding: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(about, finding, fix) }
    }
}

pub(crate) fn count(findings: &[Finding], level: Level) -> usize {
    findings.iter().filter(|finding| finding.level == level).count()
}

/// For people. What fixes several findings in a row is shown once, after the last of them.
pub(crate) fn show(findings: &[Finding], out: &mut Out) {
    for (index, found) in findings.iter().enumerate() {
        let level = match found.level {
            Level::Error => "error  ",
            Level::Warning => "warning",
        };
        out.line(format_args!(
            "{level}  {}",
            shown(&format!("{}: {}", found.about, found.finding))
        ));
        if findings.get(index + 1).is_none_or(|next| next.fix != found.fix) {
            out.line(format_args!("         {}", shown(&found.fix)));
        }
    }
}

/// For machines.
pub(crate) fn document(findings: &[Finding]) -> Value {
    json!({"findings": findings, "errors": count(findings, Level::Error), "warnings": count(findings, Level::Warning)})
}
