//! Reads a `fields` document, and says everything that is wrong with it, each with its place.
//!
//! What is not known is refused: a misspelt setting that is ignored is a field that stays empty.
//! What is known and can never work, such as an alias for a field that is not defined, is refused, too.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    BuiltIn, Choice, Field, FieldKey, FieldKind, GRACE_SECONDS, KnownDesk, MAX_GRACE_SECONDS,
    MAX_TITLE, MAX_VALUE, Overwrite, Priority, Rules, Source, TeamKey, TicketRules, Title,
    WhenClosed, WhenMissing,
};
use crate::json_reader::{Object, ReadError, Reader, join};

/// The parts of a document. An editor finds the schema by `$schema`; here it means nothing.
const PARTS: [&str; 7] =
    ["$schema", "fields", "aliases", "deny", "deny_credentials", "ticket", "desk"];

impl Rules {
    /// Reads a document.
    ///
    /// # Errors
    /// Every problem at once, in the order of the document's parts.
    pub fn parse(text: &str) -> Result<Self, Vec<ReadError>> {
        let document: Value = serde_json::from_str(text).map_err(|error| {
            let path = format!("line {}, column {}", error.line(), error.column());
            vec![ReadError { path, message: "is not JSON".to_owned() }]
        })?;
        let mut reader = Reader::default();
        let rules = reader.rules(&document);
        reader.finish(Some(rules))
    }
}

impl Reader {
    fn rules(&mut self, document: &Value) -> Rules {
        let Some(parts) = self.closed_object("", document, &PARTS) else {
            return Rules::default();
        };
        let fields = parts.get("fields").map(|value| self.fields(value));
        let named = parts.get("fields").map(named_keys);
        let aliases = parts
            .get("aliases")
            .map(|value| self.aliases(value, named.as_deref()))
            .unwrap_or_default();
        let deny = parts.get("deny").map(|value| self.deny(value)).unwrap_or_default();
        let deny_credentials =
            parts.get("deny_credentials").is_none_or(|value| self.truth("deny_credentials", value));
        let ticket = parts.get("ticket").map(|value| self.ticket(value)).unwrap_or_default();
        let desk = parts.get("desk").map(|value| self.desk(value)).unwrap_or_default();

        Rules { fields, aliases, deny, deny_credentials, ticket, desk }
    }

    fn fields(&mut self, value: &Value) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        // An entry that is wrong otherwise names its key, too.
        let keys = named_keys(value);
        for (index, item) in self.array("fields", value).iter().enumerate() {
            let path = format!("fields[{index}]");
            if let Some(key) = keys[index].filter(|key| keys[..index].contains(&Some(key))) {
                self.report(&join(&path, "key"), format!("{key} is there already"));
            }
            fields.extend(self.field(&path, item));
        }

