//! The profile names what the Desk is set to: every setting alone, and a thousand combinations. A
//! Desk that is made after the profile is seen as the same.

use std::time::Duration;

use desk_emulator::{
    Behaviour, ChannelMatch, Clearing, CloseNew, ClosedWrites, DefaultTeam, ErrorForm,
    ExistingCustomer, FirstMessage, NestedFields, OptionCase, Profile, RateHeaders, Reaction,
    RepeatedWrite, Seed, Settings, StrangeRelated, TooLong, Transfer, UnknownGroup, ValueUnit,
    WriteAnswer,
};
use serde_json::{Value, json};

use crate::probe::Found;
use crate::probe::caller::MOST_CALLS;
use crate::probe::known::KnownFields;
use crate::probe::questions::ASKED;
use crate::probe::questions::lag::NO_CALL_LEFT;
use crate::probe::tests::world::{
    SEEDED, Spoil, Spoilt, desk, fields, probe, probe_chatting, probe_with, test_tickets, virtually,
};
use crate::probe::ticket::Left;

/// One way of one setting.
type Way = Box<dyn Fn(&mut Behaviour)>;

/// All the ways of one setting.
macro_rules! ways {
    ($name:ident: $($way:expr),+) => {
        vec![$(Box::new(|behaviour: &mut Behaviour| behaviour.$name = $way) as Way),+]
    };
}

/// Every setting with every way that it can take.
fn settings() -> Vec<Vec<Way>> {
    use Clearing::{Keep, Remove, Store};
    use Reaction::{Drop, DropAll};

    let mut all = vec![
        ways!(nested_fields: NestedFields::Accept, NestedFields::Refuse, NestedFields::Ignore),
        ways!(unknown_key: Drop, DropAll, Reaction::Refuse),
        ways!(wrong_value: Drop, DropAll, Reaction::Refuse),
        ways!(bad_option: Drop, DropAll, Reaction::Refuse),
        ways!(option_case: OptionCase::Exact, OptionCase::Ignore),
        ways!(long_key: TooLong::Refuse, TooLong::Drop, TooLong::Truncate),
        ways!(long_value: TooLong::Refuse, TooLong::Drop, TooLong::Truncate),
        ways!(value_unit: ValueUnit::Utf16, ValueUnit::Bytes, ValueUnit::CodePoints),
        ways!(empty_value: Store, Remove, Keep, Clearing::Refuse),
        ways!(null_value: Store, Remove, Keep, Clearing::Refuse),
        ways!(repeated_write: RepeatedWrite::Accept, RepeatedWrite::Refuse),
        ways!(normalise_integers: true, false),
        ways!(normalise_links: true, false),
        ways!(trim: true, false),
        ways!(channel_match: ChannelMatch::Exact, ChannelMatch::Beginning),
        ways!(newest_first: true, false),
        ways!(lists_show_fields: true, false),
        ways!(lists_count: true, false),
        ways!(largest_page: 500, 4, 3),
        ways!(write_answer: WriteAnswer::Full, WriteAnswer::WithoutFields),
        ways!(write_answer: WriteAnswer::Empty, WriteAnswer::Stale),
        ways!(create_status: 200, 201),
        ways!(strange_related: StrangeRelated::Take, StrangeRelated::Drop, StrangeRelated::Refuse),
        ways!(unknown_group: UnknownGroup::Refuse, UnknownGroup::Ignore),
        ways!(first_message: FirstMessage::Pending, FirstMessage::Active, FirstMessage::Nothing),
        ways!(transfer: Transfer::PendingOnly, Transfer::AllOpen, Transfer::Never),
        ways!(transfer_unknown: UnknownGroup::Refuse, UnknownGroup::Ignore),
        ways!(transfer_default: DefaultTeam::Refuse, DefaultTeam::Accept),
        ways!(existing_customer: ExistingCustomer::Return, ExistingCustomer::Refuse),
        ways!(close_new: CloseNew::Accept, CloseNew::Accept, CloseNew::Refuse),
        ways!(closed_writes: ClosedWrites::Refuse, ClosedWrites::Accept, ClosedWrites::Ignore),
        ways!(missing_status: 404, 400, 410),
        ways!(error_form: ErrorForm::CodeAndDetail, ErrorForm::Detail, ErrorForm::ByProperty),
        ways!(rate_headers: RateHeaders::Absent, RateHeaders::Present),
        ways!(visible_after: Duration::ZERO, lag(1500), lag(3500)),
        ways!(listed_after: Duration::ZERO, lag(1500), lag(3500)),
        ways!(lists_lag: Duration::ZERO, lag(3500)),
    ];
    all.extend(ASKED.into_iter().map(ignored));
    all
}

