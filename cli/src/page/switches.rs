//! The switches of the embedded Desk: what goes wrong with its calls, and what it does where nobody
//! knows what a live Desk does. Each has a sentence that says what it stands for.

use std::time::Duration;

use desk_emulator::{Behaviour, Call, Fault, FaultKind, Settings};
use serde_json::{Value, json};

/// Name, what it stands for, and the fault.
type Known = (&'static str, &'static str, fn() -> FaultKind);

/// What can go wrong.
pub(crate) const FAULTS: [Known; 10] = [
    ("down", "Desk cannot be reached: the connection is closed before any answer.", || {
        FaultKind::CutConnection
    }),
    ("error", "Desk answers 500 and does nothing.", || FaultKind::Status {
        status: 500,
        headers: Vec::new(),
        body: String::new(),
    }),
    ("rate-limited", "Desk answers 429: too many calls, come again in 3 seconds.", || {
        FaultKind::RateLimited { retry_after: Some(3), ratelimit_retry_after: None }
    }),
    ("refused", "Desk answers 400: it refuses what it was sent.", || FaultKind::Status {
        status: 400,
        headers: Vec::new(),
        body: r#"{"code": "desk400104", "detail": "Refused on purpose."}"#.to_owned(),
    }),
    ("slow", "Desk does it and answers three seconds late.", || {
        FaultKind::Slow(Duration::from_secs(3))
    }),
    ("answer-lost", "Desk does it, and the connection breaks before the answer.", || {
        FaultKind::CutAfterWrite
    }),
    ("half-answer", "Desk does it, and the connection breaks in the middle of the answer.", || {
        FaultKind::CutBody
    }),
    ("empty-answer", "Desk does it and answers with nothing in it.", || FaultKind::EmptyBody),
    ("html", "A proxy answers in the place of Desk, with a page of HTML and 502.", || {
        FaultKind::Html { status: 502 }
    }),
    ("wrong-ticket", "Desk answers with a ticket that nobody asked for.", || {
        FaultKind::WrongTicket
    }),
];

/// The calls that a fault may strike, as a person names them.
pub(crate) const CALLS: [(&str, &str, Call); 8] = [
    ("any", "every call", Call::Any),
    ("list", "the look-up of tickets", Call::ListTickets),
    ("view", "the look at one ticket", Call::ViewTicket),
    ("create", "the creation of a ticket", Call::CreateTicket),
    ("fields", "the change of fields", Call::PatchFields),
    ("update", "the change of priority", Call::UpdateTicket),
    ("transfer", "the transfer to a team", Call::TransferToGroup),
    ("message", "the opening message", Call::PostMessage),
];

/// A fault by the names of its kind and its call; it strikes so often, or until it is cleared.
pub(crate) fn fault(kind: &str, call: &str, times: Option<u32>) -> Option<Fault> {
    let (.., kind) = FAULTS.iter().find(|(name, ..)| *name == kind)?;
    let (.., call) = CALLS.iter().find(|(name, ..)| *name == call)?;
    let fault = Fault::on(*call).with(kind());
    Some(match times {
        Some(times) => fault.times(times),
        None => fault.always(),
    })
}

/// What an active fault is: what goes wrong, with which call, how often yet.
pub(crate) fn describe(fault: &Fault) -> String {
    // A kind cannot be compared with another; what it prints as holds all of it.
    let known = FAULTS.iter().find(|(.., kind)| {
        std::mem::discriminant(&kind()) == std::mem::discriminant(fault.kind())
            && format!("{:?}", kind()) == format!("{:?}", fault.kind())
    });
    let what = known.map_or("Something else goes wrong.", |(_, what, _)| what);
    let call = CALLS.iter().find(|(.., call)| *call == fault.call());
    let call = call.map_or("another call", |(_, name, _)| name);
    let left = match fault.left() {
        Some(1) => "once more".to_owned(),
        Some(left) => format!("{left} times more"),
        None => "until it is cleared".to_owned(),
    };
    format!("{what} Strikes {call}, {left}.")
}

