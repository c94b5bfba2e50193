//! The heart: context keys against ticket fields, exactly, key for key, with a stated outcome for
//! every key.
//!
//! Pure, and in the same order every time. What fills a field: the context key that equals the
//! field's key, exactly; else an alias; else the field's `from`. An empty value counts as absent, a
//! denied key is no source. Desk drops unknown keys and wrong types in silence (desk-wire section
//! 4), so nothing leaves that it would drop.

mod credentials;
mod matched;
mod outcome;
mod suggestion;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub use self::credentials::looks_like_credential;
pub use self::matched::{FieldOutcomes, FieldValue, MAX_FIELDS, Matched};
use self::matched::{OutcomeDetails, Resolution, Row};
pub use self::outcome::{Entry, Outcome, Private};
use self::suggestion::{Candidates, Likened, legal_form};
use self::value::{convert, is_empty};
pub use self::value::{cut, cut_bytes, fits};
use crate::handoff::Handoff;
use crate::rules::{BuiltIn, Choice, FieldKey, FieldKind, Priority, Rules, Source, TeamKey};

/// The hint for a key that looks like a credential.
const ALLOW_HINT: &str = "define a field of exactly this key to allow it";

/// Matches the handoff's context against the rules.
///
/// ```
/// use desk_handoff::fields::{FieldOutcomes, Outcome, match_fields};
/// use desk_handoff::handoff::{Context, Handoff};
/// use desk_handoff::rules::Rules;
///
/// let rules = Rules::parse(r#"{"fields": [{"key": "order-id", "type": "text"}]}"#).unwrap();
/// let context = serde_json::json!({"order-id": "ORD-1", "cartItems": 3});
/// let context = Context(context.as_object().unwrap().clone());
/// let matched = match_fields(&rules, &Handoff { context, ..Handoff::default() });
///
/// // As if Desk took all that is sent.
/// let lines = matched.entries(&FieldOutcomes::all(&matched, Outcome::Written), false);
/// assert_eq!((lines[0].key.as_str(), lines[0].outcome), ("order-id", Outcome::Written));
/// assert_eq!((lines[1].key.as_str(), lines[1].outcome), ("cartItems", Outcome::InvalidKey));
/// assert_eq!(lines[1].hint.as_deref(), Some("cart-items"));
/// ```
pub fn match_fields(rules: &Rules, handoff: &Handoff) -> Matched {
    let fields = rules.fields.as_deref().unwrap_or_default();
    let defined = fields.iter().map(|field| field.key.as_str()).collect();
    let mut matching = Matching {
        rules,
        handoff,
        defined,
        matched: Matched::default(),
        resolutions: BTreeMap::new(),
    };

    match &rules.fields {
        Some(fields) => {
            for field in fields {
                matching.fill(&field.key, &field.kind, field.from.as_ref());
            }
        }
        None => matching.every_legal_key(),
    }
    // After the fields: a key may fill a field and choose the priority or the team as well.
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

/// Something that may fill a field.
struct Candidate {
    /// The context key, or the built-in after a `$`.
    name: String,
    /// Whether it is a key of the context object: then it has a line of its own.
    is_context: bool,
    value: Value,
}

struct Matching<'a> {
    rules: &'a Rules,
    handoff: &'a Handoff,
    /// The keys of the fields that are defined.
    defined: BTreeSet<&'a str>,
    matched: Matched,
    /// Context keys that something was made of and that have no row yet, each with the field it
    /// went to.
    resolutions: BTreeMap<String, (Option<String>, Resolution)>,
}

