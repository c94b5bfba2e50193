//! What a document may say and surely does not mean: warnings, each with its place.
//!
//! Pure. The document holds and is used as it stands; an error is what [`Rules::parse`] refuses.

use super::{BuiltIn, Field, Rules, Source, Title, TitlePart};
use crate::fields::MAX_FIELDS;
use crate::json_reader::{ReadError, join};

/// The path of the warning that new tickets are invisible.
pub const OPENING_MESSAGE: &str = "ticket.opening_message";

/// What is to be known of tickets that are made without an opening message (desk-wire section 3.3).
const INVISIBLE: &str = "is missing: no agent sees a new ticket before the customer writes \
    (it also needs the parameter chat-api-token)";

impl Rules {
    /// Settings that defeat each other or the human agent, in the order of the document's parts.
    pub fn warnings(&self) -> Vec<ReadError> {
        let fields = self.fields.as_deref().unwrap_or_default();
        let mut warnings = Vec::new();
        let mut warn = |path: &str, message: String| {
            warnings.push(ReadError { path: path.to_owned(), message });
        };

        if fields.len() > MAX_FIELDS {
            let text = format!(
                "is beyond the {MAX_FIELDS} fields that a ticket holds: where a handoff fills more, the last ones are left out"
            );
            warn(&format!("fields[{MAX_FIELDS}]"), text);
        }
        for (alias, _) in self.aliases.iter().filter(|(alias, key)| *alias == key.as_str()) {
            warn(&join("aliases", alias), "is an alias of itself, which does nothing".to_owned());
        }
        for (key, field) in self.denied_sources(fields) {
            warn("deny", format!("{key:?} is never sent, and the field {field} is filled from it"));
        }
        if self.ticket.title.can_be_empty() {
            warn("ticket.title", "is empty where a handoff says none of its places".to_owned());
        }
        if self.ticket.makes_tickets() && self.ticket.opening_message.is_none() {
            warn(OPENING_MESSAGE, INVISIBLE.to_owned());
        }

        warnings
    }

    /// Denied keys that would fill something, and what.
    fn denied_sources(&self, fields: &[Field]) -> Vec<(&str, String)> {
        let mut denied = Vec::new();
        for key in &self.deny {
            let own = fields.iter().filter(|field| field.key.as_str() == key);
            let from = fields
                .iter()
                .filter(|field| field.from.as_ref().is_some_and(|from| from.is_context(key)));
            let names = own.chain(from).map(|field| field.key.to_string());
            let alias = self.aliases.get(key).map(ToString::to_string);
            let ticket =
                self.ticket.draws_on(key).then(|| "of the ticket (priority or team)".to_owned());

            denied.extend(names.chain(alias).chain(ticket).map(|field| (key.as_str(), field)));
        }
        denied
    }
}

impl Source {
    fn is_context(&self, key: &str) -> bool {
        match self {
            Self::Context(name) => name == key,
            Self::BuiltIn(_) => false,
        }
    }
}

impl Title {
    /// Whether it has no text of its own, and no place that every handoff fills.
    fn can_be_empty(&self) -> bool {
        self.parts().iter().all(|part| match part {
            TitlePart::Text(text) => text.trim().is_empty(),
            TitlePart::Place(place) => match place {
                // Every handoff has these: one without a user is refused, and an event without an
                // id gets one.
                BuiltIn::UserId | BuiltIn::EventId => false,
                BuiltIn::ConversationId
                | BuiltIn::ChannelUrl
                | BuiltIn::ChannelType
                | BuiltIn::Language
                | BuiltIn::Country
                | BuiltIn::AiAgentId
                | BuiltIn::HandoffAt => true,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(document: serde_json::Value) -> Vec<String> {
        let rules = Rules::parse(&document.to_string()).expect("the document holds");
        let warnings = rules.warnings();
        warnings.into_iter().map(|warning| warning.path).collect()
    }

    fn visible(mut document: serde_json::Value) -> serde_json::Value {
        document["ticket"]["opening_message"] = "Handed over.".into();
        document
    }

    #[test]
    fn ordinary_document_has_no_warning() {
        let document = serde_json::json!({
            "fields": [{"key": "a", "type": "text"}], "aliases": {"A": "a"}, "deny": ["b"]
        });
        assert_eq!(warned(visible(document)), Vec::<String>::new());
    }

    #[test]
    fn ticket_without_an_opening_message_is_invisible() {
        assert_eq!(warned(serde_json::json!({})), ["ticket.opening_message"]);
        let leave = serde_json::json!({"ticket": {"when_missing": "leave"}});
        assert_eq!(warned(leave), ["ticket.opening_message"], "a closed one has a successor");
        for ticket in [
            serde_json::json!({"when_missing": "wait"}),
            serde_json::json!({"when_missing": "leave", "when_closed": "leave"}),
        ] {
            let document = serde_json::json!({"ticket": ticket});
            assert_eq!(warned(document), Vec::<String>::new(), "nothing is made");
        }
    }

    #[test]
    fn twenty_first_field_is_warned_of() {
        let fields = |count: usize| {
            let fields: Vec<_> = (0..count)
                .map(|number| serde_json::json!({"key": format!("k{number}"), "type": "text"}))
                .collect();
            visible(serde_json::json!({"fields": fields}))
        };
        assert_eq!(warned(fields(20)), Vec::<String>::new());
        assert_eq!(warned(fields(21)), ["fields[20]"]);
    }

    #[test]
    fn denied_source_of_a_field_is_warned_of() {
        let document = serde_json::json!({
            "fields": [{"key": "a", "type": "text"}, {"key": "b", "type": "text", "from": "B"}],
            "aliases": {"A": "a"}, "deny": ["a", "B", "A", "other", "prio"],
            "ticket": {"priority": {"from": "prio"}},
        });
        assert_eq!(warned(visible(document)), ["deny"; 4]);
    }

    #[test]
    fn alias_of_itself_is_warned_of() {
        let document = visible(serde_json::json!({"aliases": {"a": "a", "B": "b"}}));
        assert_eq!(warned(document), ["aliases.a"]);
    }

    #[test]
    fn title_that_can_be_empty_is_warned_of() {
        let titled = |title: &str| warned(visible(serde_json::json!({"ticket": {"title": title}})));
        assert_eq!(titled("{conversation.id} {language}"), ["ticket.title"]);
        assert_eq!(titled("{user.id}"), Vec::<String>::new());
        assert_eq!(titled("Chat {language}"), Vec::<String>::new());
    }
}