/// A switch: the name of the setting, what it is about, and the values with what each means. The
/// first value is the default.
pub(crate) struct Switch {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) values: &'static [(&'static str, &'static str)],
}

macro_rules! switches {
    ($($name:literal: $about:literal { $($value:literal => $means:literal),+ $(,)? })+) => {
        &[$(Switch { name: $name, about: $about, values: &[$(($value, $means)),+] }),+]
    };
}

/// Everything that is open about a live Desk and can be set here.
pub(crate) const SWITCHES: &[Switch] = switches! {
    "unknown_key": "A field that nobody has defined" {
        "drop" => "is dropped in silence", "refuse" => "makes Desk refuse the whole call",
        "drop-all" => "is dropped, and all other fields with it",
    }
    "wrong_value": "A value of the wrong type" {
        "drop" => "is dropped in silence", "refuse" => "makes Desk refuse the whole call",
        "drop-all" => "is dropped, and all other fields with it",
    }
    "bad_option": "A value that is not among the options" {
        "drop" => "is dropped in silence", "refuse" => "makes Desk refuse the whole call",
        "drop-all" => "is dropped, and all other fields with it",
    }
    "option_case": "Upper and lower case of an option" {
        "exact" => "matter", "ignore" => "do not matter",
    }
    "long_key": "A key of more than 20 characters" {
        "refuse" => "makes Desk refuse the whole call", "drop" => "is dropped in silence",
        "truncate" => "is cut",
    }
    "long_value": "A value of more than 190 characters" {
        "refuse" => "makes Desk refuse the whole call", "drop" => "is dropped in silence",
        "truncate" => "is cut",
    }
    "value_unit": "The 190 counts" {
        "utf16" => "UTF-16 units, as JavaScript does", "bytes" => "bytes",
        "code-points" => "code points, as Python does",
    }
    "empty_value": "An empty text" {
        "store" => "is stored", "remove" => "clears the field", "keep" => "changes nothing",
        "refuse" => "makes Desk refuse the whole call",
    }
    "null_value": "The value null" {
        "keep" => "changes nothing", "store" => "is stored as an empty text",
        "remove" => "clears the field", "refuse" => "makes Desk refuse the whole call",
    }
    "repeated_write": "A value that the ticket holds already" {
        "accept" => "is taken again", "refuse" => "is refused",
    }
    "normalise_integers": "The integer 007" {
        "true" => "is stored as 7", "false" => "is stored as it is",
    }
    "normalise_links": "The host of a link" {
        "false" => "is stored as it is", "true" => "is stored in lower case",
    }
    "trim": "White space around a value" {
        "true" => "is taken off", "false" => "is kept",
    }
    "nested_fields": "Fields sent as an object, not as a text" {
        "refuse" => "are refused", "accept" => "are taken", "ignore" => "are passed over",
    }
    "channel_match": "The filter by channel" {
        "exact" => "finds that channel alone", "beginning" => "finds every channel that begins so",
    }
    "newest_first": "Lists begin with" {
        "false" => "the oldest ticket", "true" => "the newest ticket",
    }
    "lists_show_fields": "Lists of tickets" {
        "true" => "show their fields", "false" => "do not show their fields",
    }
    "lists_count": "Lists" {
        "true" => "say how many there are", "false" => "do not say how many there are",
    }
    "write_answer": "A change is answered with" {
        "full" => "the ticket", "without-fields" => "the ticket without its fields",
        "empty" => "nothing", "stale" => "the ticket as it was before",
    }
    "create_status": "A new ticket is answered with" { "201" => "201", "200" => "200" }
    "strange_related": "A related channel that is nobody's" {
        "take" => "is taken", "drop" => "is dropped in silence", "refuse" => "is refused",
    }
    "unknown_group": "A new ticket for an unknown team" {
        "refuse" => "is refused", "ignore" => "goes to the Default team",
    }
    "first_message": "The customer's first message" {
        "pending" => "puts the ticket before agents", "active" => "gives the ticket to an agent",
        "nothing" => "shows the ticket to nobody",
    }
    "transfer": "A transfer to a team" {
        "pending-only" => "moves pending tickets only", "all-open" => "moves every open ticket",
        "never" => "moves no ticket",
    }
    "transfer_unknown": "A transfer to an unknown team" {
        "refuse" => "is refused", "ignore" => "leaves the ticket where it is",
    }
    "transfer_default": "A transfer to the Default team" {
        "refuse" => "is refused", "accept" => "is done",
    }
    "existing_customer": "The creation of a customer who is there" {
        "return" => "gives that customer", "refuse" => "is refused",
    }
    "close_new": "The close of a ticket without a message" {
        "accept" => "is done", "refuse" => "is refused",
    }
    "closed_writes": "A change of a closed ticket" {
        "refuse" => "is refused", "accept" => "is done", "ignore" => "is answered and not done",
    }
    "missing_status": "A ticket that does not exist is answered with" { "404" => "404", "400" => "400" }
    "error_form": "A refusal has" {
        "code-and-detail" => "a code and a text", "detail" => "a text", "by-property" => "a text for each property",
    }
    "rate_headers": "An answer" {
        "absent" => "does not say how many calls are left", "present" => "says how many calls are left",
    }
    "visible_after_ms": "A new ticket can be seen" {
        "0" => "at once", "2000" => "after two seconds", "10000" => "after ten seconds",
    }
    "listed_after_ms": "A new ticket is in lists" {
        "0" => "at once", "2000" => "after two seconds", "10000" => "after ten seconds",
    }
    "lists_lag_ms": "A change to a ticket is in lists" {
        "0" => "at once", "2000" => "after two seconds", "10000" => "after ten seconds",
    }
};

