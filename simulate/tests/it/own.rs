//! A ticket of Desk's own, at every second after the event: one ticket where Desk was within the
//! grace, and where it was not, `other_open_tickets` says so.

use std::collections::BTreeSet;

use desk_handoff_judge::history::{By, What};
use desk_handoff_simulate::run::{Played, play};
use desk_handoff_simulate::scenario::{
    Action, Form, Habits, Handoff, Named, Route, Scenario, Step, usual_rules,
};
use serde_json::{Value, json};

const FORMS: [Form; 3] = [Form::Envelope, Form::Nested, Form::Flat];
const ONLY_ID: [Named; 2] = [Named::Id, Named::Number];
const WITH_CHANNEL: [Named; 5] =
    [Named::Channel, Named::Both, Named::NumberAndChannel, Named::ChannelAsId, Named::ChannelTwice];
/// From a delivery that is due to the look for Desk's ticket, at the most, in milliseconds.
const TO_THE_LOOK: u64 = 3_000;

fn handoff(route: Route, form: Form, names: Named, event: &str) -> Action {
    Action::Send(Handoff {
        route,
        form,
        user: 0,
        conversation: 0,
        names,
        keys: vec!["order-id".to_owned()],
        event: Some(event.to_owned()),
        age: Some(0),
        asynchronous: false,
    })
}

/// A webhook, after so many milliseconds Desk's ticket, and afterwards direct calls and one more
/// webhook, in the other forms and under other names.
fn world(grace: u64, own: u64, form: Form, names: Named, later: &[Named]) -> Scenario {
    let mut steps = vec![
        (0, handoff(Route::Webhook, form, names, "first")),
        (own, Action::DeskTicket { user: 0, conversation: 0 }),
    ];
    for (place, names) in later.iter().enumerate() {
        let route = if place == 1 { Route::Webhook } else { Route::Direct };
        let form = FORMS[(form as usize + place) % FORMS.len()];
        steps.push((
            60_000 + 20_000 * place as u64,
            handoff(route, form, *names, &format!("later {place}")),
        ));
    }

    Scenario {
        seed: own,
        rules: usual_rules(json!({"opening_message": "Handed over.", "grace_seconds": grace})),
        desk: Habits::default(),
        steps: steps.into_iter().map(|(at, what)| Step { at, what }).collect(),
        faults: vec![],
        crashes: vec![],
        stores: vec![],
        turns: None,
    }
}

/// The tickets that Desk made, and those that we made.
fn made(played: &Played) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let of = |wanted: fn(&By) -> bool| {
        let made = played.history.events.iter().filter_map(|(_, what)| match what {
            What::Created { ticket, by, .. } => wanted(by).then_some(*ticket),
            _ => None,
        });
        made.collect()
    };
    (of(|by| *by == By::Desk), of(|by| matches!(by, By::Us(_))))
}

/// The last answer: that to a direct call when everything was quiet.
fn last_answer(played: &Played) -> &Value {
    let mut events = played.history.events.iter().rev();
    let answer = events.find_map(|(_, what)| match what {
        What::Answered(_, 200, body) => Some(body),
        _ => None,
    });
    answer.unwrap()
}

fn chosen_and_others(played: &Played) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let answer = last_answer(played);
    let others = answer["other_open_tickets"].as_array().unwrap();
    (
        answer["ticket"]["id"].as_u64().into_iter().collect(),
        others.iter().filter_map(Value::as_u64).collect(),
    )
}

/// Every 500 milliseconds up to 40 seconds, and about the end of the grace every moment.
fn moments(grace: u64) -> impl Iterator<Item = u64> {
    let ends = grace * 1000;
    (0..=80).map(|half| half * 500).chain([ends.saturating_sub(1), ends + 1, ends + 50])
}

fn every_world(names: &[Named], later: [Named; 3], check: impl Fn(u64, u64, &Played, &str)) {
    for grace in [0, 5, 15, 30] {
        for own in moments(grace) {
            for form in FORMS {
                for names in names {
                    let scenario = world(grace, own, form, *names, &later);
                    let played = play(&scenario);
                    let text = serde_json::to_string(&scenario).unwrap();
                    assert!(played.broken.is_empty(), "{:?}\n{text}", played.broken);
                    check(grace * 1000, own, &played, &text);
                }
            }
        }
    }
}

#[test]
fn desks_own_is_the_ticket_or_is_named() {
    let later = [Named::ChannelAsId, Named::Both, Named::Number];
    every_world(&WITH_CHANNEL, later, |grace, own, played, text| {
        let (desks, ours) = made(played);
        if 0 < own && own <= grace {
            assert!(ours.is_empty(), "{ours:?}\n{text}");
            assert_eq!(chosen_and_others(played), (desks, ours), "{text}");
        } else if own > grace + TO_THE_LOOK {
            assert_eq!(ours.len(), 1, "{text}");
            assert_eq!(chosen_and_others(played), (ours, desks), "{text}");
        }
    });
}

/// Who never names the channel cannot be told that Desk's ticket is of that conversation.
#[test]
fn desks_own_is_named_once_the_channel_is_known() {
    let later = [Named::Id, Named::Number, Named::NumberAndChannel];
    every_world(&ONLY_ID, later, |_, _, played, text| {
        let (desks, ours) = made(played);
        assert_eq!(ours.len(), 1, "{text}");
        assert_eq!(chosen_and_others(played), (ours, desks), "{text}");
    });
}
