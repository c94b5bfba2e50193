//! Desk's JSON, which nothing outside this folder sees.
//!
//! Pure. Reads what is there and forgives what is not: every property but a ticket's `id` is
//! optional, unknown ones are ignored, every enumeration is open (desk-wire section 2). Writes
//! custom fields as Desk wants them: one string that holds a JSON object of strings (desk-wire
//! section 3.5).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::fields::FieldValue;
use crate::rules::{Priority, TeamKey};
use crate::ticket::{StoredText, Ticket};

/// One page of a list.
pub(super) struct Page<T> {
    /// How many there are in all, if Desk says so.
    pub(super) count: Option<u64>,
    /// How many came.
    pub(super) received: u64,
    /// Desk says that no page follows.
    has_no_next: bool,
    /// Those that could be read.
    pub(super) items: Vec<T>,
}

impl<T> Page<T> {
    /// Whether nothing follows a page that begins here: Desk says so, or all came that there are,
    /// or none came any more.
    pub(super) fn is_last(&self, offset: u64) -> bool {
        // A count decides before `next`: how Desk pages is not known (desk-wire section 9, question
        // 14).
        let counted = self.count.is_some_and(|count| offset + self.received >= count);
        self.received == 0 || counted || (self.has_no_next && self.count.is_none())
    }
}

/// A page of what `read` makes of each entry.
pub(super) fn page<T>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<Page<T>> {
    let results = value.get("results")?.as_array()?;
    Some(Page {
        count: value.get("count").and_then(Value::as_u64),
        received: results.len() as u64,
        has_no_next: value.get("next").is_some_and(Value::is_null),
        items: results.iter().filter_map(read).collect(),
    })
}

pub(super) fn ticket(value: &Value) -> Option<Ticket> {
    let id = value.get("id").and_then(Value::as_u64).filter(|id| *id > 0)?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let (newer, older) = (text("status2"), text("status"));
    // Either status may be missing or out of date: one that says closed is enough.
    let closed = |status: &Option<String>| status.as_deref() == Some("CLOSED");
    // An open set: only one of its values is known to mean that the ticket is open.
    let not_closed =
        text("closeStatus").is_none_or(|status| status.is_empty() || status == "NOT_CLOSED");
    let customer = value.get("customer");

    Some(Ticket {
        id,
        title: text("channelName"),
        channel_url: text("channelUrl"),
        open: not_closed && !closed(&newer) && !closed(&older),
        status: newer.or(older),
        priority: text("priority"),
        // The Default team has no key: null and an empty text are the same (desk-wire section 6).
        team: value
            .pointer("/group/key")
            .and_then(Value::as_str)
            .filter(|key| !key.is_empty())
            .map(str::to_owned),
        // Unknown, and not empty, where the answer does not say: a list may leave the fields out
        // (desk-wire section 9, question 13).
        fields: value
            .get("customFields")
            .and_then(Value::as_array)
            .map(|fields| custom_fields(fields)),
        customer_id: customer.and_then(|customer| customer.get("id")).and_then(Value::as_u64),
        sendbird_id: customer.and_then(sendbird_id).map(str::to_owned),
        related: value.get("relatedChannels").and_then(related),
        message_count: value.get("messageCount").and_then(Value::as_u64),
    })
}

pub(super) fn sendbird_id(customer: &Value) -> Option<&str> {
    customer.get("sendbirdId")?.as_str()
}

fn custom_fields(fields: &[Value]) -> BTreeMap<String, StoredText> {
    // Values are said to be strings; a number is read all the same.
    let pair = |field: &Value| {
        let text = match field.get("value")? {
            Value::String(text) => text.clone(),
            Value::Null => return None,
            other => other.to_string(),
        };
        Some((field.get("key")?.as_str()?.to_owned(), text.into()))
    };
    fields.iter().filter_map(pair).collect()
}

/// A JSON text of `[{"channel_url": …}]`; an array as it is does as well. Nothing at all is none,
/// anything else unknown.
fn related(value: &Value) -> Option<Vec<String>> {
    if value.is_null() || value.as_str() == Some("") {
        return Some(Vec::new());
    }

    let parsed = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let channels = parsed.as_ref().unwrap_or(value).as_array()?;
    Some(
        channels
            .iter()
            .filter_map(|channel| channel.get("channel_url")?.as_str())
            .map(str::to_owned)
            .collect(),
    )
}

/// The `customFields` of a call.
pub(super) fn custom_fields_text<'v>(values: impl IntoIterator<Item = &'v FieldValue>) -> String {
    let object: Map<String, Value> = values
        .into_iter()
        .map(|value| (value.key.to_string(), value.text.expose().into()))
        .collect();
    Value::Object(object).to_string()
}

/// A ticket to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTicket<'a> {
    /// At most 100 characters.
    pub title: &'a str,
    /// Desk's number of the customer.
    pub customer_id: u64,
    /// At most 20.
    pub values: &'a [FieldValue],
    /// `None` leaves it to Desk.
    pub priority: Option<Priority>,
    /// `None` leaves it to Desk's assignment rules.
    pub team: Option<&'a TeamKey>,
    /// The AI agent's channel, which agents then see as a related chat.
    pub related: Option<&'a str>,
}