/// What a switch is set to.
pub(crate) fn value(switch: &Switch, behaviour: &Behaviour) -> String {
    // In the form of a profile, so that a value has one name in the file and on the page.
    let settings = serde_json::to_value(Settings::of(behaviour, &[])).unwrap_or_default();
    match &settings[switch.name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Sets a switch; `None` if it has no such value.
pub(crate) fn set(name: &str, value: &str, behaviour: &mut Behaviour) -> Option<()> {
    let switch = SWITCHES.iter().find(|switch| switch.name == name)?;
    switch.values.iter().find(|(known, _)| *known == value)?;
    // Numbers and truths are written without quotes.
    let plain: Value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    let settings: Settings = serde_json::from_value(json!({name: plain})).ok()?;
    settings.apply(behaviour);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_value_of_every_switch_is_the_default() {
        let behaviour = Behaviour::default();
        for switch in SWITCHES {
            assert_eq!(value(switch, &behaviour), switch.values[0].0, "{}", switch.name);
        }
    }

    #[test]
    fn every_value_of_every_switch_can_be_set() {
        for switch in SWITCHES {
            for (wanted, _) in switch.values {
                let mut behaviour = Behaviour::default();
                set(switch.name, wanted, &mut behaviour).unwrap();
                assert_eq!(value(switch, &behaviour), *wanted, "{}", switch.name);
            }
        }
        assert!(set("trim", "perhaps", &mut Behaviour::default()).is_none());
    }

    #[test]
    fn every_known_setting_has_a_switch() {
        let settings = Settings::of(&Behaviour::default(), &[]).entries();
        let known: Vec<&String> = settings.keys().filter(|name| *name != "largest_page").collect();
        assert!(
            known.iter().all(|name| SWITCHES.iter().any(|switch| switch.name == **name)),
            "{known:?}"
        );
    }

    #[test]
    fn every_fault_is_described_by_its_own_sentence() {
        for (name, what, _) in FAULTS {
            let fault = fault(name, "create", Some(2)).unwrap();
            let said = describe(&fault);
            assert_eq!(said, format!("{what} Strikes the creation of a ticket, 2 times more."));
        }
        assert!(fault("nothing", "any", None).is_none());
    }
}
