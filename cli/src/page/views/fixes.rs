//! What a reader can do about a key that reaches no field, as buttons: each changes the fields
//! document in the editor, and nothing else.

use desk_handoff::fields::{Entry as Line, Outcome};
use desk_handoff::rules::Rules;
use maud::{Markup, html};

/// A change of the fields document.
#[derive(Debug, PartialEq, Eq)]
struct Fix<'l> {
    text: &'static str,
    /// The key that an alias leads on, if one is needed.
    alias: Option<&'l str>,
    /// The field that it leads to, or that is listed anew.
    field: Option<&'l str>,
    /// The key that is never sent any more.
    deny: Option<&'l str>,
}

/// The buttons for this key.
pub(crate) fn buttons(line: &Line, rules: &Rules) -> Markup {
    html! {
        @for fix in fixes(line, rules) {
            " "
            button.small type="button" data-fix="" data-alias=[fix.alias] data-field=[fix.field] data-deny=[fix.deny] {
                (fix.text)
            }
        }
    }
}

fn fixes<'l>(line: &'l Line, rules: &Rules) -> Vec<Fix<'l>> {
    let is_listed =
        |key: &str| rules.fields.iter().flatten().any(|field| field.key.as_str() == key);
    let key = line.key.as_str();
    let near = line.hint.as_deref();
    let first = match (line.outcome, near) {
        (Outcome::InvalidKey | Outcome::Unmatched, Some(near)) => {
            let text =
                if is_listed(near) { "Add this alias" } else { "Add the field and the alias" };
            Fix { text, alias: Some(key), field: Some(near), deny: None }
        }
        (Outcome::Unmatched, None) => {
            Fix { text: "List it as a field", alias: None, field: Some(key), deny: None }
        }
        // The others are for the AI agent to put right, or need nothing.
        (
            Outcome::InvalidKey
            | Outcome::Written
            | Outcome::Truncated
            | Outcome::Unchanged
            | Outcome::Kept
            | Outcome::WrongType
            | Outcome::NotAnOption
            | Outcome::NotScalar
            | Outcome::Empty
            | Outcome::Denied
            | Outcome::Superseded
            | Outcome::OverLimit
            | Outcome::Rejected
            | Outcome::Left,
            _,
        ) => return Vec::new(),
    };
    vec![first, Fix { text: "Never send it", alias: None, field: None, deny: Some(key) }]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn offered(line: serde_json::Value) -> Vec<&'static str> {
        let rules = Rules::parse(r#"{"fields": [{"key": "order-id", "type": "text"}]}"#).unwrap();
        let line: Line = serde_json::from_value(line).unwrap();
        fixes(&line, &rules).into_iter().map(|fix| fix.text).collect()
    }

    #[test]
    fn near_field_is_reached_by_an_alias() {
        let line = |hint| json!({"key": "orderId", "outcome": "invalid-key", "hint": hint});
        assert_eq!(offered(line("order-id")), ["Add this alias", "Never send it"]);
        assert_eq!(offered(line("order-no")), ["Add the field and the alias", "Never send it"]);
    }

    #[test]
    fn legal_key_becomes_a_field() {
        let line = json!({"key": "note", "outcome": "unmatched"});
        assert_eq!(offered(line), ["List it as a field", "Never send it"]);
    }

    #[test]
    fn what_the_agent_must_put_right_has_no_button() {
        for outcome in ["written", "wrong-type", "denied", "empty"] {
            assert!(offered(json!({"key": "order-id", "outcome": outcome})).is_empty());
        }
    }
}
