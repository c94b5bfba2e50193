//! What becomes of field values that are not good. Each question sends one bad value; where it
//! matters whether the rest of the call is kept, a good one goes with it, and is another one each
//! time.

use desk_emulator::{Clearing, NestedFields, OptionCase, Reaction, TooLong, ValueUnit};
use serde_json::{Value, json};

use crate::probe::asking::{Asking, Written, checked, value};
use crate::probe::known::{Dropdown, KnownFields};
use crate::probe::questions::spelling;
use crate::probe::stop::Stop;

/// A legal key that nobody defined.
const NO_KEY: &str = "desk-handoff-probe";
/// No integer, no link, and hardly an option.
const NO_VALUE: &str = "desk-handoff-probe";
/// Longer than a key may be.
const LONG_KEY: &str = "desk-handoff-probe-key";
/// What is sent under it.
const OF_LONG_KEY: &str = "probe of a long key";
/// Longer than a value may be, whatever is counted.
const LONG_VALUE: usize = 200;
/// The most that a value may hold.
const MOST: usize = 190;
/// One code point, two UTF-16 units, four bytes.
const WIDE: &str = "😀";
/// Too many of it in UTF-16 units and in bytes, but not in code points.
const TOO_WIDE: usize = 100;
/// Too many of it in bytes only.
const WIDE_IN_BYTES: usize = 60;

/// All that is asked here and in [`spelling`].
const SETTINGS: [&str; 14] = [
    "nested_fields",
    "unknown_key",
    "wrong_value",
    "bad_option",
    "option_case",
    "long_key",
    "long_value",
    "value_unit",
    "empty_value",
    "null_value",
    "repeated_write",
    "normalise_integers",
    "normalise_links",
    "trim",
];

/// `ticket`: as it was first seen.
pub(crate) async fn ask(asking: &mut Asking<'_>, id: u64, ticket: &Value) -> Result<(), Stop> {
    let mut why = "it takes a fields document (--fields) with a text field";
    if asking.fields.text.is_some() {
        spelling::ask(asking, id, ticket).await?;
        why = "Desk does not store plain values in the fields of this document: is each defined \
               there, with the same type?";
    }
    if let Some(text) = asking.fields.text.clone() {
        bad_values(asking, id, &text).await?;
        why = "there is no field of this type in the document and in Desk";
    }

    let answered = asking.found.settings.entries();
    for setting in SETTINGS {
        if !answered.contains_key(setting) && !asking.found.unanswered.contains_key(setting) {
            asking.unanswered(setting, why);
        }
    }
    Ok(())
}

/// With this text field, which is known to be there.
async fn bad_values(asking: &mut Asking<'_>, id: u64, text: &str) -> Result<(), Stop> {
    let asked = nested(asking, id, text).await;
    asking.tolerated(&["nested_fields"], asked)?;
    // Before the long key, whose answer may be that of an unknown one.
    let asked = unknown_key(asking, id, text).await;
    asking.tolerated(&["unknown_key"], asked)?;
    let asked = wrong_value(asking, id, text).await;
    asking.tolerated(&["wrong_value"], asked)?;
    let asked = bad_option(asking, id, text).await;
    asking.tolerated(&["bad_option"], asked)?;
    let asked = long_value(asking, id, text).await;
    asking.tolerated(&["long_value"], asked)?;
    let asked = unit(asking, id, text).await;
    asking.tolerated(&["value_unit"], asked)?;
    let asked = empty(asking, id, text).await;
    asking.tolerated(&["empty_value"], asked)?;
    let asked = case_null_and_long_key(asking, id).await;
    asking.tolerated(&["option_case", "null_value", "long_key"], asked)
}

async fn nested(asking: &mut Asking<'_>, id: u64, text: &str) -> Result<(), Stop> {
    asking.begins("fields as an object");
    let name = "write fields as an object";
    let sent = "probe as an object";
    let body = json!({"customFields": {text: sent}});
    let answer = asking.caller.patch(name, &format!("/tickets/{id}/custom_fields"), body).await?;
    let answer = checked(name, answer, id)?;

    let seen = match asking.written(answer, id).await? {
        Written::Refused => NestedFields::Refuse,
        Written::Taken(ticket) if value(&ticket, text).as_deref() == Some(sent) => {
            NestedFields::Accept
        }
        Written::Taken(_) => NestedFields::Ignore,
    };
    asking.found.settings.nested_fields = Some(seen);
    Ok(())
}

async fn unknown_key(asking: &mut Asking<'_>, id: u64, text: &str) -> Result<(), Stop> {
    asking.begins("an unknown key");
    let seen = reaction(asking, "write an unknown key", id, NO_KEY, text).await?;
    asking.found.settings.unknown_key = asking.noted("unknown_key", seen);
    Ok(())
}

