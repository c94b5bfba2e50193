//! Every outcome in words, for somebody who knows Desk's dashboard and no Rust: what it means, and
//! what to do.
//!
//! Pure. Outcomes are matched without `_`: a new one must be explained before this compiles.

use desk_handoff::fields::{Entry, MAX_FIELDS, Outcome};
use desk_handoff::report::Status;
use desk_handoff::rules::{Choice, FieldKind, MAX_KEY, MAX_VALUE, Priority, Rules, Source};
use serde_json::Value;

/// How an outcome is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// The human agent finds it.
    Good,
    /// Nobody has to do anything.
    Calm,
    /// The human agent does not find it, and might have to.
    Bad,
}

/// Its meaning in a few words, and its tone. What is bad is left out of the ticket.
pub(crate) fn meaning(outcome: Outcome) -> (&'static str, Tone) {
    match outcome {
        Outcome::Written => ("in the ticket", Tone::Good),
        Outcome::Truncated => ("in the ticket, its end cut off", Tone::Good),
        Outcome::Unchanged => ("was in the ticket already", Tone::Good),
        Outcome::Kept => ("the ticket holds another value", Tone::Calm),
        Outcome::Unmatched => ("no field has this key", Tone::Bad),
        Outcome::InvalidKey => ("can never be a field key", Tone::Bad),
        Outcome::WrongType => ("not what the field takes", Tone::Bad),
        Outcome::NotAnOption => ("not one of the options", Tone::Bad),
        Outcome::NotScalar => ("an object or a list", Tone::Bad),
        Outcome::Empty => ("nothing to send", Tone::Calm),
        Outcome::Denied => ("never sent", Tone::Calm),
        Outcome::Superseded => ("another source filled its field", Tone::Calm),
        Outcome::OverLimit => ("too many fields", Tone::Bad),
        Outcome::Rejected => ("Desk did not keep it", Tone::Bad),
        Outcome::Left => ("the ticket is left alone", Tone::Calm),
    }
}

/// How a handoff ended: the status as it stands in the answer, and what it means where it does not
/// say so itself.
pub(crate) fn ending(status: Status) -> &'static str {
    match status {
        Status::Created => "created",
        Status::Updated => "updated",
        Status::Unchanged => "unchanged",
        Status::Duplicate => "duplicate (this event was done before; nothing is touched)",
        Status::Left => "left",
        Status::Preview => "preview",
        Status::Queued => "queued (it is worked on shortly)",
    }
}

/// Where a key goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    Field(&'a str),
    Priority,
    Team,
    Nowhere,
}

impl Target<'_> {
    /// In one word, for a column.
    pub(crate) fn word(self) -> String {
        match self {
            Self::Field(key) => key.to_owned(),
            Self::Priority => "(priority)".to_owned(),
            Self::Team => "(team)".to_owned(),
            Self::Nowhere => String::new(),
        }
    }
}

/// Where the key of this line goes under these rules.
pub(crate) fn target<'a>(line: &'a Entry, rules: &Rules) -> Target<'a> {
    let key = line.key.as_str();
    let draws =
        |source: Option<&Source>| matches!(source, Some(Source::Context(name)) if name == key);
    let listed = |key: &str| match &rules.fields {
        Some(fields) => fields.iter().any(|field| field.key.as_str() == key),
        // Without a list every legal key is sent, to the field of its own name.
        None => illegal(key).is_none(),
    };

    // An answer names the field only where it is called otherwise than the key.
    match &line.field {
        Some(field) => Target::Field(field),
        None if listed(key) => Target::Field(key),
        None if draws(rules.ticket.priority.as_ref().and_then(Choice::source)) => Target::Priority,
        None if draws(rules.ticket.team.as_ref().and_then(Choice::source)) => Target::Team,
        None => Target::Nowhere,
    }
}

/// Why the key is not filled, and what would fill it; nothing where there is nothing to say.
pub(crate) fn advice(line: &Entry, rules: &Rules) -> Option<String> {
    let target = target(line, rules);
    let text = match line.outcome {
        Outcome::Written | Outcome::Unchanged => return None,
        // Said once for all of them: see WITHOUT_FIELDS.
        Outcome::Rejected if rules.fields.is_none() && matches!(target, Target::Field(_)) => {
            return None;
        }
        Outcome::Truncated => {
            format!("A field holds {MAX_VALUE} characters; the rest of the value is cut off.")
        }
        Outcome::Kept => KEPT.to_owned(),
        Outcome::Unmatched => unmatched(line),
        Outcome::InvalidKey => invalid(line, rules),
        Outcome::WrongType => wrong_type(target, rules),
        Outcome::NotAnOption => not_an_option(line, target, rules),
        Outcome::NotScalar => NOT_SCALAR.to_owned(),
        Outcome::Empty => {
            "Absent, null or blank: it is never sent, and so never clears a field.".to_owned()
        }
        Outcome::Denied if line.hint.is_some() => DENIED_CREDENTIAL.to_owned(),
        Outcome::Denied => {
            "On the deny list of the fields file: it is never sent to Desk.".to_owned()
        }
        Outcome::Superseded => superseded(line),
        Outcome::OverLimit => format!(
            "A ticket holds {MAX_FIELDS} fields, and {MAX_FIELDS} came before this one: put the important ones first \
             in the fields file, or name those that nobody needs under \"deny\"."
        ),
        Outcome::Rejected => rejected(target).to_owned(),
        Outcome::Left => LEFT.to_owned(),
    };

    Some(text)
}

