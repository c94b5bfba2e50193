//! The samples of events/, as bodies to begin with.

use serde_json::Value;

/// Name, what it shows, and the file.
const FILES: [(&str, &str, &str); 8] = [
    (
        "handoff",
        "an AI agent's event, every field filled",
        include_str!("../../../events/handoff.json"),
    ),
    (
        "second-handoff",
        "another event of the same conversation",
        include_str!("../../../events/second-handoff.json"),
    ),
    (
        "sender-sample",
        "the sender's own sample keys, which fit no field",
        include_str!("../../../events/sender-sample.json"),
    ),
    ("wrong-types", "values of wrong types", include_str!("../../../events/wrong-types.json")),
    ("direct", "the nested form, from a program", include_str!("../../../events/direct.json")),
    (
        "tool-call",
        "the flat form, from a tool of the AI agent",
        include_str!("../../../events/tool-call.json"),
    ),
    (
        "tool-call-channel",
        "the flat form with a channel URL as the conversation",
        include_str!("../../../events/tool-call-channel.json"),
    ),
    (
        "voice-platform",
        "the flat form, from another platform",
        include_str!("../../../events/voice-platform.json"),
    ),
];

/// The names of the samples, and what each shows.
pub(crate) fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().map(|(name, what, _)| (*name, *what))
}

/// The body of a sample, laid out for reading.
pub(crate) fn body(name: &str) -> Option<String> {
    let (_, _, text) = FILES.iter().find(|(known, ..)| *known == name)?;
    let event: Value = serde_json::from_str(text).ok()?;
    Some(pretty(event["body"].as_str()?))
}

/// JSON laid out for reading; anything else as it is.
pub(crate) fn pretty(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => format!("{value:#}"),
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_has_a_body() {
        assert_eq!(names().filter_map(|(name, _)| body(name)).count(), FILES.len());
        assert!(names().all(|(name, _)| body(name).is_some_and(|body| body.starts_with("{\n"))));
        assert_eq!(body("nothing"), None);
    }
}
