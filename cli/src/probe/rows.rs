//! Every question in words: what is asked, what was seen, what it means for a handoff, and what to
//! set where this project takes something else for granted. Pure.
//!
//! A setting that no row stands for is found by a test, not by a reader.

use std::collections::BTreeMap;

use desk_emulator::{
    ChannelMatch, Clearing, CloseNew, ClosedWrites, DefaultTeam, ErrorForm, ExistingCustomer,
    FirstMessage, NestedFields, OptionCase, RateHeaders, Reaction, RepeatedWrite, Settings,
    StrangeRelated, TooLong, Transfer, UnknownGroup, ValueUnit, WriteAnswer,
};

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    Values,
    Lists,
    Tickets,
    Answers,
}

impl Topic {
    pub(crate) const ALL: [Self; 4] = [Self::Values, Self::Lists, Self::Tickets, Self::Answers];

    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::Values => "Field values",
            Self::Lists => "Lists of tickets",
            Self::Tickets => "Tickets and teams",
            Self::Answers => "Answers",
        }
    }
}

/// One question and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) topic: Topic,
    /// As the profile names it.
    pub(crate) setting: String,
    pub(crate) question: String,
    pub(crate) answer: Option<Said>,
}

/// An answer in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) seen: String,
    pub(crate) means: &'static str,
    /// What to set or to do, where the answer is not the one that is taken for granted.
    pub(crate) advice: &'static str,
}

const NOTHING: &str = "Nothing to set.";
const STALE: &str = "Leave `desk.lists_are_current` out of the fields document.";

fn said(seen: impl Into<String>, means: &'static str) -> Said {
    Said { seen: seen.into(), means, advice: NOTHING }
}

impl Said {
    fn advice(self, advice: &'static str) -> Self {
        Self { advice, ..self }
    }
}

/// What a live Desk could be asked, and is not, with the reason.
pub(crate) const NOT_ASKED: [(&str, &str); 4] = [
    ("A transfer of an active ticket", "it takes an agent"),
    ("Whether a change runs the assignment rules again", "it takes rules that are known"),
    ("A related channel of another customer", "the ticket would show it to agents"),
    ("A field that agents must fill", "the dashboard alone says which those are"),
];

/// The rows of all questions, answered or not.
pub(crate) fn rows(settings: &Settings) -> Vec<Row> {
    let topics = [
        of(Topic::Values, values(settings)),
        of(Topic::Values, spelling(settings)),
        filters(&settings.filters),
        of(Topic::Lists, lists(settings)),
        of(Topic::Tickets, tickets(settings)),
        of(Topic::Tickets, teams(settings)),
        of(Topic::Answers, answers(settings)),
    ];
    topics.concat()
}

fn of(topic: Topic, questions: Questions) -> Vec<Row> {
    let row = |(setting, question, answer): (&str, &str, Option<Said>)| {
        let (setting, question) = (setting.to_owned(), question.to_owned());
        Row { topic, setting, question, answer }
    };
    questions.into_iter().map(row).collect()
}

type Questions = Vec<(&'static str, &'static str, Option<Said>)>;

fn values(settings: &Settings) -> Questions {
    let fields = "List exactly the fields that Desk has under `fields`.";
    let types = "Give every field under `fields` the type that it has in Desk.";
    let options = "List every dropdown's options under `fields`, as Desk spells them.";
    let cut = "Longer ones are cut, or never sent, here.";
    let never = "An empty value is never sent.";
    vec![
        (
            "unknown_key",
            "A key that no field has",
            settings.unknown_key.map(|is| reaction(is, fields)),
        ),
        (
            "wrong_value",
            "A value of the wrong type",
            settings.wrong_value.map(|is| reaction(is, types)),
        ),
        (
            "bad_option",
            "A value that is no option",
            settings.bad_option.map(|is| reaction(is, options)),
        ),
        ("option_case", "An option in another case", settings.option_case.map(option_case)),
        (
            "long_key",
            "A key of more than 20 characters",
            settings.long_key.map(|is| too_long(is, cut)),
        ),
        ("long_value", "A value of more than 190", settings.long_value.map(|is| too_long(is, cut))),
        ("value_unit", "What the 190 counts", settings.value_unit.map(value_unit)),
        ("empty_value", "An empty value", settings.empty_value.map(|is| clearing(is, never))),
        ("null_value", "null as a value", settings.null_value.map(|is| clearing(is, never))),
        ("nested_fields", "Fields as an object", settings.nested_fields.map(nested_fields)),
    ]
}

