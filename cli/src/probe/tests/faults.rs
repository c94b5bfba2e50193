//! Whatever goes wrong at whichever call: the probe ends, says why, closes its ticket or names it,
//! and leaves no second one; the next run closes what a killed one left.

use std::sync::Arc;
use std::time::Duration;

use desk_emulator::{Behaviour, CloseNew, Emulator, Profile, UnknownGroup, WriteAnswer};
use desk_handoff::desk::transport::TransportError;
use http::Response;
use tokio::sync::Notify;

use crate::probe::caller::MOST_CALLS;
use crate::probe::stop::Stop;
use crate::probe::tests::judged::{Before, LONGEST};
use crate::probe::tests::world::{
    Carried, Ran, Spoil, Spoilt, TOKEN, desk, probe, probe_chatting, probe_until, test_tickets,
    virtually,
};
use crate::probe::ticket::Left;
use crate::probe::{Ended, Found};

/// More calls than any of these runs makes.
const CALLS: u32 = 58;
/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Unreachable,
    LateBefore,
    LateAfter,
    CutBefore,
    CutAfter,
    Status(u16),
    FailedAfter,
    EmptyBody,
    Html,
    OtherTicket,
}

/// Those that look like an answer to the question.
const REFUSALS: [Fault; 3] = [Fault::Status(400), Fault::Status(403), Fault::Status(404)];

const FAULTS: [Fault; 15] = [
    Fault::Unreachable,
    Fault::LateBefore,
    Fault::LateAfter,
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::Status(307),
    Fault::Status(401),
    Fault::Status(408),
    Fault::Status(429),
    Fault::Status(500),
    Fault::Status(503),
    Fault::FailedAfter,
    Fault::EmptyBody,
    Fault::Html,
    Fault::OtherTicket,
];