impl Matching<'_> {
    /// Why a context key may not be used, if it may not.
    fn denial(&self, key: &str) -> Option<OutcomeDetails> {
        // Before everything else: what the operator denies by name no field definition allows.
        if self.rules.deny.contains(key) {
            return Some(Outcome::Denied.into());
        }
        // Whoever defines a field of exactly this name wants it filled.
        let is_credential = self.rules.deny_credentials
            && !self.defined.contains(key)
            && looks_like_credential(key);
        is_credential
            .then(|| OutcomeDetails::with_hint(Outcome::Denied, Some(ALLOW_HINT.to_owned())))
    }

    /// A context value that may be used: there, and not denied.
    fn context(&self, key: &str) -> Result<Option<&Value>, OutcomeDetails> {
        let value = self.handoff.context.0.get(key);
        match value.and_then(|_| self.denial(key)) {
            Some(denial) => Err(denial),
            None => Ok(value),
        }
    }

    /// Everything that says something for this field, the best first.
    fn candidates(&self, field: &FieldKey, from: Option<&Source>) -> Vec<Candidate> {
        let context = &self.handoff.context.0;
        let mut candidates = Vec::new();
        let mut of_context = |key: &str| {
            if let Some(value) = context.get(key) {
                let (name, value) = (key.to_owned(), value.clone());
                candidates.push(Candidate { name, is_context: true, value });
            }
        };

        // Without a list of fields a key may have an alias and be one.
        if !self.rules.aliases.contains_key(field.as_str()) {
            of_context(field.as_str());
        }
        for (alias, _) in self.rules.aliases.iter().filter(|(_, target)| *target == field) {
            of_context(alias);
        }
        if let Some(Source::Context(key)) = from
            && key != field.as_str()
        {
            of_context(key);
        }
        self.add_others(field, from, &mut candidates);
        candidates
    }

    /// What is no key of the context object: a reserved key of the flat form, as good as the exact
    /// one, and a built-in.
    fn add_others(&self, field: &FieldKey, from: Option<&Source>, candidates: &mut Vec<Candidate>) {
        let key = field.as_str();
        if let Some(value) = self.handoff.reserved.0.get(key).filter(|_| self.defined.contains(key))
        {
            let (name, value) = (key.to_owned(), value.clone());
            // The sender names the field itself here; an alias or a `from` is only the operator's
            // guess.
            candidates.insert(0, Candidate { name, is_context: false, value });
        }
        if let Some(Source::BuiltIn(built_in_name)) = from
            && let Some(text) = built_in(self.handoff, *built_in_name)
        {
            let name = format!("${}", built_in_name.name());
            candidates.push(Candidate { name, is_context: false, value: text.into() });
        }
    }

    /// Fills a field from its best source that has a value, and says of every other source what
    /// became of it.
    fn fill(&mut self, field: &FieldKey, kind: &FieldKind, from: Option<&Source>) {
        let candidates = self.candidates(field, from);
        let is_usable = |candidate: &Candidate| {
            // Only context keys can be denied: a built-in is named by the rules themselves, and a
            // reserved key is no fact of the context.
            let is_denied = candidate.is_context && self.denial(&candidate.name).is_some();
            !is_empty(Some(&candidate.value)) && !is_denied
        };
        let winner = candidates.iter().position(is_usable);
        let resolution = match winner {
            Some(winner) => self.send(field, kind, &candidates[winner].value),
            None => {
                let denials = candidates.iter().filter(|candidate| candidate.is_context);
                let denial = denials.filter_map(|candidate| self.denial(&candidate.name)).next();
                Resolution::Decided(denial.unwrap_or_else(|| Outcome::Empty.into()))
            }
        };

        let key = field.as_str();
        for (place, candidate) in candidates.iter().enumerate() {
            if candidate.is_context {
                let became = if winner == Some(place) {
                    resolution.clone()
                } else {
                    self.lost(candidate, winner.map(|winner| &candidates[winner]))
                };
                let target = (candidate.name != key).then(|| key.to_owned());
                self.resolve(&candidate.name, target, became);
            }
        }
        let own_source = from.is_some() || self.handoff.reserved.0.contains_key(key);
        // Without a winner the best source has the line: its outcome says what is wrong with it.
        let shown = candidates.get(winner.unwrap_or(0));
        self.add_rows(field, own_source, shown, resolution);
    }

    /// What becomes of a source that does not fill its field.
    fn lost(&self, candidate: &Candidate, winner: Option<&Candidate>) -> Resolution {
        if let Some(denial) = self.denial(&candidate.name) {
            return Resolution::Decided(denial);
        }
        match winner.filter(|_| !is_empty(Some(&candidate.value))) {
            Some(winner) => Resolution::Decided(OutcomeDetails {
                by: Some(winner.name.clone()),
                // That two sources say the same is nothing that an agent misses.
                agrees: text_of(&winner.value) == text_of(&candidate.value),
                ..Outcome::Superseded.into()
            }),
            None => Resolution::Decided(Outcome::Empty.into()),
        }
    }

    /// The rows in the place of this field: that of the key that fills it, and its own if it has a
    /// source of its own.
    fn add_rows(
        &mut self,
        field: &FieldKey,
        has_own_source: bool,
        best: Option<&Candidate>,
        resolution: Resolution,
    ) {
        let key = field.as_str();
        let own = self.resolutions.get(key).cloned();
        if has_own_source {
            let is_denied = matches!(
                own,
                Some((_, Resolution::Decided(OutcomeDetails { outcome: Outcome::Denied, .. })))
            );
            // That its own key is denied is said even if another source fills the field.
            let resolution = match own {
                Some((_, denied)) if is_denied => denied,
                Some(_) | None => resolution,
            };
            self.row(key, None, resolution);
        } else if let Some(best) = best {
            let target = (best.name != key).then(|| key.to_owned());
            self.row(&best.name, target, resolution);
        }
    }

    /// The best that became of a context key: that it was sent, before that it was superseded.
    fn resolve(&mut self, key: &str, target: Option<String>, became: Resolution) {
        let is_sent = !matches!(became, Resolution::Decided(_));
        let known_is_sent = self
            .resolutions
            .get(key)
            .is_some_and(|(_, known)| !matches!(known, Resolution::Decided(_)));
        if !self.resolutions.contains_key(key) || (is_sent && !known_is_sent) {
            self.resolutions.insert(key.to_owned(), (target, became));
        }
    }

    /// Without a list of fields: whatever Desk could know, and the rules have no other use for, is
    /// sent as text, and its answer says what it kept.
    fn every_legal_key(&mut self) {
        let rules = self.rules;
        // A set, because a key and an alias may lead to one field.
        let mut targets: BTreeSet<FieldKey> = BTreeSet::new();
        for key in sorted_keys(self.handoff).filter(|key| !rules.ticket.draws_on(key)) {
            targets.extend(rules.aliases.get(key).cloned().or_else(|| FieldKey::parse(key)));
        }
        for target in targets {
            self.fill(&target, &FieldKind::Text, None);
        }
    }

    fn send(&mut self, key: &FieldKey, kind: &FieldKind, value: &Value) -> Resolution {
        let (text, truncated) = match convert(kind, Some(value)) {
            Ok(converted) => converted,
            Err(details) => return Resolution::Decided(details),
        };

        // Desk takes no more for one ticket (desk-wire section 4): the order of the fields decides.
        if self.matched.values.len() == MAX_FIELDS {
            return Resolution::Decided(Outcome::OverLimit.into());
        }

        let is_integer = *kind == FieldKind::Integer;
        let value = FieldValue { key: key.clone(), text: text.into(), is_integer, truncated };
        self.matched.values.push(value);
        Resolution::Value(self.matched.values.len() - 1)
    }

    /// Adds a row, unless the key has one already.
    fn row(&mut self, key: &str, field: Option<String>, resolution: Resolution) {
        if self.matched.rows.iter().all(|row| row.key != key) {
            self.matched.rows.push(Row { key: key.to_owned(), field, resolution });
        }
    }

    fn priority(&mut self) {
        let nearest = |text: &str| {
            let near = Candidates::from_iter(Priority::NAMES).near(text).map(str::to_owned);
            OutcomeDetails::with_hint(Outcome::NotAnOption, near)
        };
        let read = |text: &str| Priority::parse(text).ok_or_else(|| nearest(text));
        let (choice, wish) = (self.rules.ticket.priority.as_ref(), self.handoff.ticket.priority);
        self.matched.priority = self.choose(choice, wish, read, Resolution::Priority);
    }

    fn team(&mut self) {
        let read = |text: &str| TeamKey::parse(text).ok_or_else(|| Outcome::NotAnOption.into());
        let (choice, wish) = (self.rules.ticket.team.as_ref(), self.handoff.ticket.team.clone());
        self.matched.team = self.choose(choice, wish, read, Resolution::Team);
    }

    /// What the sender wishes, else what the rules say. A context key that is not followed has its
    /// outcome all the same.
    fn choose<T: Clone + PartialEq>(
        &mut self,
        choice: Option<&Choice<T>>,
        wish: Option<T>,
        read: impl Fn(&str) -> Result<T, OutcomeDetails>,
        resolution: Resolution,
    ) -> Option<T> {
        let read = |value: Option<&Value>| {
            convert(&FieldKind::Text, value).and_then(|(text, _)| read(&text))
        };
        let chosen = match choice {
            None => None,
            Some(Choice::Value(value)) => Some(value.clone()),
            Some(Choice::From(Source::BuiltIn(name))) => {
                // A built-in has no line, so there is nobody to report a refusal to.
                read(built_in(self.handoff, *name).map(Value::from).as_ref()).ok()
            }
            Some(Choice::From(Source::Context(key)))
                if self.handoff.context.0.contains_key(key) =>
            {
                let chosen = self.context(key).and_then(read);
                let became = match &chosen {
                    Err(details) => Resolution::Decided(details.clone()),
                    Ok(chosen) if wish.as_ref().is_some_and(|wish| wish != chosen) => {
                        Resolution::Decided(Outcome::Kept.into())
                    }
                    Ok(_) => resolution,
                };
                self.resolve(key, None, became);
                chosen.ok()
            }
            Some(Choice::From(Source::Context(_))) => None,
        };

        // Only here, so that the key of the rules has its outcome even if the wish wins.
        wish.or(chosen)
    }

    /// A row for every context key that has none yet.
    fn remaining_keys(&mut self) {
        let mut fields = Likened::new(self.defined.iter().copied());
        let has_row: BTreeSet<String> =
            self.matched.rows.iter().map(|row| row.key.clone()).collect();
        let keys: Vec<&str> =
            sorted_keys(self.handoff).filter(|key| !has_row.contains(*key)).collect();

        for key in keys {
            let (field, resolution) = match self.resolutions.remove(key) {
                Some(known) => known,
                None => (None, Resolution::Decided(self.unmatched(key, &mut fields))),
            };
            self.matched.rows.push(Row { key: key.to_owned(), field, resolution });
        }
    }

    fn unmatched(&self, key: &str, fields: &mut Likened<'_>) -> OutcomeDetails {
        // Before any hint: nobody is told how to send what is not to be sent.
        if let Some(denial) = self.denial(key) {
            return denial;
        }

        let known = fields.near(key);
        match FieldKey::parse(key) {
            Some(_) => OutcomeDetails::with_hint(Outcome::Unmatched, known.map(str::to_owned)),
            None => {
                let hint = known.map(str::to_owned).or_else(|| legal_form(key));
                OutcomeDetails::with_hint(Outcome::InvalidKey, hint)
            }
        }
    }
}

/// A value as the text that a text field would get.
fn text_of(value: &Value) -> Option<String> {
    convert(&FieldKind::Text, Some(value)).ok().map(|(text, _)| text.trim().to_owned())
}

fn sorted_keys(handoff: &Handoff) -> impl Iterator<Item = &str> {
    // By name: the order of a JSON object is no promise, and equal handoffs must give equal lines.
    let keys: BTreeSet<&str> = handoff.context.0.keys().map(String::as_str).collect();
    keys.into_iter()
}

#[cfg(test)]
mod tests;