const KEPT: &str = "The ticket holds another value, which is kept; \"overwrite\": \"always\" in the fields file would replace it.";
const LEFT: &str =
    "The fields file says to leave the ticket alone (\"when_missing\", \"when_closed\").";
const NOT_SCALAR: &str = "An object or a list, and a field holds one text or one number: let the AI agent set the parts \
    as keys of their own.";

const DENIED_CREDENTIAL: &str = "The key looks like that of a credential, so its value is never sent to Desk. To allow it, define \
    a ticket field of exactly this key in the fields file, or set \"deny_credentials\": false there.";

fn superseded(line: &Entry) -> String {
    let by = line.by.as_deref().unwrap_or_default();
    let same = if line.agrees { "It said the same." } else { "It said something else." };
    format!(
        "\"{by}\" filled the field instead: the key that equals the field's comes first, then an alias, then \"from\". {same}"
    )
}

/// What holds for every key where the fields file lists no fields.
pub(crate) const WITHOUT_FIELDS: &str = "The fields file lists no fields. So every legal key is sent as text, and Desk \
    drops in silence what it has no field for; its answer says what it kept. The embedded Desk of `run` and `serve` has \
    the fields of the file, and so none here.";

fn unmatched(line: &Entry) -> String {
    let key = &line.key;
    match &line.hint {
        Some(field) => {
            format!(
                "No field has this key to the letter. It would match as \"{field}\": {}.",
                two_ways(key, field)
            )
        }
        None => format!(
            "No field has this key. If the human agent needs it, define a ticket field \"{key}\" in Desk (Settings > \
             Desk > Ticket fields) and list it in the fields file. If not, say so there: \"deny\": [{}].",
            Value::from(key.as_str())
        ),
    }
}

fn invalid(line: &Entry, rules: &Rules) -> String {
    let key = &line.key;
    let never = format!(
        "Not a legal field key (lowercase letters, digits and dashes, at most {MAX_KEY} characters; this one {}), so \
         Desk can never match it.",
        illegal(key).unwrap_or_default()
    );

    let listed = |hint: &str| rules.fields.iter().flatten().any(|field| field.key.as_str() == hint);
    match &line.hint {
        Some(field) if listed(field) => {
            format!("{never} It would match as \"{field}\": {}.", two_ways(key, field))
        }
        Some(field) => format!(
            "{never} It would match as \"{field}\", which is no field yet: define it in Desk and list it in the fields \
             file, then {}.",
            two_ways(key, field)
        ),
        None => format!(
            "{never} It would match under a legal key, or through an alias in the fields file."
        ),
    }
}

fn two_ways(key: &str, field: &str) -> String {
    // As JSON quotes it: the line is there to be pasted into the document.
    let key = Value::from(key);
    format!(
        "rename it in the AI agent's context, or add {key}: \"{field}\" to the \"aliases\" of the fields file"
    )
}

/// What makes a key illegal, if anything does.
fn illegal(key: &str) -> Option<String> {
    let allowed = |char: &char| char.is_ascii_lowercase() || char.is_ascii_digit() || *char == '-';
    let count = key.chars().count();
    match key.chars().find(|char| !allowed(char)) {
        Some(char) => Some(format!("has {char:?}")),
        None if count == 0 => Some("is empty".to_owned()),
        None if count > MAX_KEY => Some(format!("has {count} characters")),
        None => None,
    }
}

fn wrong_type(target: Target<'_>, rules: &Rules) -> String {
    let rule = match (target, kind(target, rules)) {
        (_, Some(FieldKind::Integer)) => {
            format!(
                "a whole number from {} to {}: digits, and at most a minus sign before them",
                i64::MIN,
                i64::MAX
            )
        }
        (_, Some(FieldKind::Link)) => format!(
            "an address that begins with http:// or https:// (in lower case), without spaces, of at most {MAX_VALUE} \
             characters"
        ),
        _ => "a value of another type".to_owned(),
    };
    format!("The field \"{}\" takes {rule}.", target.word())
}

fn not_an_option(line: &Entry, target: Target<'_>, rules: &Rules) -> String {
    let nearest =
        line.hint.as_ref().map(|hint| format!(" The nearest is \"{hint}\".")).unwrap_or_default();
    match (target, kind(target, rules)) {
        (Target::Priority, _) => {
            format!("A priority is one of {}.{nearest}", Priority::NAMES.join(", "))
        }
        (Target::Team, _) => {
            "A team is named by its key: lowercase letters, digits, - and _.".to_owned()
        }
        (_, Some(FieldKind::Dropdown(options))) => {
            format!(
                "The dropdown \"{}\" takes, to the letter, one of {}.{nearest}",
                target.word(),
                some(options)
            )
        }
        _ => format!("Not one of the options.{nearest}"),
    }
}

fn rejected(target: Target<'_>) -> &'static str {
    match target {
        Target::Team => "Desk has no team of this key; the embedded one has vip and support.",
        Target::Priority => "Sent, and Desk did not take this priority.",
        Target::Field(_) | Target::Nowhere => {
            "Sent, and not in Desk's answer: Desk has no such field, or one of another type."
        }
    }
}

fn kind<'r>(target: Target<'_>, rules: &'r Rules) -> Option<&'r FieldKind> {
    let Target::Field(key) = target else { return None };
    rules.fields.iter().flatten().find(|field| field.key.as_str() == key).map(|field| &field.kind)
}

/// The first few of a list that may be long.
fn some(options: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = options.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if options.len() > SHOWN {
        format!("{shown} and {} more", options.len() - SHOWN)
    } else {
        shown
    }
}
