//! The functions' records, out of what a person or `aws` brings: which keys a handoff missed.
//!
//! Pure. Of a record only ids, names of keys and outcomes are read.

use desk_handoff::fields::Outcome;
use serde::Deserialize;
use serde_json::Value;

/// What one handoff missed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missed {
    /// The stack, the application and the event: the same handoff has the same.
    pub(crate) handoff: [String; 3],
    /// Milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) keys: Vec<(String, Outcome)>,
}

/// A line of the log, as far as it matters. Every part may be absent: other lines are no records.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "_aws")]
    aws: Option<Metadata>,
    #[serde(rename = "Stack", default)]
    stack: String,
    #[serde(rename = "Route", default)]
    route: String,
    #[serde(default)]
    app_id: String,
    event_id: Option<String>,
    #[serde(default)]
    request_id: String,
    #[serde(default)]
    missed: String,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "Timestamp")]
    timestamp: u64,
}

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// Handoffs that missed something.
    pub(crate) missed: Vec<Missed>,
    /// How many records there were, these among them.
    pub(crate) count: usize,
}

impl Records {
    /// Every record in the text: lines of a log (what stands before the brace is passed over), or
    /// what `aws logs filter-log-events` prints, whole or its messages only.
    pub(crate) fn read(&mut self, text: &str) {
        match serde_json::from_str(text) {
            Ok(document) => self.document(document),
            Err(_) => text.lines().for_each(|line| self.line(line)),
        }
    }

    fn document(&mut self, document: Value) {
        match document {
            Value::Array(messages) => {
                messages.into_iter().for_each(|message| self.document(message));
            }
            Value::String(message) => self.line(&message),
            Value::Object(mut parts) => match (parts.remove("events"), parts.remove("message")) {
                (Some(events), _) => self.document(events),
                // An event as CloudWatch gives it. Other lines have a message, too, and no record.
                (None, Some(message @ Value::String(_))) => self.document(message),
                (None, _) => self.record(Value::Object(parts)),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn line(&mut self, line: &str) {
        // `aws logs tail` puts the time and the stream before it.
        let record = line.find('{').and_then(|at| serde_json::from_str(&line[at..]).ok());
        if let Some(record) = record {
            self.record(record);
        }
    }

    fn record(&mut self, record: Value) {
        let Ok(line) = serde_json::from_value::<Line>(record) else { return };
        let Some(Metadata { timestamp: at }) = line.aws else { return };
        self.count += 1;
        // A preview by request is somebody's trial.
        if line.missed.is_empty() || line.route == "preview" {
            return;
        }
        let event = line.event_id.unwrap_or(line.request_id);
        let handoff = [line.stack, line.app_id, event];
        self.missed.push(Missed { handoff, at, keys: keys(&line.missed) });
    }
}

/// `order id unmatched, tier not-an-option`: a key may hold a comma and a blank itself.
fn keys(missed: &str) -> Vec<(String, Outcome)> {
    let mut keys = Vec::new();
    let mut entry = String::new();
    for part in missed.split(", ") {
        entry.push_str(part);
        match entry.rsplit_once(' ').and_then(|(key, word)| Some((key.to_owned(), outcome(word)?)))
        {
            Some(whole) => {
                keys.push(whole);
                entry.clear();
            }
            None => entry.push_str(", "),
        }
    }

    keys
}

fn outcome(word: &str) -> Option<Outcome> {
    serde_json::from_value(Value::String(word.to_owned())).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(event: &str, missed: &str) -> Value {
        json!({
            "_aws": {"Timestamp": 1_753_864_525_000_u64}, "Stack": "s", "Route": "queue",
            "app_id": "A", "event_id": event, "missed": missed,
        })
    }

    fn read(text: &str) -> Records {
        let mut records = Records::default();
        records.read(text);
        records
    }

    #[test]
    fn record_is_found_in_every_form() {
        let one = record("e-1", "tier unmatched").to_string();
        let other = json!({"level": "INFO", "message": "no record"}).to_string();
        let events = json!({"events": [{"message": one, "timestamp": 1}, {"message": other}]});
        let forms = [
            one.clone(),
            format!("{other}\nSTART RequestId: x\n{one}\n"),
            format!("2026-11-27T10:00:00 2026/11/27/[3]abc {one}\n{other}"),
            json!([one, other]).to_string(),
            json!([one, other].map(|message| json!({"message": message}))).to_string(),
            events.to_string(),
            json!([record("e-1", "tier unmatched")]).to_string(),
        ];

        for form in forms {
            let records = read(&form);
            assert_eq!((records.count, records.missed.len()), (1, 1), "{form}");
            let missed = &records.missed[0];
            assert_eq!(missed.keys, [("tier".to_owned(), Outcome::Unmatched)]);
            assert_eq!(missed.handoff, ["s", "A", "e-1"]);
        }
    }

    #[test]
    fn keys_with_commas_and_blanks_are_whole() {
        let read = keys("order id unmatched, a, b invalid-key,  not-scalar, c, ");
        let expected = [
            ("order id", Outcome::Unmatched),
            ("a, b", Outcome::InvalidKey),
            ("", Outcome::NotScalar),
        ];
        assert_eq!(read, expected.map(|(key, outcome)| (key.to_owned(), outcome)));
    }

    #[test]
    fn previews_and_other_lines_count_for_nothing() {
        let mut preview = record("e-1", "tier unmatched");
        preview["Route"] = "preview".into();
        let whole = record("e-2", "");
        let records = read(&format!("{preview}\n{whole}\n{{}}\n[1]\nno JSON {{"));
        assert_eq!((records.count, records.missed.len()), (2, 0));
        assert_eq!(read("null").count, 0);
    }
}