async fn wrong_value(asking: &mut Asking<'_>, id: u64, text: &str) -> Result<(), Stop> {
    let typed = asking.fields.integer.clone().or_else(|| asking.fields.link.clone());
    if let Some(key) = typed {
        asking.begins("a value of the wrong type");
        let seen = reaction(asking, "write a wrong type", id, &key, text).await?;
        asking.found.settings.wrong_value = asking.noted("wrong_value", seen);
    }
    Ok(())
}

async fn bad_option(asking: &mut Asking<'_>, id: u64, text: &str) -> Result<(), Stop> {
    if let Some(dropdown) = asking.fields.dropdown.clone() {
        asking.begins("a value that is no option");
        let seen = reaction(asking, "write no option", id, &dropdown.key, text).await?;
        asking.found.settings.bad_option = asking.noted("bad_option", seen);
    }
    Ok(())
}

/// A bad value, and beside it a good one that was never sent before.
async fn reaction(
    asking: &Asking<'_>,
    name: &'static str,
    id: u64,
    bad: &str,
    good: &str,
) -> Result<Result<Reaction, &'static str>, Stop> {
    let values = json!({bad: NO_VALUE, good: name});
    let ticket = match asking.write_fields(name, id, values).await? {
        Written::Refused => return Ok(Ok(Reaction::Refuse)),
        Written::Taken(ticket) => ticket,
    };

    let is_stored = value(&ticket, bad).as_deref() == Some(NO_VALUE);
    let is_rest_kept = value(&ticket, good).as_deref() == Some(name);
    Ok(match (is_stored, is_rest_kept) {
        (true, _) => Err("Desk stored the value, which no setting stands for"),
        (false, true) => Ok(Reaction::Drop),
        (false, false) => Ok(Reaction::DropAll),
    })
}

async fn long_value(asking: &mut Asking<'_>, id: u64, text: &str) -> Result<(), Stop> {
    asking.begins("a value that is too long");
    let long = "x".repeat(LONG_VALUE);
    let written =
        asking.write_fields("write a long value", id, json!({text: long.as_str()})).await?;
    let seen = match &written {
        Written::Refused => Ok(TooLong::Refuse),
        Written::Taken(ticket) => match value(ticket, text) {
            Some(stored) if stored == long => Err("200 characters are stored whole"),
            Some(stored) if stored == long[..MOST] => Ok(TooLong::Truncate),
            Some(stored) if stored.starts_with("xx") => Err("it is cut, but not at 190"),
            Some(_) | None => Ok(TooLong::Drop),
        },
    };

    asking.found.settings.long_value = asking.noted("long_value", seen);
    Ok(())
}

async fn unit(asking: &mut Asking<'_>, id: u64, text: &str) -> Result<(), Stop> {
    if asking.found.settings.long_value.is_none() {
        asking.unanswered("value_unit", "there is no limit of 190 to count by");
        return Ok(());
    }
    asking.begins("what the 190 counts");
    let seen = match wide_stored(asking, id, text, TOO_WIDE).await? {
        Some(TOO_WIDE) => Ok(ValueUnit::CodePoints),
        Some(cut) if cut == MOST / 2 => Ok(ValueUnit::Utf16),
        Some(cut) if cut == MOST / 4 => Ok(ValueUnit::Bytes),
        Some(_) => Err("it is cut where none of the known units would cut it"),
        None => match wide_stored(asking, id, text, WIDE_IN_BYTES).await? {
            Some(WIDE_IN_BYTES) => Ok(ValueUnit::Utf16),
            Some(_) | None => Ok(ValueUnit::Bytes),
        },
    };

    asking.found.settings.value_unit = asking.noted("value_unit", seen);
    Ok(())
}

/// How many of so many wide characters are stored; `None`: the value is refused or left out.
async fn wide_stored(
    asking: &Asking<'_>,
    id: u64,
    text: &str,
    count: usize,
) -> Result<Option<usize>, Stop> {
    let sent = WIDE.repeat(count);
    let written = asking.write_fields("write wide characters", id, json!({text: sent})).await?;
    let Written::Taken(ticket) = written else { return Ok(None) };
    let stored = value(&ticket, text).filter(|stored| stored.starts_with(WIDE));
    Ok(stored.map(|stored| stored.chars().count()))
}

