//! Any `fields` document: refused with every place named, or usable as a whole.
#![no_main]

use std::collections::BTreeSet;

use desk_handoff::config::AppId;
use desk_handoff::fields::{FieldOutcomes, Outcome, match_fields};
use desk_handoff::handoff::{Event, parse};
use desk_handoff::rules::{FieldKey, FieldKind, Rules};
use desk_handoff_fuzz::authenticated;
use libfuzzer_sys::fuzz_target;

const BODY: &[u8] = br#"{"conversation": {"id": 1, "channel_url": "c", "user_id": "u"}, "language": "en",
    "context": {"order-id": "1", "orderId": 2, "tier": "gold", "link": "https://a.example", "auth-token": "t", "n": -3}}"#;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let rules = match Rules::parse(text) {
        Ok(rules) => rules,
        Err(problems) => return assert!(!problems.is_empty()),
    };
    let fields = rules.fields.as_deref().unwrap_or_default();
    let keys: BTreeSet<&FieldKey> = fields.iter().map(|field| &field.key).collect();
    assert_eq!(keys.len(), fields.len());
    for field in fields {
        assert!(FieldKey::parse(field.key.as_str()).is_some());
        assert!(!matches!(&field.kind, FieldKind::Dropdown(options) if options.is_empty()));
    }
    assert!(rules.fields.is_none() || rules.aliases.values().all(|target| keys.contains(target)));
    let app_id = AppId::parse("A").expect("it is an id");
    let Ok(Event::Handoff(handoff)) = parse(authenticated(BODY), &app_id, None, 0) else {
        panic!("it is a handoff")
    };
    let matched = match_fields(&rules, &handoff);
    let entries = matched.entries(&FieldOutcomes::all(&matched, Outcome::Written), true);
    let denied = entries.iter().filter(|entry| {
        rules.deny.contains(&entry.key) && handoff.context.0.contains_key(&entry.key)
    });
    assert!(
        denied.into_iter().all(|entry| entry.outcome == Outcome::Denied
            || fields.iter().any(|field| field.from.is_some()))
    );
});
