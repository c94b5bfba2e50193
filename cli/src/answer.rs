//! The receiver's answer, read back as any caller would read it: from its JSON.

use desk_handoff::fields::Outcome;
use serde::Deserialize;
use serde_json::Value;

/// A refusal, as RFC 9457 has it.
#[derive(Debug, Deserialize)]
pub(crate) struct Problem {
    pub(crate) title: String,
    pub(crate) detail: String,
    #[serde(default)]
    pub(crate) errors: Vec<Place>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) detail: String,
}

/// The category of an event that is none of a handoff's business, if the answer says so.
pub(crate) fn ignored(answer: &Value) -> Option<&str> {
    (answer.get("status")?.as_str()? == "ignored").then(|| answer.get("category")?.as_str()).flatten()
}

/// The name of an outcome, as it stands in the answer.
pub(crate) fn outcome_name(outcome: Outcome) -> String {
    serde_json::to_value(outcome).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}
