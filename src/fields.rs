//! The heart: context keys against ticket fields, exactly, key for key, with a stated outcome for every key.
//!
//! Pure, and in the same order every time. A value is either sent as it is, cut at Desk's limit, or not sent at all:
//! Desk drops unknown keys and wrong types in silence (desk-wire section 4), so nothing leaves that it would drop.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::handoff::Handoff;
use crate::rules::{BuiltIn, Choice, Field, FieldKey, FieldKind, MAX_KEY, MAX_VALUE, Priority, Rules, Source, TeamKey};

/// The most fields that a ticket holds (desk-wire section 4).
pub const MAX_FIELDS: usize = 20;

/// How many keys that match nothing are likened to the fields for a hint: a context of a quarter of a mebibyte has tens of
/// thousands, and each would be held against every field.
const MAX_LIKENED: usize = 100;

/// What became of a context key or of a field with a source of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Sent, and Desk's answer holds it.
    Written,
    /// As written, cut to the field's limit at a character boundary.
    Truncated,
    /// Desk already holds this value.
    Unchanged,
    /// Desk holds another value that this function did not write.
    Kept,
    /// No field has this key.
    Unmatched,
    /// Breaks the key rule, so can never match.
    InvalidKey,
    /// Not an integer, not an http(s) link, or a link too long to be sent whole.
    WrongType,
    /// Not among the dropdown's options.
    NotAnOption,
    /// An object or an array.
    NotScalar,
    /// Null or blank: never sent, so never clears a field.
    Empty,
    /// On the deny list.
    Denied,
    /// Beyond Desk's 20 fields.
    OverLimit,
    /// Sent, and Desk refused it or its answer does not hold it.
    Rejected,
    /// Would have been sent, but the rules leave the ticket alone (`when_missing`, `when_closed`).
    Left,
}

impl Outcome {
    /// Whether the human agent finds the value in the ticket.
    pub fn is_filled(self) -> bool {
        matches!(self, Self::Written | Self::Truncated | Self::Unchanged)
    }
}

/// One line of the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The context key, or the key of a field with a source of its own.
    pub key: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The ticket field that it went to, where the name differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What would have matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What would be sent: in a preview only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Private>,
}

/// A customer's value. Serialises as itself, prints as nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Private(String);

impl Private {
    /// The value itself, on its way to Desk or into a preview.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Private {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(private)")
    }
}

/// A value that Desk's rules allow, for a field of the ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldValue {
    /// The ticket field.
    pub key: FieldKey,
    /// At most [`MAX_VALUE`] UTF-16 units, never blank.
    pub text: Private,
    /// Whether Desk may answer with another spelling of the same number.
    pub is_integer: bool,
    /// Whether the end was cut off.
    pub truncated: bool,
}

/// Everything that is to be sent, and the outcome of everything that is not.
#[derive(Debug, Clone, Default)]
pub struct Matched {
    /// At most [`MAX_FIELDS`], no key twice.
    pub values: Vec<FieldValue>,
    /// The ticket's priority, if one is asked for.
    pub priority: Option<Priority>,
    /// The ticket's team, if one is asked for.
    pub team: Option<TeamKey>,
    rows: Vec<Row>,
}

/// What became of the things sent, in the places of [`Matched`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdicts {
    /// One for each of [`Matched::values`].
    pub values: Vec<Outcome>,
    /// Of the priority.
    pub priority: Outcome,
    /// Of the team.
    pub team: Outcome,
}

impl Verdicts {
    /// The same outcome for everything that `matched` sends.
    pub fn all(matched: &Matched, outcome: Outcome) -> Self {
        Self { values: vec![outcome; matched.values.len()], priority: outcome, team: outcome }
    }
}

#[derive(Debug, Clone)]
struct Row {
    key: String,
    field: Option<String>,
    fate: Fate,
}

/// Decided here, or by what Desk says of the thing sent.
#[derive(Debug, Clone)]
enum Fate {
    Decided(Refusal),
    Value(usize),
    Priority,
    Team,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal {
    outcome: Outcome,
    hint: Option<String>,
}

impl From<Outcome> for Refusal {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, hint: None }
    }
}

impl Matched {
    /// The result's lines: one for every context key and every field with a source of its own. Configured fields come
    /// first, in their order, the rest by name.
    pub fn entries(&self, verdicts: &Verdicts, with_values: bool) -> Vec<Entry> {
        let entry = |row: &Row| {
            let (outcome, hint, value) = match &row.fate {
                Fate::Decided(refusal) => (refusal.outcome, refusal.hint.clone(), None),
                Fate::Value(index) => (verdicts.values[*index], None, Some(self.values[*index].text.clone())),
                Fate::Priority => {
                    (verdicts.priority, None, self.priority.map(|priority| priority.as_str().to_owned().into()))
                }
                Fate::Team => (verdicts.team, None, self.team.as_ref().map(|team| team.as_str().to_owned().into())),
            };
            let value = value.filter(|_| with_values);
            Entry { key: row.key.clone(), outcome, field: row.field.clone(), hint, value }
        };
        self.rows.iter().map(entry).collect()
    }
}

