//! Who wrote what on the tickets of the embedded Desk, found by looking before and after.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

/// Who wrote a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    /// This program.
    Us,
    /// A human agent, by the page.
    Human,
    /// Desk itself, which made the ticket.
    Desk,
}

impl Writer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Us => "desk-handoff",
            Self::Human => "a human agent",
            Self::Desk => "Desk",
        }
    }
}

/// What was seen last, and who wrote it.
#[derive(Debug, Default)]
pub(crate) struct Writers {
    seen: HashMap<u64, BTreeMap<String, String>>,
    by: HashMap<(u64, String), Writer>,
}

impl Writers {
    /// Looks at a ticket after this one has written; gives what has changed since the last look.
    pub(crate) fn look(&mut self, ticket: &Value, who: Writer) -> Vec<String> {
        let id = ticket["id"].as_u64().unwrap_or_default();
        let now = values(ticket);
        let before = self.seen.insert(id, now.clone()).unwrap_or_default();
        let changed = now.into_iter().filter(|(key, value)| before.get(key) != Some(value));
        let changed: Vec<String> = changed.map(|(key, _)| key).collect();

        for key in &changed {
            self.by.insert((id, key.clone()), who);
        }
        changed
    }

    /// Whether the ticket was never looked at.
    pub(crate) fn is_new(&self, id: u64) -> bool {
        !self.seen.contains_key(&id)
    }

    pub(crate) fn of(&self, id: u64, key: &str) -> Option<Writer> {
        self.by.get(&(id, key.to_owned())).copied()
    }
}

/// The fields of a ticket, its priority and its team.
fn values(ticket: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let fields = ticket["customFields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let fields = fields.iter().map(|field| (text(&field["key"]), text(&field["value"])));
    let own = [("priority", &ticket["priority"]), ("team", &ticket["group"]["name"])];
    // In brackets, which stand in no field key.
    let own = own.map(|(name, value)| (format!("({name})"), text(value)));
    fields.chain(own).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ticket(value: &str, priority: &str) -> Value {
        let fields = json!([{"key": "a", "value": value}]);
        json!({"id": 7, "customFields": fields, "priority": priority, "group": {"name": "VIP"}})
    }

    #[test]
    fn writer_is_who_came_before_the_look() {
        let mut writers = Writers::default();
        assert!(writers.is_new(7));
        assert_eq!(writers.look(&ticket("1", "LOW"), Writer::Us), ["(priority)", "(team)", "a"]);
        assert_eq!(writers.look(&ticket("2", "LOW"), Writer::Human), ["a"]);
        assert_eq!(writers.look(&ticket("2", "LOW"), Writer::Us), [""; 0]);
        let by = ["a", "(priority)", "b"].map(|key| writers.of(7, key));
        assert_eq!(by, [Some(Writer::Human), Some(Writer::Us), None]);
    }
}
