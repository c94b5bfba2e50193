//! Any signed body: what is read keeps its rules, travels through the queue unchanged, and every
//! key of its context gets one outcome.
#![no_main]

use desk_handoff::config::AppId;
use desk_handoff::fields::{FieldOutcomes, MAX_FIELDS, Outcome, match_fields};
use desk_handoff::handoff::message::Message;
use desk_handoff::handoff::{Event, MAX_ID, parse};
use desk_handoff::rules::{MAX_TITLE, MAX_VALUE, Rules};
use desk_handoff::ticket::find::title;
use desk_handoff_fuzz::{FIELDS, authenticated};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let app_id = AppId::parse("DEMO-APP-0001").expect("it is an id");
    let handoff = match parse(authenticated(data), &app_id, None, 0) {
        Ok(Event::Handoff(handoff)) => *handoff,
        Ok(Event::Ignored(category)) => return assert!(category.chars().count() <= 64),
        Err(bad) => return assert!(!bad.to_string().is_empty()),
    };
    for id in [&handoff.event_id, &handoff.user_id] {
        assert!(
            !id.trim().is_empty()
                && id.chars().count() <= MAX_ID
                && !id.chars().any(char::is_control)
        );
    }
    assert!(!handoff.conversation.name().is_empty());
    let message = Message::new(&app_id, handoff, false);
    let entry = message.entry();
    let legal = |char| matches!(char, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    assert!(entry.body.chars().all(legal), "SQS would refuse it");
    assert_eq!((entry.group.len(), entry.deduplication.len()), (64, 64));
    assert_eq!(Message::parse(&entry.body, None).as_ref(), Ok(&message));
    for rules in [Rules::default(), Rules::parse(FIELDS).expect("the example is usable")] {
        let matched = match_fields(&rules, &message.handoff);
        let entries = matched.entries(&FieldOutcomes::all(&matched, Outcome::Written), true);
        for key in message.handoff.context.0.keys() {
            assert_eq!(entries.iter().filter(|entry| entry.key == *key).count(), 1, "{key:?}");
        }
        assert!(matched.values.len() <= MAX_FIELDS);
        assert!(
            matched
                .values
                .iter()
                .all(|value| value.text.expose().encode_utf16().count() <= MAX_VALUE)
        );
        let title =
            title(&message.handoff, &rules.ticket, message.handoff.conversation.id.as_deref());
        assert!(!title.is_empty() && title.encode_utf16().count() <= MAX_TITLE);
    }
});