fn lag(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn ignored(parameter: &'static str) -> Vec<Way> {
    let ignore = move |behaviour: &mut Behaviour| {
        behaviour.ignored_parameters.insert(parameter.to_owned());
    };
    vec![Box::new(|_| {}), Box::new(ignore)]
}

/// What can be seen of it: what another setting hides is left out, and what takes a message, or
/// that there is none.
fn visible(behaviour: &Behaviour, chatting: bool) -> Settings {
    let mut settings = Settings::of(behaviour, &ASKED);
    if settings.largest_page.is_some_and(|largest| largest > SEEDED) {
        settings.largest_page = None;
    }
    if !settings.filters["channel_url"] {
        settings.channel_match = None;
    }
    if chatting {
        settings.close_new = None;
    } else {
        settings.first_message = None;
    }
    let is_pending = chatting && behaviour.first_message == FirstMessage::Pending;
    if !is_pending && behaviour.transfer != Transfer::AllOpen {
        settings.transfer = None;
    }
    if !is_closed(behaviour, chatting) {
        settings.closed_writes = None;
    }
    if !can_be_listed(behaviour) {
        (settings.listed_after_ms, settings.channel_match) = (None, None);
        settings.lists_lag_ms = None;
    }
    settings
}

fn is_closed(behaviour: &Behaviour, chatting: bool) -> bool {
    chatting || behaviour.close_new == CloseNew::Accept
}

/// Whether any list leads to a new ticket: by a filter, or because it stands on a page that is
/// shown.
fn can_be_listed(behaviour: &Behaviour) -> bool {
    let honoured = |name: &&str| !behaviour.ignored_parameters.contains(*name);
    let is_on_first = behaviour.newest_first || behaviour.largest_page > SEEDED;
    is_on_first || ["channel_url", "sendbird_id", "status2", "offset"].iter().any(honoured)
}

/// What the probe says of a Desk of this behaviour, with how many calls.
fn seen(behaviour: Behaviour, chatting: bool) -> (Profile, u32) {
    virtually(async {
        let is_closed = is_closed(&behaviour, chatting);
        let desk = desk(behaviour);
        let none: Box<Spoil> = Box::new(|_, _| None);
        let ran = match chatting {
            true => probe_chatting(&desk, none).await,
            false => probe(&desk, none).await,
        };
        let found = ran.result.unwrap_or_else(|ended| panic!("{ended:?}"));
        assert!(ran.took <= Duration::from_secs(30) && found.calls <= MOST_CALLS, "{:?}", ran.took);
        assert_eq!(matches!(found.left, Left::Closed(_)), is_closed, "{:?}", found.left);
        assert_eq!(test_tickets(&desk), (usize::from(!is_closed), 1));
        assert_eq!(desk.unknown_requests(), Vec::<String>::new());

        (found.profile, found.calls)
    })
}

#[track_caller]
fn judge(behaviour: &Behaviour, chatting: bool) -> (Profile, u32) {
    let (profile, calls) = seen(behaviour.clone(), chatting);
    let (mut visible, unanswered) = (visible(behaviour, chatting), &profile.unanswered);
    if has_no_call_left(&profile) {
        visible.lists_lag_ms = None;
    }
    assert_eq!(profile.settings, visible, "{behaviour:#?}\n{unanswered:#?}");

    let mut again = Behaviour::default();
    profile.apply(&mut again);
    assert_eq!(seen(again, chatting).0, profile, "{behaviour:#?}");
    (profile, calls)
}

fn has_no_call_left(profile: &Profile) -> bool {
    profile.unanswered.get("lists_lag_ms").is_some_and(|why| why == NO_CALL_LEFT)
}

#[test]
fn every_setting_alone_is_seen() {
    let mut most = 0;
    for ways in settings() {
        for way in ways {
            let mut behaviour = Behaviour::default();
            way(&mut behaviour);
            for chatting in [false, true] {
                let (profile, calls) = judge(&behaviour, chatting);
                assert!(!has_no_call_left(&profile), "{behaviour:#?}");
                most = most.max(calls);
            }
        }
    }
    println!("at most {most} calls");
}

/// A generator of its own, so that a failure can be had again. PROBE_COMBINATIONS asks for more.
#[test]
fn a_thousand_combinations_are_seen() {
    let (settings, mut state, mut most) = (settings(), 0x9e37_79b9_7f4a_7c15_u64, 0);
    let asked = std::env::var("PROBE_COMBINATIONS").ok().and_then(|many| many.parse().ok());
    let (asked, mut without_call) = (asked.unwrap_or(1000), 0);
    for _ in 0..asked {
        let mut behaviour = Behaviour::default();
        for ways in &settings {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let chosen = usize::try_from(state >> 33).unwrap() % ways.len();
            ways[chosen](&mut behaviour);
        }
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (profile, calls) = judge(&behaviour, (state >> 33).is_multiple_of(2));
        without_call += u32::from(has_no_call_left(&profile));
        most = most.max(calls);
    }
    println!("at most {most} calls; {without_call} had none left for one question");
    assert!(without_call * 4 < asked, "{without_call}");
}

/// Of a Desk as the project takes it to be, with the fewest calls.
#[test]
fn usual_desk_takes_fewer_calls() {
    let (profile, calls) = seen(Behaviour::default(), false);
    let open: Vec<&str> = profile.unanswered.keys().map(String::as_str).collect();
    assert_eq!((open, calls), (vec!["first_message", "largest_page", "transfer"], 43));
    let (profile, calls) = seen(Behaviour::default(), true);
    let open: Vec<&str> = profile.unanswered.keys().map(String::as_str).collect();
    assert_eq!((open, calls), (vec!["close_new", "largest_page"], 46));
}

/// A page is as large as was asked for, or smaller, or all there is.
#[test]
fn page_size_is_seen_in_a_full_desk() {
    for (largest, count, seen) in [(500, 120, None), (60, 120, Some(60)), (60, 3, None)] {
        let found = virtually(async {
            let desk = desk(Behaviour { largest_page: largest, ..Behaviour::default() });
            for _ in 0..count {
                desk.seed_ticket(Seed { sendbird_id: "user_9".to_owned(), ..Seed::default() });
            }
            probe(&desk, Box::new(|_, _| None)).await.result.unwrap()
        });
        assert_eq!(found.profile.settings.largest_page, seen, "{largest}");
    }
}

/// What no question sees changes nothing of the profile.
#[test]
fn unseen_settings_are_listed_and_unseen() {
    let unseen: Vec<&str> = Profile::UNSEEN.iter().map(|(name, ..)| *name).collect();
    assert_eq!(unseen, ["any_chat_user", "extra_field", "rate_limit", "visible_after_lookups"]);
    let other = Behaviour {
        any_chat_user: false,
        extra_field: Reaction::Refuse,
        rate_limit: Some(5),
        ..Behaviour::default()
    };

    assert_eq!(seen(other, false).0, seen(Behaviour::default(), false).0);
}

/// What it says with these fields of the document.
fn seen_with(behaviour: Behaviour, fields: KnownFields) -> (Found, Vec<String>) {
    let desk = desk(behaviour);
    let ran = virtually(probe_with(&desk, fields));
    let requests = desk.requests();
    let paths = requests.iter().map(|request| request.path.clone()).collect();
    (ran.result.unwrap(), paths)
}

#[test]
fn without_document_no_field_is_written() {
    let (found, paths) = seen_with(Behaviour::default(), KnownFields::default());
    let (settings, why) = (found.profile.settings.entries(), found.profile.unanswered);

    assert!(!paths.iter().any(|path| path.ends_with("custom_fields")), "{paths:?}");
    assert!(why["trim"].contains("--fields") && why["unknown_key"].contains("--fields"));
    assert_eq!((settings.len(), why.len()), (28, 17));
}

/// A field that Desk does not have, or has as another type, is named and asked nothing about.
#[test]
fn field_that_desk_lacks_is_named() {
    let document = json!([
        {"key": "gone", "type": "text"}, {"key": "note", "type": "text"},
        {"key": "tier", "type": "integer"}, {"key": "page", "type": "link"}
    ]);
    let (found, _) = seen_with(Behaviour::default(), fields(&document));
    assert_eq!(found.not_stored, ["gone", "tier"]);
    assert_eq!(found.profile.settings.trim, Some(true), "asked of the other text field");
    assert_eq!(found.profile.settings.normalise_integers, None);

    let strict = Behaviour { unknown_key: Reaction::Refuse, ..Behaviour::default() };
    let (found, _) = seen_with(strict, fields(&document));
    assert!(found.profile.unanswered["unknown_key"].contains("is each defined there"));
}

/// Each call that comes too early makes the next ones slower.
#[test]
fn slow_desk_is_asked_more_slowly() {
    for limit in [1, 2, 3] {
        let slow = Behaviour { rate_limit: Some(limit), ..Behaviour::default() };
        virtually(async {
            let found = probe(&desk(slow), Box::new(|_, _| None)).await.result.unwrap();
            assert_eq!(found.profile.settings.trim, Some(true));
            assert!(found.calls <= 47, "{limit} a second: {} calls", found.calls);
        });
    }
}

/// Lists that show a new priority at once and new values later are not current.
#[test]
fn list_without_new_values_is_not_current() {
    let found = virtually(async {
        let spoil: Box<Spoil> = Box::new(|_, call| {
            let (method, path) = (call.request.method(), call.request.uri().path());
            if method != http::Method::GET || !path.ends_with("/tickets") {
                return None;
            }
            let answer = call.carry();
            let mut page: Value = serde_json::from_slice(answer.body()).unwrap();
            let results = page["results"].as_array_mut()?;
            results.iter_mut().for_each(|ticket| ticket["customFields"] = json!([]));
            Some(Spoilt::Answer(answer.map(|_| page.to_string().into_bytes())))
        });
        probe(&desk(Behaviour::default()), spoil).await.result.unwrap()
    });
    let (settings, why) = (found.profile.settings, found.profile.unanswered);
    assert_eq!((settings.lists_show_fields, settings.lists_lag_ms), (Some(true), None));
    assert!(why["lists_lag_ms"].contains("values later"), "{why:?}");
    assert_eq!(settings.trim, Some(true), "asked of a view");
}