/// Matches the handoff's context against the rules.
pub fn match_fields(rules: &Rules, handoff: &Handoff) -> Matched {
    let mut matching = Matching { rules, handoff, matched: Matched::default(), fates: BTreeMap::new() };
    match &rules.fields {
        Some(fields) => fields.iter().for_each(|field| matching.configured(field)),
        None => matching.every_legal_key(),
    }
    matching.priority();
    matching.team();
    matching.remaining_keys();
    matching.matched
}

/// What a built-in says of this handoff.
pub fn built_in(handoff: &Handoff, name: BuiltIn) -> Option<&str> {
    match name {
        BuiltIn::ConversationId => handoff.conversation.id.as_deref(),
        BuiltIn::ChannelUrl => handoff.conversation.channel_url.as_deref(),
        BuiltIn::UserId => Some(&handoff.user_id),
        BuiltIn::ChannelType => handoff.conversation.channel_type.as_deref(),
        BuiltIn::Language => handoff.language.as_deref(),
        BuiltIn::Country => handoff.country.as_deref(),
        BuiltIn::AiAgentId => handoff.ai_agent_id.as_deref(),
        BuiltIn::HandoffAt => handoff.handoff_at.as_deref(),
        BuiltIn::EventId => Some(&handoff.event_id),
    }
}

struct Matching<'a> {
    rules: &'a Rules,
    handoff: &'a Handoff,
    matched: Matched,
    /// Context keys that something was made of, and their place among the rows if they have one.
    fates: BTreeMap<&'a str, (Option<String>, Fate)>,
}