impl Fault {
    fn strike(self, call: &Carried<'_>) -> Spoilt {
        let done = match self {
            Self::LateAfter
            | Self::CutAfter
            | Self::FailedAfter
            | Self::EmptyBody
            | Self::Html
            | Self::OtherTicket => Some(call.carry()),
            Self::Unreachable | Self::LateBefore | Self::CutBefore | Self::Status(_) => None,
        };
        match self {
            Self::Unreachable => Spoilt::Error(TransportError::Unreachable),
            Self::LateBefore | Self::LateAfter => Spoilt::Late,
            Self::CutBefore | Self::CutAfter => Spoilt::Error(TransportError::Interrupted),
            Self::Status(status) => Spoilt::Answer(answer(status, "")),
            Self::FailedAfter => Spoilt::Answer(answer(500, "")),
            Self::EmptyBody => Spoilt::Answer(answer(done.unwrap().status().as_u16(), "")),
            Self::Html => Spoilt::Answer(answer(200, "<html>")),
            Self::OtherTicket => Spoilt::Answer(answer(200, r#"{"id": 7, "channelName": "x"}"#)),
        }
    }
}

fn answer(status: u16, body: &str) -> Response<Vec<u8>> {
    Response::builder().status(status).body(body.as_bytes().to_vec()).unwrap()
}

/// Desks of which the runs differ: the test ticket is made by the first create or by the second, is
/// seen at once or late, and is shown by answers or not.
fn desks() -> [Behaviour; 2] {
    let other = Behaviour {
        unknown_group: UnknownGroup::Ignore,
        visible_after: Duration::from_millis(1500),
        listed_after: Duration::from_millis(3500),
        write_answer: WriteAnswer::Empty,
        ..Behaviour::default()
    };
    [Behaviour::default(), other]
}

/// What a run that ended leaves is what it says, and the next run leaves nothing open.
async fn check(desk: &Arc<Emulator>, before: Before, ran: &Ran, what: &str) {
    before.judge(desk, ran, what);
    let (open, all) = test_tickets(desk);
    assert!(all <= 1 && ran.took <= LONGEST, "{what}: {all} tickets, {:?}", ran.took);
    assert!(desk.requests().len() <= MOST_CALLS as usize, "{what}");
    let left = match &ran.result {
        Ok(found) => found.left,
        Err(ended) => ended.left,
    };
    match left {
        Left::Nothing => assert_eq!((open, all), (0, 0), "{what}"),
        Left::Closed(_) => assert_eq!((open, all), (0, 1), "{what}"),
        Left::Open(id) => {
            // The answer to the close may be what is lost.
            assert!(open <= 1 && all == 1 && desk.ticket(id).is_some(), "{what}");
        }
        Left::InDoubt => assert!(open <= 1, "{what}"),
    }
    if let Err(ended) = &ran.result {
        let said = ended.to_string();
        assert!(said.len() > 30 && said.contains("test ticket") && !said.contains(TOKEN), "{said}");
    }

    if open > 0 {
        clean_run(desk, what).await;
    }
}

async fn clean_run(desk: &Arc<Emulator>, what: &str) {
    let before = Before::of(desk);
    let again = probe(desk, Box::new(|_, _| None)).await;
    before.judge(desk, &again, what);
    assert!(again.result.is_ok(), "{what}: {:?}", again.result);
    assert_eq!(test_tickets(desk).0, 0, "{what}");
}

/// This fault at the calls that `strikes` says.
fn spoil(fault: Fault, strikes: impl Fn(u32) -> bool + Send + Sync + 'static) -> Box<Spoil> {
    Box::new(move |number, call| strikes(number).then(|| fault.strike(call)))
}

#[test]
fn one_fault_at_any_call() {
    let none: fn() -> Box<Spoil> = || Box::new(|_, _| None);
    for behaviour in desks() {
        let clean = virtually(probe(&desk(behaviour.clone()), none())).result.unwrap();
        for (fault, at) in every_fault(&clean) {
            let desk = desk(behaviour.clone());
            let strike = spoil(fault, move |number| number == at);
            virtually(async {
                let before = Before::of(&desk);
                judge(&desk, before, probe(&desk, strike).await, &clean, fault, at).await;
            });
        }
    }

    // A message more is posted on the way.
    let clean = virtually(probe_chatting(&desk(Behaviour::default()), none())).result.unwrap();
    for (fault, at) in every_fault(&clean) {
        let desk = desk(Behaviour::default());
        let strike = spoil(fault, move |number| number == at);
        virtually(async {
            let before = Before::of(&desk);
            judge(&desk, before, probe_chatting(&desk, strike).await, &clean, fault, at).await;
        });
    }
}

fn every_fault(clean: &Found) -> impl Iterator<Item = (Fault, u32)> {
    let calls = clean.calls;
    FAULTS.into_iter().flat_map(move |fault| (1..=calls).map(move |at| (fault, at)))
}

async fn judge(
    desk: &Arc<Emulator>,
    before: Before,
    ran: Ran,
    clean: &Found,
    fault: Fault,
    at: u32,
) {
    let what = format!("{fault:?} at call {at}");
    check(desk, before, &ran, &what).await;
    // An empty answer is what some Desks give: here it is no fault to be known.
    if let Ok(found) = ran.result
        && fault != Fault::EmptyBody
    {
        says_nothing_else(&found.profile, &clean.profile, &what);
    }
}

/// What a fault hides is not answered; nothing else is said in its place.
fn says_nothing_else(profile: &Profile, clean: &Profile, what: &str) {
    let (said, clean) = (profile.settings.entries(), clean.settings.entries());
    // Where no message could be posted, the ticket is closed without one.
    let is_silent = profile.unanswered.contains_key("first_message");
    for (name, answer) in said.iter().filter(|(name, _)| !is_silent || *name != "close_new") {
        assert_eq!(clean.get(name), Some(answer), "{what}: {name}");
    }
    for name in clean.keys().filter(|name| !said.contains_key(*name)) {
        assert!(profile.unanswered.contains_key(name), "{what}: {name} is passed over");
    }
}

#[test]
fn every_call_fails_from_one_on() {
    for behaviour in desks() {
        for fault in FAULTS {
            for at in (1..CALLS).step_by(3) {
                let desk = desk(behaviour.clone());
                let what = format!("{fault:?} from call {at} on");
                virtually(async {
                    let before = Before::of(&desk);
                    let ran = probe(&desk, spoil(fault, move |number| number >= at)).await;
                    check(&desk, before, &ran, &what).await;
                });
            }
        }
    }
}

/// What it then takes for Desk's answer may be wrong; the ticket is closed or named all the same.
#[test]
fn one_refusal_or_many_at_any_call() {
    for behaviour in desks() {
        for fault in REFUSALS {
            for (at, times) in (1..CALLS).flat_map(|at| [(at, 1), (at, CALLS)]) {
                let desk = desk(behaviour.clone());
                let what = format!("{fault:?} {times} times from call {at} on");
                virtually(async {
                    let before = Before::of(&desk);
                    let strikes = move |number| (at..at + times).contains(&number);
                    let ran = probe(&desk, spoil(fault, strikes)).await;
                    check(&desk, before, &ran, &what).await;
                });
            }
        }
    }
}

/// Ctrl-C while a call is under way, which Desk may have carried out.
#[test]
fn interrupted_run_closes_its_ticket() {
    for (behaviour, is_carried) in
        desks().into_iter().flat_map(|desk| [(desk.clone(), true), (desk, false)])
    {
        for at in 1..CALLS {
            let desk = desk(behaviour.clone());
            let what = format!("interrupted at call {at}, carried: {is_carried}");
            virtually(async {
                let before = Before::of(&desk);
                let ran = interrupted_at(&desk, at, is_carried).await;
                check(&desk, before, &ran, &what).await;
                if let Err(ended) = ran.result {
                    assert_eq!(ended.stop, Stop::Interrupted, "{what}");
                    let is_clean = matches!(ended.left, Left::Nothing | Left::Closed(_));
                    assert!(is_clean || ended.left == Left::InDoubt, "{what}: {ended}");
                }
            });
        }
    }
}

async fn interrupted_at(desk: &Arc<Emulator>, at: u32, is_carried: bool) -> Ran {
    let pressed = Arc::new(Notify::new());
    let press = Arc::clone(&pressed);
    let spoil: Box<Spoil> =
        Box::new(move |number, call| (number == at).then(|| pressed_in(call, is_carried, &press)));

    let interrupted = || {
        let pressed = Arc::clone(&pressed);
        async move { pressed.notified().await }
    };
    probe_until(desk, spoil, interrupted).await
}

/// Ctrl-C while this call is under way.
fn pressed_in(call: &Carried<'_>, is_carried: bool, press: &Notify) -> Spoilt {
    if is_carried {
        call.carry();
    }
    press.notify_one();
    Spoilt::Killed
}

/// Nothing comes after this call, which is carried out.
fn killed(at: u32) -> Box<Spoil> {
    Box::new(move |number, call| (number == at).then(|| call.carry()).map(|_| Spoilt::Killed))
}

/// No Ctrl-C, no clean-up: the machine is gone. The next run finds the ticket by its title.
#[test]
fn killed_run_is_cleaned_up_by_the_next() {
    for behaviour in desks() {
        for at in 1..CALLS {
            let desk = desk(behaviour.clone());
            let what = format!("killed at call {at}");
            virtually(async {
                let before = Before::of(&desk);
                let run = tokio::time::timeout(LONGEST, probe(&desk, killed(at))).await;
                before.judge_killed(&desk, &what);
                let (open, all) = test_tickets(&desk);
                assert!(open <= 1 && all <= 1, "{what}");
                if run.is_err() {
                    clean_run(&desk, &what).await;
                }
            });
        }
    }
}

/// An odd question may break a Desk: it is left open, and the others are answered.
#[test]
fn question_that_breaks_desk_is_left_open() {
    let clean = virtually(probe(&desk(Behaviour::default()), Box::new(|_, _| None)));
    let breaks: Box<Spoil> = Box::new(|_, call| {
        let body = String::from_utf8_lossy(call.request.body()).into_owned();
        let is_odd = body.contains('😀') || body.contains("null");
        is_odd.then(|| Spoilt::Answer(answer(500, "")))
    });
    let found = virtually(probe(&desk(Behaviour::default()), breaks)).result.unwrap();
    let (said, all) = (found.profile.settings.entries(), clean.result.unwrap().profile.settings);

    assert_eq!(said.len(), all.entries().len() - 2);
    for setting in ["value_unit", "null_value"] {
        assert!(found.profile.unanswered[setting].contains("status 500"), "{setting}");
    }
}

/// A ticket that Desk does not close is named, and no second one is made beside it.
#[test]
fn ticket_that_cannot_be_closed_stays_alone() {
    let desk = desk(Behaviour { close_new: CloseNew::Refuse, ..Behaviour::default() });
    // In one virtual time: a ticket is listed by the clock that it was made by.
    let (first, second) = virtually(async {
        let first = probe(&desk, Box::new(|_, _| None)).await;
        (first.result.unwrap(), probe(&desk, Box::new(|_, _| None)).await.result.unwrap_err())
    });
    let Left::Open(id) = first.left else { panic!("{:?}", first.left) };

    assert_eq!(second, Ended { stop: Stop::Leftover(id), left: Left::Nothing });
    assert_eq!(test_tickets(&desk), (1, 1));
}

/// A second Ctrl-C does not wait for the clean-up, and the ticket is named.
#[test]
fn second_interrupt_names_the_ticket() {
    let desk = desk(Behaviour::default());
    let never: Box<Spoil> = Box::new(|number, _| (number >= 20).then_some(Spoilt::Killed));
    let ran = virtually(probe_until(&desk, never, || tokio::time::sleep(Duration::from_secs(60))));

    let Err(Ended { stop: Stop::Interrupted, left: left @ Left::Open(id) }) = ran.result else {
        panic!("{:?}", ran.result)
    };
    assert!(left.to_string().contains(&id.to_string()));
}

#[test]
fn unknown_user_writes_nothing() {
    let desk = desk(Behaviour::default());
    let none: Box<Spoil> = Box::new(|number, _| {
        (number == 1).then(|| Spoilt::Answer(answer(200, r#"{"count": 0, "results": []}"#)))
    });
    let ended = virtually(probe(&desk, none)).result.unwrap_err();

    assert_eq!(ended, Ended { stop: Stop::NoCustomer, left: Left::Nothing });
    assert_eq!(desk.requests().len(), 0);
}