async fn empty(asking: &mut Asking<'_>, id: u64, text: &str) -> Result<(), Stop> {
    asking.begins("an empty value");
    let written = asking.write_fields("write an empty value", id, json!({text: ""})).await?;
    let seen = match written {
        Written::Refused => Clearing::Refuse,
        Written::Taken(ticket) => cleared(&ticket, text),
    };
    asking.found.settings.empty_value = Some(seen);
    Ok(())
}

/// The field had a value before.
fn cleared(ticket: &Value, key: &str) -> Clearing {
    match value(ticket, key).as_deref() {
        None => Clearing::Remove,
        Some("") => Clearing::Store,
        Some(_) => Clearing::Keep,
    }
}

/// Three questions of three fields, so that one look at the end answers all. For each: whether Desk
/// took the call, if it could be made.
struct Three {
    case: Option<bool>,
    null: Option<bool>,
    long_key: Option<bool>,
}

async fn case_null_and_long_key(asking: &mut Asking<'_>, id: u64) -> Result<(), Stop> {
    asking.begins("another case, null, and a key that is too long");
    let taken = send_three(asking, id).await?;
    let is_any = [taken.case, taken.null, taken.long_key].contains(&Some(true));
    // Where all were refused there is nothing to look at.
    let ticket = if is_any { asking.view(id).await? } else { Value::Null };

    let fields = asking.fields.clone();
    let case = taken.case.zip(fields.dropdown.as_ref());
    let null = taken.null.zip(nullable(&fields));
    let longest = fields.longest_key.as_ref();
    let is_cut = longest.map(|key| value(&ticket, key).as_deref() == Some(OF_LONG_KEY));
    asking.found.settings.option_case =
        case.map(|(is_taken, dropdown)| option_case(&ticket, dropdown, is_taken));
    asking.found.settings.null_value = null.map(|(is_taken, key)| match is_taken {
        true => cleared(&ticket, key),
        false => Clearing::Refuse,
    });
    if let Some(is_taken) = taken.long_key {
        let seen = too_long_key(asking, is_taken, is_cut);
        asking.found.settings.long_key = asking.noted("long_key", seen);
    }
    Ok(())
}

async fn send_three(asking: &mut Asking<'_>, id: u64) -> Result<Three, Stop> {
    let fields = asking.fields.clone();
    let (mut case, mut null) = (None, None);
    if let Some(dropdown) = &fields.dropdown {
        let values = json!({&dropdown.key: dropdown.swapped});
        case = taken(asking, "write an option in another case", "option_case", id, values).await?;
    }
    if let Some(key) = nullable(&fields) {
        null = taken(asking, "write null", "null_value", id, json!({key: null})).await?;
    }

    let key = fields.longest_key.as_ref().map_or(LONG_KEY.to_owned(), |key| format!("{key}x"));
    let values = json!({key: OF_LONG_KEY});
    let long_key = taken(asking, "write a long key", "long_key", id, values).await?;
    Ok(Three { case, null, long_key })
}

/// Whether Desk takes these values; `None` if it fails at them.
async fn taken(
    asking: &mut Asking<'_>,
    name: &'static str,
    setting: &str,
    id: u64,
    values: Value,
) -> Result<Option<bool>, Stop> {
    match asking.send_fields(name, id, values).await {
        Ok(answer) => Ok(Some(answer.is_done())),
        Err(stop) => asking.tolerated(&[setting], Err(stop)).map(|()| None),
    }
}

/// A field that holds a good value, and is none of those that the other two are about.
fn nullable(fields: &KnownFields) -> Option<&String> {
    fields.link.as_ref().or(fields.integer.as_ref())
}

fn option_case(ticket: &Value, dropdown: &Dropdown, is_taken: bool) -> OptionCase {
    let stored = value(ticket, &dropdown.key);
    let is_same = stored.is_some_and(|stored| stored.eq_ignore_ascii_case(&dropdown.swapped));
    if is_taken && is_same { OptionCase::Ignore } else { OptionCase::Exact }
}

/// `is_cut`: whether the value lies under the key's first 20 characters, if those are a key.
fn too_long_key(
    asking: &Asking<'_>,
    is_taken: bool,
    is_cut: Option<bool>,
) -> Result<TooLong, &'static str> {
    let refuses_unknown = asking.found.settings.unknown_key == Some(Reaction::Refuse);
    match (is_taken, is_cut) {
        (true, Some(true)) => Ok(TooLong::Truncate),
        (true, Some(false)) => Ok(TooLong::Drop),
        (false, Some(_)) => Ok(TooLong::Refuse),
        (false, None) if !refuses_unknown => Ok(TooLong::Refuse),
        (true, None) if refuses_unknown => Ok(TooLong::Drop),
        (_, None) => Err("it takes a text field whose key has 20 characters"),
    }
}