impl<'a> Matching<'a> {
    /// A context value that may be used: there, and not denied.
    fn context(&self, key: &str) -> Result<Option<&'a Value>, Refusal> {
        if self.rules.deny.contains(key) && self.handoff.context.0.contains_key(key) {
            return Err(Outcome::Denied.into());
        }
        Ok(self.handoff.context.0.get(key))
    }

    fn configured(&mut self, field: &'a Field) {
        match &field.from {
            Some(source) => self.sourced(field, source),
            None => {
                let Some(key) = self.matching_key(&field.key) else { return };
                let fate = self
                    .context(key)
                    .and_then(|value| convert(&field.kind, value))
                    .map_or_else(Fate::Decided, |(text, truncated)| {
                        self.send(&field.key, &field.kind, text, truncated)
                    });
                self.row(key, &field.key, fate);
            }
        }
    }

    /// The context key that fills this field: its own, else the first alias that is there. One that is empty, or an alias
    /// that is denied, stands back behind one that has a value.
    fn matching_key(&mut self, field: &FieldKey) -> Option<&'a str> {
        let (rules, context) = (self.rules, &self.handoff.context.0);
        let own = context.get_key_value(field.as_str()).map(|(key, _)| key.as_str());
        // Without a list of fields a key may have an alias and be one.
        let own = own.filter(|own| !rules.aliases.contains_key(*own));
        let aliases = rules.aliases.iter().filter(|(alias, target)| *target == field && context.contains_key(*alias));
        let keys: Vec<&'a str> = own.into_iter().chain(aliases.map(|(alias, _)| alias.as_str())).collect();
        let stands_back = |key: &&&str| match self.context(key) {
            Ok(value) => is_empty(value),
            Err(_) => Some(**key) != own,
        };
        let empty = keys.iter().take_while(stands_back).count();
        let Some(chosen) = keys.get(empty) else { return keys.first().copied() };
        for key in &keys[..empty] {
            if !rules.deny.contains(*key) {
                self.fates.insert(key, (None, Fate::Decided(Outcome::Empty.into())));
            }
        }
        Some(chosen)
    }

    /// A field with a source of its own has a line of its own; the context key it draws on shares its fate.
    fn sourced(&mut self, field: &'a Field, source: &'a Source) {
        let value = match source {
            Source::Context(key) => self.context(key).map(|value| value.cloned()),
            Source::BuiltIn(name) => Ok(built_in(self.handoff, *name).map(Value::from)),
        };
        let fate = value
            .and_then(|value| convert(&field.kind, value.as_ref()))
            .map_or_else(Fate::Decided, |(text, truncated)| self.send(&field.key, &field.kind, text, truncated));
        if let Source::Context(key) = source
            && key != field.key.as_str()
            && let Some((key, _)) = self.handoff.context.0.get_key_value(key)
        {
            self.fates.entry(key).or_insert_with(|| (Some(field.key.as_str().to_owned()), fate.clone()));
        }
        self.matched.rows.push(Row { key: field.key.as_str().to_owned(), field: None, fate });
    }

    /// Without a list of fields: whatever Desk could know, and the rules have no other use for, is sent as text, and its
    /// answer tells what it kept.
    fn every_legal_key(&mut self) {
        let rules = self.rules;
        let mut targets: BTreeSet<FieldKey> = BTreeSet::new();
        for key in sorted_keys(self.handoff).filter(|key| !rules.ticket.draws_on(key)) {
            targets.extend(rules.aliases.get(key).cloned().or_else(|| FieldKey::parse(key)));
        }
        for target in targets {
            let Some(key) = self.matching_key(&target) else { continue };
            let fate = self
                .context(key)
                .and_then(|value| convert(&FieldKind::Text, value))
                .map_or_else(Fate::Decided, |(text, truncated)| self.send(&target, &FieldKind::Text, text, truncated));
            self.row(key, &target, fate);
        }
    }

    fn send(&mut self, key: &FieldKey, kind: &FieldKind, text: String, truncated: bool) -> Fate {
        if self.matched.values.len() == MAX_FIELDS {
            return Fate::Decided(Outcome::OverLimit.into());
        }
        let is_integer = *kind == FieldKind::Integer;
        self.matched.values.push(FieldValue { key: key.clone(), text: text.into(), is_integer, truncated });
        Fate::Value(self.matched.values.len() - 1)
    }

    fn row(&mut self, key: &'a str, field: &FieldKey, fate: Fate) {
        let field = (key != field.as_str()).then(|| field.as_str().to_owned());
        self.fates.insert(key, (field.clone(), fate.clone()));
        self.matched.rows.push(Row { key: key.to_owned(), field, fate });
    }

    fn priority(&mut self) {
        let nearest = |text: &str| Refusal {
            outcome: Outcome::NotAnOption,
            hint: Candidates::from_iter(Priority::NAMES).near(text).map(str::to_owned),
        };
        let read = |text: &str| Priority::parse(text).ok_or_else(|| nearest(text));
        let (choice, wish) = (self.rules.ticket.priority.as_ref(), self.handoff.ticket.priority);
        self.matched.priority = self.choose(choice, wish, read, Fate::Priority);
    }

    fn team(&mut self) {
        let read = |text: &str| TeamKey::parse(text).ok_or_else(|| Outcome::NotAnOption.into());
        let (choice, wish) = (self.rules.ticket.team.as_ref(), self.handoff.ticket.team.clone());
        self.matched.team = self.choose(choice, wish, read, Fate::Team);
    }

    /// What the sender wishes, else what the rules say. A context key that is not followed has its outcome all the same.
    fn choose<T: Clone + PartialEq>(
        &mut self,
        choice: Option<&'a Choice<T>>,
        wish: Option<T>,
        read: impl Fn(&str) -> Result<T, Refusal>,
        fate: Fate,
    ) -> Option<T> {
        let read = |value: Option<&Value>| convert(&FieldKind::Text, value).and_then(|(text, _)| read(&text));
        let chosen = match choice {
            None => None,
            Some(Choice::Value(value)) => Some(value.clone()),
            Some(Choice::From(Source::BuiltIn(name))) => {
                read(built_in(self.handoff, *name).map(Value::from).as_ref()).ok()
            }
            Some(Choice::From(Source::Context(key))) => {
                self.handoff.context.0.get_key_value(key).and_then(|(key, _)| {
                    let chosen = self.context(key).and_then(read);
                    let fate = match &chosen {
                        Err(refusal) => Fate::Decided(refusal.clone()),
                        Ok(chosen) if wish.as_ref().is_some_and(|wish| wish != chosen) => {
                            Fate::Decided(Outcome::Kept.into())
                        }
                        Ok(_) => fate,
                    };
                    self.fates.entry(key).or_insert((None, fate));
                    chosen.ok()
                })
            }
        };
        wish.or(chosen)
    }

    /// A line for every context key that has none yet.
    fn remaining_keys(&mut self) {
        let fields = self.rules.fields.as_deref().unwrap_or_default();
        let mut fields = Likened { fields: fields.iter().map(|field| field.key.as_str()).collect(), left: MAX_LIKENED };
        let has_row: BTreeSet<&str> = self.matched.rows.iter().map(|row| row.key.as_str()).collect();
        let mut rows = Vec::new();
        for key in sorted_keys(self.handoff).filter(|key| !has_row.contains(key)) {
            let (field, fate) = match self.fates.remove(key) {
                Some(known) => known,
                None => (None, Fate::Decided(self.unmatched(key, &mut fields))),
            };
            rows.push(Row { key: key.to_owned(), field, fate });
        }
        self.matched.rows.extend(rows);
    }

    fn unmatched(&self, key: &str, fields: &mut Likened<'_>) -> Refusal {
        if self.rules.deny.contains(key) {
            return Outcome::Denied.into();
        }
        if let Some(target) = self.rules.aliases.get(key) {
            // Its field was filled by a better key.
            return Refusal { outcome: Outcome::Unmatched, hint: Some(target.as_str().to_owned()) };
        }
        let known = fields.near(key);
        match FieldKey::parse(key) {
            Some(_) => Refusal { outcome: Outcome::Unmatched, hint: known.map(str::to_owned) },
            None => {
                let hint = known.map(str::to_owned).or_else(|| legal_form(key));
                Refusal { outcome: Outcome::InvalidKey, hint }
            }
        }
    }
}

fn sorted_keys(handoff: &Handoff) -> impl Iterator<Item = &str> {
    let keys: BTreeSet<&str> = handoff.context.0.keys().map(String::as_str).collect();
    keys.into_iter()
}

/// Null or blank.
fn is_empty(value: Option<&Value>) -> bool {
    value.is_none_or(|value| value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty()))
}