impl NewTicket<'_> {
    /// Whether a ticket can be the one asked for, as far as it is shown: it is this customer's, and
    /// if it names channels, ours is among them. Title and values are no evidence: a Desk that
    /// spells them in its own way would make every create look like a failed one.
    pub(super) fn may_be(&self, shown: &Ticket) -> bool {
        let customer = shown.customer_id.is_none_or(|id| id == self.customer_id);
        let others = shown.related.as_deref().filter(|related| !related.is_empty());
        let related =
            |channel: &str| others.is_none_or(|related| related.iter().any(|url| url == channel));
        customer && self.related.is_none_or(related)
    }

    pub(super) fn body(&self) -> Value {
        let mut body = json!({"channelName": self.title, "customerId": self.customer_id});
        // What is empty is left out: what Desk makes of an empty text is not known.
        if !self.values.is_empty() {
            body["customFields"] = custom_fields_text(self.values).into();
        }
        if let Some(priority) = self.priority {
            body["priority"] = priority.as_str().into();
        }
        if let Some(team) = self.team {
            body["groupKey"] = team.as_str().into();
        }
        if let Some(channel) = self.related {
            body["relatedChannelUrls"] = channel.into();
        }

        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::FieldKey;
    use proptest::prelude::*;

    #[test]
    fn the_documented_ticket_is_read() {
        let ticket = ticket(&json!({
            "id": 7455126, "channelName": "AI handoff 2647", "channelUrl": "ch_t", "status": "UNASSIGNED",
            "status2": "PENDING", "closeStatus": "NOT_CLOSED", "priority": "MEDIUM", "group": {"id": 7, "key": "vip"},
            "customer": {"id": 5556923, "sendbirdId": "user_1"},
            "customFields": [{"id": 1, "key": "order-id", "value": "ORD-1"}, {"id": 2, "key": "items", "value": 3}],
            "relatedChannels": "[{\"channel_url\": \"ch_1\", \"name\": \"x\"}]", "messageCount": 3
        }))
        .unwrap();
        assert!(ticket.open);
        assert_eq!(
            (ticket.status.as_deref(), ticket.team.as_deref()),
            (Some("PENDING"), Some("vip"))
        );
        assert_eq!(ticket.fields.unwrap()["items"].expose(), "3");
        assert_eq!(ticket.related, Some(vec!["ch_1".to_owned()]));

        assert_eq!(
            (ticket.customer_id, ticket.sendbird_id.as_deref()),
            (Some(5_556_923), Some("user_1"))
        );
    }

    #[test]
    fn a_ticket_is_closed_if_anything_says_so() {
        for closed in [
            json!({"status2": "CLOSED"}),
            json!({"status": "CLOSED"}),
            json!({"closeStatus": "CLOSED_BY_ADMIN"}),
        ] {
            let mut value = closed;
            value["id"] = 1.into();
            assert!(!ticket(&value).unwrap().open);
        }
        assert!(ticket(&json!({"id": 1, "status2": "SOMETHING_NEW"})).unwrap().open);
    }

    #[test]
    fn page_has_results_and_maybe_a_count() {
        let read = |value: &Value| page(value, ticket);
        let counted = read(&json!({"count": 3, "results": [{"id": 1}, {}]})).unwrap();
        let bare = read(&json!({"results": []})).unwrap();
        assert_eq!((counted.count, counted.received, counted.items.len()), (Some(3), 2, 1));
        assert_eq!((bare.count, bare.received), (None, 0));
        assert!(read(&json!({"count": 0})).is_none() && read(&json!([])).is_none());
    }

    #[test]
    fn only_the_id_is_required() {
        let bare = ticket(
            &json!({"id": 1, "group": null, "customFields": null, "relatedChannels": "oops"}),
        )
        .unwrap();
        assert_eq!((bare.fields, bare.team, bare.related), (None, None, None));
        for none in [json!(null), json!(""), json!([]), json!("[]")] {
            assert_eq!(
                ticket(&json!({"id": 1, "relatedChannels": none})).unwrap().related,
                Some(Vec::new())
            );
        }

        for none in [json!({}), json!({"id": "1"}), json!({"id": 0}), json!(null), json!([])] {
            assert_eq!(ticket(&none), None);
        }
    }

    #[test]
    fn custom_fields_travel_as_one_text_of_texts() {
        let value = FieldValue {
            key: FieldKey::parse("items").unwrap(),
            text: "3".to_owned().into(),
            is_integer: true,
            truncated: false,
        };

        let ticket = NewTicket {
            title: "T",
            customer_id: 5,
            values: &[value],
            priority: Some(Priority::High),
            team: None,
            related: Some("ch_1"),
        };

        let expected = json!({
            "channelName": "T", "customerId": 5, "customFields": "{\"items\":\"3\"}", "priority": "HIGH",
            "relatedChannelUrls": "ch_1"
        });
        assert_eq!(ticket.body(), expected);
    }

    #[test]
    fn ticket_of_another_customer_or_channel_is_refused() {
        let asked = NewTicket {
            title: "T",
            customer_id: 5,
            values: &[],
            priority: None,
            team: None,
            related: Some("ch_1"),
        };

        let is = |shown: Value| asked.may_be(&ticket(&shown).unwrap());
        let channels = "[{\"channel_url\": \"ch_0\"}, {\"channel_url\": \"ch_1\"}]";
        assert!(is(json!({"id": 1})));
        assert!(is(
            json!({"id": 1, "customer": {"id": 5}, "channelName": "t…", "relatedChannels": channels})
        ));
        assert!(!is(json!({"id": 1, "customer": {"id": 6}})));

        assert!(!is(json!({"id": 1, "relatedChannels": "[{\"channel_url\": \"ch_2\"}]"})));
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(text in r#"[\{\}\[\]":,a-zA-Z0-9]{0,60}"#) {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let _ = (ticket(&value), page(&value, ticket).is_some());
            }
        }
    }
}