fn reaction(reaction: Reaction, advice: &'static str) -> Said {
    match reaction {
        Reaction::Drop => said("left out; the rest is kept", "It costs itself only."),
        Reaction::DropAll => said(
            "left out, and all the rest with it",
            "One bad field costs all others, and every one is reported as rejected.",
        )
        .advice(advice),
        Reaction::Refuse => said(
            "the call is refused",
            "Each field is then sent alone: more calls, the same outcome.",
        )
        .advice(advice),
    }
}

fn option_case(case: OptionCase) -> Said {
    match case {
        OptionCase::Exact => said("not taken", "Options are sent as `fields` spells them."),
        OptionCase::Ignore => said("taken", "Options are sent as `fields` spells them."),
    }
}

fn too_long(too_long: TooLong, means: &'static str) -> Said {
    match too_long {
        TooLong::Refuse => said("the call is refused", means),
        TooLong::Drop => said("left out", means),
        TooLong::Truncate => said("cut", means),
    }
}

fn value_unit(unit: ValueUnit) -> Said {
    match unit {
        ValueUnit::Utf16 => said("UTF-16 units", "Values are cut by the same count here."),
        ValueUnit::Bytes => said(
            "bytes",
            "A long value with other letters than a to z is cut once more when it is refused.",
        )
        .advice("Keep long texts below 190 bytes where they are made."),
        ValueUnit::CodePoints => said("code points", "Values are cut a little earlier here."),
    }
}

fn clearing(clearing: Clearing, means: &'static str) -> Said {
    match clearing {
        Clearing::Store => said("stored as an empty text", means),
        Clearing::Remove => said("removes the value", means),
        Clearing::Keep => said("leaves the value as it is", means),
        Clearing::Refuse => said("the call is refused", means),
    }
}

fn nested_fields(nested: NestedFields) -> Said {
    let means = "They are sent as a text here, which every Desk takes.";
    match nested {
        NestedFields::Accept => said("taken", means),
        NestedFields::Refuse => said("refused", means),
        NestedFields::Ignore => said("passed over", means),
    }
}

fn spelling(settings: &Settings) -> Questions {
    let numbers = "Integers are compared as numbers here.";
    let links = "A respelt link still counts as ours.";
    let trimmed = "Values are compared without the space around them.";
    let yes_no = |is: bool, means| said(if is { "yes" } else { "no" }, means);
    vec![
        (
            "normalise_integers",
            "Does 007 become 7",
            settings.normalise_integers.map(|is| yes_no(is, numbers)),
        ),
        (
            "normalise_links",
            "Does a link's host become lower case",
            settings.normalise_links.map(|is| yes_no(is, links)),
        ),
        ("trim", "Are values trimmed", settings.trim.map(|is| yes_no(is, trimmed))),
        ("repeated_write", "The same values again", settings.repeated_write.map(repeated_write)),
    ]
}

fn repeated_write(repeated: RepeatedWrite) -> Said {
    match repeated {
        RepeatedWrite::Accept => said("taken", "A write whose answer is lost is safely repeated."),
        RepeatedWrite::Refuse => said(
            "refused",
            "A write whose answer is lost may be reported as rejected though it was done.",
        ),
    }
}

/// What a list is filtered by, and what it means that it is, and that it is not.
const FILTERS: [(&str, &str, &str); 9] = [
    (
        "channel_url",
        "A conversation's ticket is found in one call.",
        "Every result is checked, and the customer's tickets are searched as well.",
    ),
    (
        "sendbird_id",
        "A customer's tickets are found in one call.",
        "All tickets of Desk are read: with more than a few hundred, handoffs fail.",
    ),
    (
        "status2",
        "Of a customer with many tickets only the open ones are read.",
        "A customer with more than 1,500 tickets cannot be searched.",
    ),
    ("limit", "Pages are as large as asked for.", "Pages are as large as Desk likes."),
    (
        "offset",
        "Later pages can be read.",
        "Nothing beyond the first page can be read: many tickets cannot be searched.",
    ),
    ("q", NOT_USED, NOT_USED),
    ("agent", NOT_USED, NOT_USED),
    ("start_date", NOT_USED, NOT_USED),
    ("end_date", NOT_USED, NOT_USED),
];
const NOT_USED: &str = "Not used here.";

fn filters(known: &BTreeMap<String, bool>) -> Vec<Row> {
    let row = |(name, honoured, ignored): &(&str, &'static str, &'static str)| {
        let answer = known.get(*name).map(|is| filter(*is, honoured, ignored));
        let (setting, question) = (format!("filters.{name}"), format!("Is {name} honoured"));
        Row { topic: Topic::Lists, setting, question, answer }
    };
    FILTERS.iter().map(row).collect()
}

fn filter(is_honoured: bool, honoured: &'static str, ignored: &'static str) -> Said {
    match (is_honoured, ignored) {
        (true, _) => said("yes", honoured),
        (false, NOT_USED) => said("no", ignored),
        (false, _) => said("no", ignored).advice("Nothing to set; tell Sendbird, and us."),
    }
}

