//! What the doctor found: one line a finding, and below it what mends it.

use serde::Serialize;
use serde_json::{Value, json};

use crate::out::{Out, shown};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// It costs handoffs or fields.
    Fault,
    /// It works, and is worth a look.
    Remark,
}

/// One of them. It holds no secret and no customer's value.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    /// The parameter, or Desk.
    pub(crate) about: String,
    pub(crate) finding: String,
    /// A command to paste, or what to do where no command can.
    pub(crate) mend: String,
}

impl Finding {
    pub(crate) fn fault(about: &str, finding: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            level: Level::Fault,
            about: about.to_owned(),
            finding: finding.into(),
            mend: mend.into(),
        }
    }

    pub(crate) fn remark(about: &str, finding: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { level: Level::Remark, ..Self::fault(about, finding, mend) }
    }
}

pub(crate) fn count(findings: &[Finding], level: Level) -> usize {
    findings.iter().filter(|finding| finding.level == level).count()
}

/// For people. What mends several findings in a row is told once, after the last of them.
pub(crate) fn tell(findings: &[Finding], out: &mut Out) {
    for (index, found) in findings.iter().enumerate() {
        let level = match found.level {
            Level::Fault => "fault ",
            Level::Remark => "remark",
        };
        out.line(format_args!(
            "{level}  {}",
            shown(&format!("{}: {}", found.about, found.finding))
        ));
        if findings.get(index + 1).is_none_or(|next| next.mend != found.mend) {
            out.line(format_args!("        {}", shown(&found.mend)));
        }
    }
}

/// For machines.
pub(crate) fn document(findings: &[Finding]) -> Value {
    json!({"findings": findings, "faults": count(findings, Level::Fault), "remarks": count(findings, Level::Remark)})
}