/// The text to send for a value, and whether it was cut; or why none is sent.
fn convert(kind: &FieldKind, value: Option<&Value>) -> Result<(String, bool), Refusal> {
    let text = match value {
        None | Some(Value::Null) => return Err(Outcome::Empty.into()),
        Some(Value::Array(_) | Value::Object(_)) => return Err(Outcome::NotScalar.into()),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(truth)) => truth.to_string(),
    };
    if text.trim().is_empty() {
        return Err(Outcome::Empty.into());
    }
    match kind {
        FieldKind::Text => {
            let cut = cut(&text, MAX_VALUE);
            let truncated = cut.len() < text.len();
            if cut.trim().is_empty() { Err(Outcome::Empty.into()) } else { Ok((cut.to_owned(), truncated)) }
        }
        _ if fits(kind, &text) => Ok((text, false)),
        FieldKind::Integer | FieldKind::Link => Err(Outcome::WrongType.into()),
        FieldKind::Dropdown(options) => Err(Refusal {
            outcome: Outcome::NotAnOption,
            hint: Candidates::from_iter(options.iter().map(String::as_str)).near(&text).map(str::to_owned),
        }),
    }
}

/// Whether a field of this type takes the text; a text field takes any, if need be cut.
pub fn fits(kind: &FieldKind, text: &str) -> bool {
    match kind {
        FieldKind::Text => true,
        FieldKind::Integer => is_integer(text),
        FieldKind::Link => is_link(text),
        FieldKind::Dropdown(options) => options.iter().any(|option| option == text),
    }
}

/// As much of the text's beginning as fits into `limit` UTF-16 units, without half a character.
pub fn cut(text: &str, limit: usize) -> &str {
    let mut units = 0;
    let end = text.char_indices().find(|(_, char)| {
        units += char.len_utf16();
        units > limit
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// As much of the text's beginning as fits into `limit` bytes, without half a character.
pub fn cut_bytes(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// Decimal digits with at most one minus sign, within 64 bits.
fn is_integer(text: &str) -> bool {
    text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<i64>().is_ok()
}

/// An http or https address that arrives whole: half a link is a wrong one. Browsers read `HTTPS:\\a.b` as one too; what
/// Desk does with it nobody knows.
fn is_link(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let web = rest.is_some_and(|rest| !rest.starts_with(['/', '\\'])) && Url::parse(text).is_ok();
    let clean = !text.chars().any(|char| char.is_whitespace() || char.is_control());
    clean && web && text.encode_utf16().count() <= MAX_VALUE
}

/// What a text may have been meant for, each beside its letters and digits.
struct Candidates<'c>(Vec<(&'c str, String)>);

impl<'c> FromIterator<&'c str> for Candidates<'c> {
    fn from_iter<I: IntoIterator<Item = &'c str>>(texts: I) -> Self {
        Self(texts.into_iter().map(|text| (text, letters(text))).collect())
    }
}

impl<'c> Candidates<'c> {
    /// The candidate that was probably meant: the same letters and digits in the same order, else one slip of the pen
    /// away.
    fn near(&self, text: &str) -> Option<&'c str> {
        if text.len() > 4 * MAX_VALUE {
            return None;
        }
        let wanted = letters(text);
        let same = self.0.iter().find(|(_, letters)| *letters == wanted);
        let close = |(text, letters): &&(&str, String)| {
            let comparable = text.len() <= MAX_VALUE && wanted.len().min(letters.len()) >= 4;
            comparable && wanted.len().abs_diff(letters.len()) <= 4 && strsim::osa_distance(&wanted, letters) <= 1
        };
        same.or_else(|| self.0.iter().find(close)).map(|(text, _)| *text)
    }
}

/// The fields, for so many keys that may be likened to them.
struct Likened<'c> {
    fields: Candidates<'c>,
    left: usize,
}

impl<'c> Likened<'c> {
    fn near(&mut self, key: &str) -> Option<&'c str> {
        self.left = self.left.checked_sub(1)?;
        self.fields.near(key)
    }
}