fn lists(settings: &Settings) -> Questions {
    let order = "Either order is read.";
    let page = "Pages are counted by what comes.";
    vec![
        ("channel_match", "What channel_url finds", settings.channel_match.map(channel_match)),
        (
            "newest_first",
            "Which ticket comes first",
            settings
                .newest_first
                .map(|is| said(if is { "the newest" } else { "the oldest" }, order)),
        ),
        (
            "lists_show_fields",
            "Do lists show the fields",
            settings.lists_show_fields.map(|is| match is {
                true => said("yes", "A ticket is known as soon as it is found."),
                false => said("no", "A ticket is viewed before it is written to: one call more."),
            }),
        ),
        (
            "lists_count",
            "Do lists say how many there are",
            settings.lists_count.map(|is| match is {
                true => said("yes", page),
                false => said("no", "Pages are read until none comes."),
            }),
        ),
        (
            "largest_page",
            "The most on a page",
            settings.largest_page.map(|largest| said(largest.to_string(), page)),
        ),
        ("visible_after_ms", "A new ticket is shown", settings.visible_after_ms.map(lag)),
        ("listed_after_ms", "A new ticket is listed", settings.listed_after_ms.map(lag)),
        ("lists_lag_ms", "A change is listed", settings.lists_lag_ms.map(lists_lag)),
    ]
}

/// As [`lag`].
fn lists_lag(millis: u64) -> Said {
    let late = "A ticket is viewed beside the list, before it is written to.";
    match millis {
        0 => said("at once", "A list that shows the fields can be believed without a view."),
        _ => said("within 5 seconds", late).advice(STALE),
    }
}

fn channel_match(found: ChannelMatch) -> Said {
    let means = "Every result is compared with the whole address.";
    match found {
        ChannelMatch::Exact => said("that channel only", means),
        ChannelMatch::Beginning => said("all that begin so", means),
    }
}

/// The lag is one between two looks.
fn lag(millis: u64) -> Said {
    let late = "A ticket that Desk makes at a handoff may be missed at first.";
    let advice = "Keep `ticket.grace_seconds` at 15 or more.";
    match millis {
        0 => said("at once", "A ticket is found as soon as it is made."),
        1..2000 => said("within 2 seconds", late).advice(advice),
        _ => said("within 5 seconds", late).advice(advice),
    }
}

fn tickets(settings: &Settings) -> Questions {
    let status = "Every 2xx is taken for a success.";
    vec![
        (
            "existing_customer",
            "The create of a customer who exists",
            settings.existing_customer.map(existing_customer),
        ),
        (
            "create_status",
            "The status of a create",
            settings.create_status.map(|is| said(is.to_string(), status)),
        ),
        ("write_answer", "What a change is answered with", settings.write_answer.map(write_answer)),
        (
            "strange_related",
            "A related channel that does not exist",
            settings.strange_related.map(strange_related),
        ),
        ("close_new", "Closing a ticket without a message", settings.close_new.map(close_new)),
        ("closed_writes", "A change of a closed ticket", settings.closed_writes.map(closed_writes)),
    ]
}

fn existing_customer(existing: ExistingCustomer) -> Said {
    match existing {
        ExistingCustomer::Return => said("the same one comes back", "Two at once do no harm."),
        ExistingCustomer::Refuse => {
            said("refused", "The customer is then looked up: one call more.")
        }
    }
}

fn write_answer(answer: WriteAnswer) -> Said {
    let more = "The ticket is viewed after a change: one call more.";
    match answer {
        WriteAnswer::Full => said("the whole ticket", "What Desk holds is known without a look."),
        WriteAnswer::WithoutFields => said("the ticket without its fields", more),
        WriteAnswer::Empty => said("nothing", more),
        WriteAnswer::Stale => said(
            "the ticket as it was before",
            "What seems not to be stored is looked at once more.",
        ),
    }
}

fn strange_related(related: StrangeRelated) -> Said {
    match related {
        StrangeRelated::Take => said("taken", "The AI conversation is always related."),
        StrangeRelated::Drop => said("left out", "The title then names the conversation."),
        StrangeRelated::Refuse => said(
            "the call is refused",
            "The ticket is then made without it; its title names the conversation.",
        ),
    }
}

fn close_new(close: CloseNew) -> Said {
    let means = "This project closes no ticket.";
    match close {
        CloseNew::Accept => said("closed", means),
        CloseNew::Refuse => said("refused", means).advice("Close the test ticket by hand."),
    }
}

