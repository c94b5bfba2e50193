//! Small worlds exhaustively: of two deliveries every interleaving of what they do outside, and in
//! each of them every moment at which one of the invocations can be killed.

use desk_handoff_simulate::run::play;
use desk_handoff_simulate::scenario::{
    Action, Crash, Form, Habits, Handoff, Human, Named, Route, Scenario, Step, usual_rules,
};
use serde_json::{Value, json};

/// So many invocations of a pair are killed, each at every wait.
const KILLED: u32 = 6;
/// No invocation of a pair waits so often.
const WAITS: u32 = 14;

fn rules() -> Value {
    usual_rules(json!({"opening_message": "Handed over.", "grace_seconds": 0}))
}

fn handoff(route: Route, event: &str, names: Named, user: u8) -> Handoff {
    Handoff {
        route,
        form: Form::Nested,
        user,
        conversation: 0,
        names,
        keys: vec!["order-id".to_owned()],
        event: Some(event.to_owned()),
        age: None,
        asynchronous: false,
    }
}

fn world(steps: Vec<(u64, Action)>) -> Scenario {
    Scenario {
        seed: 1,
        rules: rules(),
        desk: Habits::default(),
        steps: steps.into_iter().map(|(at, what)| Step { at, what }).collect(),
        faults: vec![],
        crashes: vec![],
        stores: vec![],
        turns: Some(vec![]),
    }
}

fn pair(one: Handoff, other: Handoff) -> Scenario {
    world(vec![(0, Action::Send(one)), (0, Action::Send(other))])
}

/// A handoff that is done; then, at once, another one and what somebody else does.
fn with_another(action: Action, route: Route) -> Scenario {
    let first = handoff(Route::Direct, "first", Named::Both, 0);
    let second = handoff(route, "second", Named::Both, 0);
    world(vec![(0, Action::Send(first)), (60_000, Action::Send(second)), (60_000, action)])
}

/// Plays every interleaving; gives how many there are.
fn every_interleaving(scenario: &Scenario) -> usize {
    let mut scenario = scenario.clone();
    let mut turns: Vec<usize> = Vec::new();
    for played_so_far in 1.. {
        scenario.turns = Some(turns.clone());
        let played = play(&scenario);
        let text = || serde_json::to_string(&scenario).unwrap();
        assert!(played.broken.is_empty(), "{:?}\n{}", played.broken, text());

        turns.resize(played.choices.len(), 0);
        let next = (0..turns.len()).rev().find(|place| turns[*place] + 1 < played.choices[*place]);
        let Some(place) = next else { return played_so_far };
        turns.truncate(place + 1);
        turns[place] += 1;
    }
    unreachable!("the interleavings are finite")
}

/// Every interleaving, without a kill and with one at every moment of each of the first
/// invocations.
fn every_crash(scenario: &Scenario, invocations: u32) -> usize {
    let mut count = every_interleaving(scenario);
    for attempt in 0..invocations {
        for at in 0..WAITS {
            for after in [false, true] {
                let crash = Crash { attempt, at, after };
                let killed = Scenario { crashes: vec![crash], ..scenario.clone() };
                if !play(&killed).struck.contains_key("crash") {
                    continue;
                }
                count += every_interleaving(&killed);
            }
        }
    }

    count
}

#[test]
fn same_event_twice() {
    let routes = [
        (Route::Direct, Route::Direct),
        (Route::Direct, Route::Webhook),
        (Route::Webhook, Route::Webhook),
    ];
    for (one, other) in routes {
        let events = pair(handoff(one, "e", Named::Both, 0), handoff(other, "e", Named::Both, 0));
        assert!(every_crash(&events, KILLED) > 100);
    }
}

#[test]
fn two_events_of_one_conversation() {
    for other in [Route::Direct, Route::Webhook] {
        let events = pair(
            handoff(Route::Direct, "one", Named::Both, 0),
            handoff(other, "two", Named::Both, 0),
        );
        assert!(every_crash(&events, KILLED) > 1000);
    }
}

/// The two have nothing in common, so that it is enough to kill one of them.
#[test]
fn two_users_with_one_conversation_id() {
    let users = pair(
        handoff(Route::Direct, "one", Named::Id, 0),
        handoff(Route::Direct, "two", Named::Id, 1),
    );
    assert!(every_crash(&users, 1) > 1000);
}

#[test]
fn one_conversation_under_different_names() {
    for (one, other) in
        [(Named::Id, Named::Both), (Named::Both, Named::Channel), (Named::Channel, Named::Both)]
    {
        let names =
            pair(handoff(Route::Direct, "one", one, 0), handoff(Route::Webhook, "two", other, 0));
        assert!(every_crash(&names, KILLED) > 1000);
    }
}

#[test]
fn human_in_between() {
    let acts =
        [Human::Edit("order-id".to_owned()), Human::Close, Human::PutBack("order-id".to_owned())];
    for does in acts {
        for route in [Route::Direct, Route::Webhook] {
            let human = Action::Human { user: 0, does: does.clone() };
            assert!(every_crash(&with_another(human, route), KILLED) > 100);
        }
    }
}

#[test]
fn ticket_of_desk_in_between() {
    let desk = Action::DeskTicket { user: 0, conversation: 0 };
    for route in [Route::Direct, Route::Webhook] {
        let handoff = handoff(route, "one", Named::Both, 0);
        let scenario = world(vec![(0, Action::Send(handoff)), (0, desk.clone())]);
        assert!(every_crash(&scenario, KILLED) > 50);
    }
}