fn letters(text: &str) -> String {
    text.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The key as Desk could know it: `orderId`, `order_id`, `Order Id` become `order-id`; too long a one ends at a dash.
fn legal_form(key: &str) -> Option<String> {
    let mut form = String::new();
    let mut after_small = false;
    for char in key.chars().take(4 * MAX_KEY) {
        if char.is_ascii_alphanumeric() {
            if char.is_ascii_uppercase() && after_small {
                form.push('-');
            }
            form.push(char.to_ascii_lowercase());
        } else if !form.ends_with('-') {
            form.push('-');
        }
        after_small = char.is_ascii_lowercase() || char.is_ascii_digit();
    }
    let mut form = form.trim_matches('-').replace("--", "-");
    if form.len() > MAX_KEY {
        let end = form[..=MAX_KEY].rfind('-').unwrap_or(MAX_KEY);
        form.truncate(end);
    }
    FieldKey::parse(&form).map(|key| key.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handoff::{Context, Conversation, TicketWish};
    use proptest::prelude::*;
    use serde_json::json;

    fn handoff(context: Value) -> Handoff {
        let Value::Object(context) = context else { panic!("a context is an object") };
        Handoff {
            event_id: "evt-1".into(),
            conversation: Conversation {
                id: Some("2647".into()),
                channel_url: Some("channel_1".into()),
                channel_type: Some("messenger".into()),
            },
            user_id: "user_1".into(),
            context: Context(context),
            language: Some("en".into()),
            country: None,
            ai_agent_id: None,
            handoff_at: None,
            ticket: TicketWish::default(),
        }
    }

    fn rules(document: Value) -> Rules {
        Rules::parse(&document.to_string()).unwrap()
    }

    /// The lines as `key outcome[ ->field][ ?hint]`, with everything sent counted as written.
    fn outcomes(rules: &Rules, context: Value) -> Vec<String> {
        let matched = match_fields(rules, &handoff(context));
        let entries = matched.entries(&Verdicts::all(&matched, Outcome::Written), false);
        let line = |entry: Entry| {
            let outcome = json!(entry.outcome);
            let field = entry.field.map(|field| format!(" ->{field}")).unwrap_or_default();
            let hint = entry.hint.map(|hint| format!(" ?{hint}")).unwrap_or_default();
            format!("{} {}{field}{hint}", entry.key, outcome.as_str().unwrap())
        };
        entries.into_iter().map(line).collect()
    }

    fn sent(rules: &Rules, context: Value) -> Vec<(String, String)> {
        let matched = match_fields(rules, &handoff(context));
        matched.values.iter().map(|value| (value.key.to_string(), value.text.expose().to_owned())).collect()
    }

    fn one(kind: &str) -> Rules {
        rules(json!({"fields": [{"key": "f", "type": kind}]}))
    }

    #[test]
    fn a_key_matches_exactly_or_not_at_all() {
        let rules = rules(json!({"fields": [{"key": "order-id", "type": "text"}]}));
        assert_eq!(sent(&rules, json!({"order-id": "ORD-1"})), [("order-id".into(), "ORD-1".into())]);
        assert_eq!(outcomes(&rules, json!({"order-ids": "x"})), ["order-ids unmatched ?order-id"]);
        assert_eq!(outcomes(&rules, json!({"colour": "x"})), ["colour unmatched"]);
    }

    #[test]
    fn the_obvious_near_misses_are_named() {
        let rules = rules(json!({"fields": [{"key": "order-id", "type": "text"}]}));
        for key in ["orderId", "order_id", "Order-Id", "order id", "ORDER.ID", "Order ID ", "oderId"] {
            assert_eq!(outcomes(&rules, json!({ key: 1 })), [format!("{key} invalid-key ?order-id")]);
        }
        for key in ["orderid", "order--id", "odrer-id", "orde-id"] {
            assert_eq!(outcomes(&rules, json!({ key: 1 })), [format!("{key} unmatched ?order-id")]);
        }
    }

    #[test]
    fn an_illegal_key_without_a_near_field_is_shown_its_legal_form() {
        let rules = Rules::default();
        for (key, hint) in [
            ("phone_number", " ?phone-number"),
            ("membershipTier", " ?membership-tier"),
            ("lastHTTPStatus2Code", " ?last-httpstatus2"),
            ("customerLifetimeValueInEuros", " ?customer-lifetime"),
            ("averyverylongkeywithoutanybreak", " ?averyverylongkeywitho"),
            ("______________________________orderId", " ?order-id"),
            ("__", ""),
            ("", ""),
            ("ключ", ""),
        ] {
            let hint = if hint.len() > MAX_KEY + 2 { &hint[..MAX_KEY + 2] } else { hint };
            assert_eq!(outcomes(&rules, json!({ key: 1 })), [format!("{key} invalid-key{hint}")]);
        }
    }

    #[test]
    fn scalars_travel_as_text_and_nothing_else_does() {
        let rules = one("text");
        for (value, text) in [(json!("a b"), "a b"), (json!(1.5), "1.5"), (json!(-3), "-3"), (json!(true), "true")] {
            assert_eq!(sent(&rules, json!({ "f": value })), [("f".into(), text.into())]);
        }
        for (value, outcome) in [
            (json!(null), "empty"),
            (json!(""), "empty"),
            (json!(" \n"), "empty"),
            (json!([1]), "not-scalar"),
            (json!({}), "not-scalar"),
        ] {
            assert_eq!(outcomes(&rules, json!({ "f": value })), [format!("f {outcome}")]);
        }
    }

    #[test]
    fn an_integer_is_whole_and_fits_64_bits() {
        for value in [json!(3), json!("3"), json!("-3"), json!("007"), json!(i64::MIN)] {
            assert_eq!(outcomes(&one("integer"), json!({ "f": value })), ["f written"]);
        }
        for value in
            [json!("3.0"), json!(3.5), json!("+3"), json!(" 3"), json!("٣"), json!(u64::MAX), json!("-"), json!(true)]
        {
            assert_eq!(outcomes(&one("integer"), json!({ "f": value })), ["f wrong-type"], "{value}");
        }
    }

    #[test]
    fn a_link_is_http_and_whole() {
        for value in ["https://shop.example/orders/1?x=1#y", "http://localhost", "https://SHOP.example"] {
            assert_eq!(outcomes(&one("link"), json!({ "f": value })), ["f written"], "{value}");
        }
        let long = format!("https://shop.example/{}", "a".repeat(170));
        for value in [
            "javascript:alert(1)",
            "data:text/html,x",
            "shop.example",
            "https://",
            "https://a b",
            " https://a.b",
            "java\nscript:x",
            "https://a.b\n",
            "https://a.b/c d",
            "https://a.b/\u{7f}",
            "https:a.b",
            "https:javascript:alert(1)",
            "http:\\\\a.b",
            "http:///a.b",
            "HTTPS://a.b",
            &long,
        ] {
            assert_eq!(outcomes(&one("link"), json!({ "f": value })), ["f wrong-type"], "{value}");
        }
    }

    #[test]
    fn a_dropdown_takes_its_options_to_the_letter() {
        let rules = rules(json!({"fields": [{"key": "f", "type": "dropdown", "options": ["Gold plus", "silver"]}]}));
        assert_eq!(outcomes(&rules, json!({"f": "silver"})), ["f written"]);
        for (value, hint) in [
            ("GOLD PLUS", " ?Gold plus"),
            ("goldplus", " ?Gold plus"),
            (" silver ", " ?silver"),
            ("silber", " ?silver"),
            ("tin", ""),
        ] {
            assert_eq!(outcomes(&rules, json!({ "f": value })), [format!("f not-an-option{hint}")]);
        }
    }

    #[test]
    fn nothing_very_short_or_very_long_is_likened() {
        let rules = rules(json!({"fields": [
            {"key": "abc", "type": "text"}, {"key": "abcd", "type": "text"},
            {"key": "tier", "type": "dropdown", "options": ["gold plus"]}
        ]}));
        assert_eq!(outcomes(&rules, json!({"abx": 1})), ["abx unmatched"]);
        assert_eq!(outcomes(&rules, json!({"abcx": 1})), ["abcx unmatched ?abcd"]);
        assert_eq!(outcomes(&rules, json!({"abxd": 1})), ["abxd unmatched ?abcd"]);
        for (dashes, hint) in [(4 * MAX_VALUE - 8, " ?gold plus"), (4 * MAX_VALUE - 7, "")] {
            let value = format!("gold{}plus", "-".repeat(dashes));
            assert_eq!(outcomes(&rules, json!({"tier": value})), [format!("tier not-an-option{hint}")]);
        }
    }

    #[test]
    fn a_long_text_is_cut_at_190_units_between_characters() {
        let matched = match_fields(&one("text"), &handoff(json!({"f": format!("{}😀😀", "é".repeat(187))})));
        assert_eq!(matched.values[0].text.expose(), format!("{}😀", "é".repeat(187)));
        assert!(matched.values[0].truncated);
        let matched = match_fields(&one("text"), &handoff(json!({"f": "é".repeat(190)})));
        assert!(!matched.values[0].truncated);
    }

    #[test]
    fn the_fields_own_key_wins_over_its_aliases() {
        let rules = rules(json!({
            "fields": [{"key": "order-id", "type": "text"}], "aliases": {"orderId": "order-id", "order": "order-id"}
        }));
        assert_eq!(outcomes(&rules, json!({"orderId": "1"})), ["orderId written ->order-id"]);
        let lines = ["order-id written", "order unmatched ?order-id", "orderId unmatched ?order-id"];
        assert_eq!(outcomes(&rules, json!({"orderId": "1", "order": "2", "order-id": "3"})), lines);
        assert_eq!(sent(&rules, json!({"orderId": "1", "order": "2"})), [("order-id".into(), "2".into())]);
    }

    #[test]
    fn a_key_without_a_value_stands_back_behind_an_alias_that_has_one() {
        let document = |deny: &[&str]| {
            json!({
                "fields": [{"key": "order-id", "type": "text"}], "deny": deny,
                "aliases": {"orderId": "order-id", "order": "order-id"}
            })
        };
        let mut listed = rules(document(&[]));
        for _ in 0..2 {
            let lines = ["orderId written ->order-id", "order empty", "order-id empty"];
            assert_eq!(outcomes(&listed, json!({"order-id": null, "order": " ", "orderId": "A"})), lines);
            assert_eq!(sent(&listed, json!({"order": "", "orderId": "A"})), [("order-id".into(), "A".into())]);
            assert_eq!(outcomes(&listed, json!({"order-id": "", "order": null}))[0], "order-id empty");
            // And so without a list of fields.
            listed.fields = None;
        }
        let denied = rules(document(&["order"]));
        let lines = ["orderId written ->order-id", "order denied"];
        assert_eq!(outcomes(&denied, json!({"order": "B", "orderId": "A"})), lines);
        let denied = rules(document(&["order-id"]));
        let lines = ["order-id denied", "orderId unmatched ?order-id"];
        assert_eq!(outcomes(&denied, json!({"order-id": "B", "orderId": "A"})), lines);
    }

    #[test]
    fn a_denied_key_reaches_nothing() {
        let rules = rules(json!({
            "fields": [{"key": "token", "type": "text"}, {"key": "other", "type": "text", "from": "token"}],
            "aliases": {"authToken": "token"}, "deny": ["token", "authToken"],
            "ticket": {"team": {"from": "token"}}
        }));
        let matched = match_fields(&rules, &handoff(json!({"token": "t", "authToken": "t"})));
        assert!(matched.values.is_empty() && matched.team.is_none());
        let lines = ["token denied", "other denied", "authToken denied"];
        assert_eq!(outcomes(&rules, json!({"token": "t", "authToken": "t"})), lines);
        assert_eq!(outcomes(&rules, json!({"authToken": "t"})), ["authToken denied ->token", "other empty"]);
    }

    #[test]
    fn a_field_with_a_source_has_a_line_of_its_own() {
        let rules = rules(json!({"fields": [
            {"key": "lang", "type": "text", "from": "$language"},
            {"key": "land", "type": "text", "from": "$country"},
            {"key": "tier", "type": "text", "from": "membershipTier"}
        ]}));
        let lines = ["lang written", "land empty", "tier written", "membershipTier written ->tier"];
        assert_eq!(outcomes(&rules, json!({"membershipTier": "gold"})), lines);
        assert_eq!(outcomes(&rules, json!({"lang": "ignored"})), ["lang written", "land empty", "tier empty"]);
    }

    #[test]
    fn priority_and_team_come_from_the_context_with_an_outcome() {
        let rules = rules(json!({
            "fields": [], "ticket": {"priority": {"from": "priority"}, "team": {"from": "support-team"}}
        }));
        let matched = match_fields(&rules, &handoff(json!({"priority": "high", "support-team": "vip"})));
        assert_eq!((matched.priority, matched.team), (Some(Priority::High), TeamKey::parse("vip")));
        let lines = ["priority not-an-option ?URGENT", "support-team not-an-option"];
        assert_eq!(outcomes(&rules, json!({"priority": "urgnt", "support-team": "V I P"})), lines);
    }

    #[test]
    fn what_the_sender_wishes_wins_over_the_rules() {
        let rules = rules(json!({"ticket": {"priority": {"value": "LOW"}, "team": {"value": "support"}}}));
        let mut wished = handoff(json!({}));
        assert_eq!(match_fields(&rules, &wished).priority, Some(Priority::Low));
        wished.ticket.priority = Some(Priority::Urgent);
        wished.ticket.team = TeamKey::parse("vip");
        let matched = match_fields(&rules, &wished);
        assert_eq!((matched.priority, matched.team), (Some(Priority::Urgent), TeamKey::parse("vip")));
    }

    #[test]
    fn a_key_whose_value_gives_way_to_the_senders_wish_is_kept_out_and_says_so() {
        let rules = rules(json!({"fields": [], "ticket": {"priority": {"from": "pri"}, "team": {"from": "team"}}}));
        let mut wished = handoff(json!({"pri": "HIGH", "team": "nobody's team"}));
        wished.ticket.priority = Some(Priority::Low);
        wished.ticket.team = TeamKey::parse("vip");
        let lines = |wished: &Handoff| {
            let matched = match_fields(&rules, wished);
            let entries = matched.entries(&Verdicts::all(&matched, Outcome::Written), false);
            entries.into_iter().map(|entry| (entry.key, entry.outcome)).collect::<Vec<_>>()
        };
        assert_eq!(lines(&wished), [("pri".into(), Outcome::Kept), ("team".into(), Outcome::NotAnOption)]);
        wished.ticket.priority = Some(Priority::High);
        assert_eq!(lines(&wished)[0], ("pri".into(), Outcome::Written));
    }

    #[test]
    fn without_a_list_of_fields_the_keys_of_priority_and_team_are_no_fields() {
        let rules = rules(json!({"ticket": {"priority": {"from": "priority"}, "team": {"from": "support-team"}}}));
        let context = json!({"priority": "HIGH", "support-team": "vip", "tier": "gold"});
        assert_eq!(sent(&rules, context.clone()), [("tier".into(), "gold".into())]);
        assert_eq!(outcomes(&rules, context), ["tier written", "priority written", "support-team written"]);
    }

    #[test]
    fn the_twenty_first_field_is_over_the_limit() {
        let context: serde_json::Map<String, Value> = (10..35).map(|n| (format!("k{n}"), json!(n))).collect();
        let lines = outcomes(&Rules::default(), Value::Object(context));
        assert_eq!(lines.iter().filter(|line| line.ends_with("written")).count(), MAX_FIELDS);
        assert_eq!(lines[20], "k30 over-limit");
    }

    #[test]
    fn only_the_first_hundred_keys_are_likened_to_the_fields() {
        let context: serde_json::Map<String, Value> = (100..300).map(|n| (format!("{n}order-id"), json!(1))).collect();
        let fields = ["199order-ids", "200order-ids"].map(|key| json!({"key": key, "type": "text"}));
        let rules = rules(json!({ "fields": fields }));
        let lines = outcomes(&rules, Value::Object(context));
        assert_eq!(lines[99..=100], ["199order-id unmatched ?199order-ids", "200order-id unmatched"]);
        assert_eq!(outcomes(&rules, json!({"200order-id": 1})), ["200order-id unmatched ?200order-ids"]);
        let deny: Vec<String> = (100..300).map(|n| format!("{n}")).collect();
        let rules = self::rules(json!({ "fields": [{"key": "order-id", "type": "text"}], "deny": deny }));
        let mut context: serde_json::Map<String, Value> = deny.iter().map(|key| (key.clone(), json!(1))).collect();
        context.insert("orderId".into(), json!(1));
        let lines = outcomes(&rules, Value::Object(context));
        assert_eq!(lines.last().unwrap(), "orderId invalid-key ?order-id", "what is denied is likened to nothing");
    }

    #[test]
    fn a_field_is_filled_if_the_human_finds_the_value_in_it() {
        let filled = [Outcome::Written, Outcome::Truncated, Outcome::Unchanged];
        assert!(filled.into_iter().all(Outcome::is_filled));
        assert!(![Outcome::Kept, Outcome::Rejected, Outcome::Left, Outcome::Empty].into_iter().any(Outcome::is_filled));
    }

    #[test]
    fn a_preview_shows_values_and_nothing_else_does() {
        let matched = match_fields(&one("text"), &handoff(json!({"f": "secret"})));
        let verdicts = Verdicts::all(&matched, Outcome::Written);
        assert_eq!(
            json!(matched.entries(&verdicts, true)),
            json!([{"key": "f", "outcome": "written", "value": "secret"}])
        );
        assert_eq!(json!(matched.entries(&verdicts, false)), json!([{"key": "f", "outcome": "written"}]));
        assert!(!format!("{matched:?}").contains("secret"));
    }

    fn scalar() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,250}".prop_map(Value::from),
            "https?://[a-z]{1,9}\\.example/[a-z]{0,9}".prop_map(Value::from),
            prop::sample::select(vec!["gold", "silver", "GOLD"]).prop_map(Value::from),
            Just(json!([1])),
            Just(json!({"a": 1})),
        ]
    }

    fn key() -> impl Strategy<Value = String> {
        prop_oneof![
            prop::sample::select(vec!["text", "number", "link", "tier", "lang", "alias", "Text", "secret", "pri"])
                .prop_map(str::to_owned),
            "[a-z0-9-]{1,22}",
            ".{0,30}",
        ]
    }

    fn any_rules() -> impl Strategy<Value = Rules> {
        let full = json!({
            "fields": [
                {"key": "text", "type": "text"}, {"key": "number", "type": "integer"}, {"key": "link", "type": "link"},
                {"key": "tier", "type": "dropdown", "options": ["gold", "silver"]},
                {"key": "lang", "type": "text", "from": "$language"}, {"key": "copy", "type": "text", "from": "alias"}
            ],
            "aliases": {"alias": "text", "Text": "text"}, "deny": ["secret"],
            "ticket": {"priority": {"from": "pri"}, "team": {"from": "tier"}}
        });
        let bare = json!({"aliases": {"alias": "text"}, "deny": ["secret"]});
        prop::sample::select(vec![rules(full), rules(bare), Rules::default()])
    }

    proptest! {
        #[test]
        fn every_context_key_gets_exactly_one_outcome(
            rules in any_rules(), context in prop::collection::btree_map(key(), scalar(), 0..40),
        ) {
            let handoff = handoff(Value::Object(context.clone().into_iter().collect()));
            let matched = match_fields(&rules, &handoff);
            let entries = matched.entries(&Verdicts::all(&matched, Outcome::Written), false);
            let mut keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
            keys.sort_unstable();
            let mut expected: Vec<&str> = context.keys().map(String::as_str).collect();
            let sourced = rules.fields.iter().flatten().filter(|field| field.from.is_some());
            expected.extend(sourced.map(|field| field.key.as_str()));
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(keys, expected);
            let again = match_fields(&rules, &handoff);
            prop_assert_eq!(entries, again.entries(&Verdicts::all(&again, Outcome::Written), false));
        }

        #[test]
        fn what_is_sent_always_keeps_desks_rules_and_is_what_was_said(
            rules in any_rules(), context in prop::collection::btree_map(key(), scalar(), 0..40),
        ) {
            let said: BTreeSet<String> = context.values().map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            }).chain(["en".to_owned()]).collect();
            let handoff = handoff(Value::Object(context.into_iter().collect()));
            let matched = match_fields(&rules, &handoff);
            prop_assert!(matched.values.len() <= MAX_FIELDS);
            let keys: BTreeSet<&FieldKey> = matched.values.iter().map(|value| &value.key).collect();
            prop_assert_eq!(keys.len(), matched.values.len());
            for value in &matched.values {
                let text = value.text.expose();
                prop_assert!(FieldKey::parse(value.key.as_str()).is_some());
                prop_assert!(!text.trim().is_empty() && text.encode_utf16().count() <= MAX_VALUE);
                if value.truncated {
                    prop_assert!(said.iter().any(|said| said.starts_with(text) && said.len() > text.len()));
                } else {
                    prop_assert!(said.contains(text));
                }
                match value.key.as_str() {
                    "number" if rules.fields.is_some() => prop_assert!(text.parse::<i64>().is_ok()),
                    "link" if rules.fields.is_some() => prop_assert!(text.to_ascii_lowercase().starts_with("http")),
                    "tier" if rules.fields.is_some() => prop_assert!(["gold", "silver"].contains(&text)),
                    _ => {}
                }
            }
        }

        #[test]
        fn a_cut_is_the_longest_beginning_that_fits(text in ".{0,60}", limit in 0..60usize) {
            let cut = cut(&text, limit);
            let units = cut.encode_utf16().count();
            prop_assert!(text.starts_with(cut) && units <= limit);
            if let Some(next) = text[cut.len()..].chars().next() {
                prop_assert!(units + next.len_utf16() > limit);
            }
        }

        #[test]
        fn a_cut_in_bytes_is_the_longest_beginning_that_fits(text in ".{0,60}", limit in 0..60usize) {
            let cut = cut_bytes(&text, limit);
            prop_assert!(text.starts_with(cut) && cut.len() <= limit);
            if let Some(next) = text[cut.len()..].chars().next() {
                prop_assert!(cut.len() + next.len_utf8() > limit);
            }
        }

        #[test]
        fn a_hint_could_always_match(key in ".{0,60}") {
            if let Some(hint) = legal_form(&key) {
                prop_assert!(FieldKey::parse(&hint).is_some());
            }
        }
    }
}