fn closed_writes(closed: ClosedWrites) -> Said {
    let means = "A closed ticket is never written to here.";
    match closed {
        ClosedWrites::Refuse => said("refused", means),
        ClosedWrites::Accept => said("taken", means),
        ClosedWrites::Ignore => said("passed over", means),
    }
}

fn teams(settings: &Settings) -> Questions {
    let advice = "Compare the team keys in your contexts with Desk's: no error will tell.";
    vec![
        (
            "unknown_group",
            "A create with an unknown team",
            settings.unknown_group.map(|is| match is {
                UnknownGroup::Refuse => {
                    said("refused", "The ticket is then made without it: more calls.")
                }
                UnknownGroup::Ignore => {
                    said("goes to the Default team", "A misspelt team is passed over.")
                        .advice(advice)
                }
            }),
        ),
        (
            "transfer_unknown",
            "A transfer to an unknown team",
            settings.transfer_unknown.map(|is| match is {
                UnknownGroup::Refuse => said("refused", "The team's outcome is rejected."),
                UnknownGroup::Ignore => said("moves nothing", "The team's outcome is rejected."),
            }),
        ),
        (
            "transfer_default",
            "A transfer to the Default team",
            settings.transfer_default.map(|is| match is {
                DefaultTeam::Refuse => said("refused", "It is never asked for here."),
                DefaultTeam::Accept => said("taken", "It is never asked for here."),
            }),
        ),
        (
            "first_message",
            "What the first message makes of a ticket",
            settings.first_message.map(first_message),
        ),
        ("transfer", "Which tickets are transferred", settings.transfer.map(transfer)),
    ]
}

fn first_message(first: FirstMessage) -> Said {
    match first {
        FirstMessage::Pending => said("pending", "With an opening message agents see the ticket."),
        FirstMessage::Active => said("active", "An agent has it; its team is then kept."),
        FirstMessage::Nothing => said("nothing", "An opening message does not show the ticket.")
            .advice("Find out what puts a ticket before agents; tell us."),
    }
}

fn transfer(moved: Transfer) -> Said {
    let means = "Only pending ones are moved here.";
    match moved {
        Transfer::PendingOnly => said("pending ones", means),
        Transfer::AllOpen => said("all that are open", means),
        Transfer::Never => said("none", "A team that a later handoff names is rejected.")
            .advice("Name the team in the first handoff."),
    }
}

fn answers(settings: &Settings) -> Questions {
    vec![
        (
            "missing_status",
            "A ticket that does not exist",
            settings.missing_status.map(|status| match status {
                404 => said("404", "A ticket that is gone is known to be gone."),
                other => said(other.to_string(), "A remembered ticket that is gone is no 404.")
                    .advice("Nothing to set; tell us, with the profile."),
            }),
        ),
        (
            "error_form",
            "How a refusal is written",
            settings.error_form.map(|form| match form {
                ErrorForm::CodeAndDetail => said("code and detail", "The log has Desk's code."),
                ErrorForm::Detail => said("a detail alone", "The log has the status alone."),
                ErrorForm::ByProperty => said("texts by property", "The log has the status alone."),
            }),
        ),
        (
            "rate_headers",
            "Do answers say how many calls are left",
            settings.rate_headers.map(|is| match is {
                RateHeaders::Absent => said("no", "Five calls a second are taken for safe."),
                RateHeaders::Present => said("yes", "Five calls a second are taken for safe."),
            }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use desk_emulator::Behaviour;

    use super::*;
    use crate::probe::questions::ASKED;

    /// Every setting of the profile has one row, and every row a setting.
    #[test]
    fn every_setting_has_its_row() {
        let settings = Settings::of(&Behaviour::default(), &ASKED);
        let names: BTreeSet<String> = settings.entries().into_keys().collect();
        let rows = rows(&settings);
        let rowed: BTreeSet<String> = rows.iter().map(|row| row.setting.clone()).collect();

        assert_eq!(rowed, names);
        assert_eq!(rows.len(), names.len());
        assert!(rows.iter().all(|row| row.answer.is_some()));
    }

    /// The page has a line for every question, with the answer that is expected.
    #[test]
    fn every_question_stands_on_the_wire_page() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/desk-wire.md");
        let page = std::fs::read_to_string(page).unwrap();
        let line = |row: &Row| {
            let expected = row.answer.as_ref().map_or("", |answer| &answer.seen);
            format!("| `{}` | {} | {expected} |", row.setting, row.question)
        };
        let rows = rows(&Settings::of(&Behaviour::default(), &ASKED));
        let lines: Vec<String> = rows.iter().map(line).collect();

        let missing: Vec<&String> = lines.iter().filter(|line| !page.contains(*line)).collect();
        assert!(missing.is_empty(), "{}", lines.join("\n"));
    }
}