        fields
    }

    fn field(&mut self, path: &str, value: &Value) -> Option<Field> {
        let parts = self.closed_object(path, value, &["key", "type", "options", "from"])?;
        let key = self
            .required(path, parts, "key")
            .and_then(|value| self.field_key(&join(path, "key"), value));
        let kind = self
            .required(path, parts, "type")
            .and_then(|value| self.kind(path, value, parts.get("options")));
        let from = parts.get("from").map(|value| self.source(&join(path, "from"), value));
        let from = match from {
            // It is there and wrong, which is reported already: the field must not get another
            // source.
            Some(None) => return None,
            Some(Some(source)) => Some(source),
            None => None,
        };

        Some(Field { key: key?, kind: kind?, from })
    }

    fn kind(&mut self, path: &str, value: &Value, options: Option<&Value>) -> Option<FieldKind> {
        let name = self.string(&join(path, "type"), value)?;
        let path_of_options = join(path, "options");
        match (name, options) {
            ("dropdown", Some(options)) => {
                return Some(FieldKind::Dropdown(self.options(&path_of_options, options)));
            }
            ("dropdown", None) => self.report(&path_of_options, "is required for a dropdown"),
            // Ignored, they would make somebody believe that values are checked against them.
            ("text" | "integer" | "link", Some(_)) => {
                self.report(&path_of_options, "is for a dropdown only")
            }
            ("text", None) => return Some(FieldKind::Text),
            ("integer", None) => return Some(FieldKind::Integer),
            ("link", None) => return Some(FieldKind::Link),
            _ => self.report(&join(path, "type"), "must be text, integer, link or dropdown"),
        }

        None
    }

    fn options(&mut self, path: &str, value: &Value) -> Vec<String> {
        let mut options: Vec<String> = Vec::new();
        let items = self.array(path, value);
        if items.is_empty() && value.is_array() {
            self.report(path, "must name at least one option");
        }
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Some(option) = self.filled(&path, item) else { continue };
            if option.encode_utf16().count() > MAX_VALUE {
                self.report(&path, format!("is longer than {MAX_VALUE} characters"));
            } else if options.iter().any(|earlier| earlier == option) {
                self.report(&path, "is there already");
            }
            options.push(option.to_owned());
        }

        options
    }

    fn aliases(
        &mut self,
        value: &Value,
        fields: Option<&[Option<&str>]>,
    ) -> BTreeMap<String, FieldKey> {
        let mut aliases = BTreeMap::new();
        let Some(parts) = self.object("aliases", value) else { return aliases };
        for (alias, target) in parts {
            let path = join("aliases", alias);
            let Some(target) = self.field_key(&path, target) else { continue };
            if let Some(fields) = fields {
                if !fields.contains(&Some(target.as_str())) {
                    self.report(&path, format!("{target} is not among the fields"));
                } else if fields.contains(&Some(alias.as_str())) {
                    self.report(&path, "is a field of its own and needs no alias");
                }
            }
            aliases.insert(alias.clone(), target);
        }

        aliases
    }

    fn deny(&mut self, value: &Value) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        for (index, item) in self.array("deny", value).iter().enumerate() {
            keys.extend(self.filled(&format!("deny[{index}]"), item).map(str::to_owned));
        }
        keys
    }

    fn ticket(&mut self, value: &Value) -> TicketRules {
        let known = [
            "title",
            "priority",
            "team",
            "when_missing",
            "grace_seconds",
            "when_closed",
            "overwrite",
            "opening_message",
        ];

        let Some(parts) = self.closed_object("ticket", value, &known) else {
            return TicketRules::default();
        };
        let mut ticket = TicketRules::default();

        if let Some(value) = parts.get("title") {
            ticket.title = self.title("ticket.title", value).unwrap_or_default();
        }

        let priority =
            // In Desk's spelling only, as the schema has it: an editor and this check must agree.
            |text: &str| Priority::NAMES.contains(&text).then(|| Priority::parse(text)).flatten();
        ticket.priority = parts.get("priority").and_then(|value| {
            self.choice("ticket.priority", value, priority, "must be LOW, MEDIUM, HIGH or URGENT")
        });
        let team_rule = "must be a team key: lowercase letters, digits, - and _";
        ticket.team = parts
            .get("team")
            .and_then(|value| self.choice("ticket.team", value, TeamKey::parse, team_rule));
        ticket.when_missing = self.one_of(
            parts,
            "when_missing",
            &[
                ("create", WhenMissing::Create),
                ("wait", WhenMissing::Wait),
                ("leave", WhenMissing::Leave),
                // As the first edition wrote it.
                ("retry", WhenMissing::Wait),
            ],
        );
        if let Some(value) = parts.get("grace_seconds") {
            ticket.grace_seconds = self.grace("ticket.grace_seconds", value);
        }
        ticket.when_closed = self.one_of(
            parts,
            "when_closed",
            &[("create", WhenClosed::Create), ("leave", WhenClosed::Leave)],
        );
        ticket.overwrite = self.one_of(
            parts,
            "overwrite",
            &[("own", Overwrite::Own), ("always", Overwrite::Always), ("never", Overwrite::Never)],
        );
        ticket.opening_message = parts
            .get("opening_message")
            .and_then(|value| self.filled("ticket.opening_message", value))
            .map(str::to_owned);

        ticket
    }

    fn desk(&mut self, value: &Value) -> KnownDesk {
        let Some(parts) = self.closed_object("desk", value, &["lists_are_current"]) else {
            return KnownDesk::default();
        };
        let known = parts.get("lists_are_current");
        KnownDesk {
            lists_are_current: known
                .is_some_and(|value| self.truth("desk.lists_are_current", value)),
        }
    }

    fn truth(&mut self, path: &str, value: &Value) -> bool {
        if !value.is_boolean() {
            self.report(path, "must be true or false");
        }
        value.as_bool().unwrap_or(true)
    }

    fn grace(&mut self, path: &str, value: &Value) -> u64 {
        let seconds = value.as_u64().filter(|seconds| *seconds <= MAX_GRACE_SECONDS);
        seconds.unwrap_or_else(|| {
            self.report(path, format!("must be a whole number from 0 to {MAX_GRACE_SECONDS}"));
            GRACE_SECONDS
        })
    }

    fn title(&mut self, path: &str, value: &Value) -> Option<Title> {
        let text = self.filled(path, value)?;
        if text.encode_utf16().count() > MAX_TITLE {
            self.report(path, format!("is longer than {MAX_TITLE} characters"));
        }
        // Parsed although it is too long, so that both problems are reported at once.
        Title::parse(text).map_err(|message| self.report(path, message)).ok()
    }

    fn choice<T>(
        &mut self,
        path: &str,
        value: &Value,
        parse: impl Fn(&str) -> Option<T>,
        rule: &str,
    ) -> Option<Choice<T>> {
        let parts = self.closed_object(path, value, &["from", "value"])?;
        match (parts.get("from"), parts.get("value")) {
            (Some(from), None) => self.source(&join(path, "from"), from).map(Choice::From),
            (None, Some(value)) => {
                let path = join(path, "value");
                let chosen = self.string(&path, value).map(&parse)?;
                if chosen.is_none() {
                    self.report(&path, rule);
                }
                chosen.map(Choice::Value)
            }
            _ => {
                self.report(path, "must have either from or value");
                None
            }
        }
    }

    fn source(&mut self, path: &str, value: &Value) -> Option<Source> {
        let name = self.filled(path, value)?;
        let Some(built_in) = name.strip_prefix('$') else {
            return Some(Source::Context(name.to_owned()));
        };
        let found = BuiltIn::parse(built_in).map(Source::BuiltIn);

        if found.is_none() {
            self.report(
                path,
                format!("is not a built-in; known, each after a $, are {}", BuiltIn::names()),
            );
        }

        found
    }

    fn one_of<T: Copy + Default>(
        &mut self,
        parts: &Object,
        name: &str,
        choices: &[(&str, T)],
    ) -> T {
        let Some(value) = parts.get(name) else { return T::default() };
        let chosen = choices.iter().find(|(choice, _)| value.as_str() == Some(choice));
        chosen.map(|(_, chosen)| *chosen).unwrap_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.report(&join("ticket", name), format!("must be {}", names.join(" or ")));
            T::default()
        })
    }

    fn field_key(&mut self, path: &str, value: &Value) -> Option<FieldKey> {
        let key = FieldKey::parse(self.string(path, value)?);
        if key.is_none() {
            self.report(path, "must be a field key: lowercase letters, digits and dashes, 1 to 20");
        }
        key
    }
}

/// The keys of the list of fields, entry by entry, whatever else is wrong with an entry.
fn named_keys(fields: &Value) -> Vec<Option<&str>> {
    let entries = fields.as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().map(|entry| entry.get("key").and_then(Value::as_str)).collect()
}
