//! `report`: which context keys the tickets missed, how often, and what to do, for a support lead.
//!
//! Read from the functions' own records: a file, standard input, or the log groups through the
//! user's `aws`. Shows names and counts and nothing else.

mod records;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use desk_handoff::fields::{FieldOutcomes, MAX_FIELDS, Outcome, match_fields};
use desk_handoff::handoff::{Context, Handoff};
use desk_handoff::rules::Rules;
use serde_json::{Value, json};

use self::records::{Missed, Records};
use crate::args;
use crate::error::{CliError, End};
use crate::input::fields::Fields;
use crate::input::file;
use crate::output::explain::meaning;
use crate::output::outcomes::visible;
use crate::output::words::counted;
use crate::output::{Out, cell, toned};
use crate::remote::ssm::Aws;

/// Lets through only the records that name a missed key.
const PATTERN: &str = r#"{ $.missed = "*" }"#;
/// The log groups of a stack, by what follows its name.
const FUNCTIONS: [&str; 2] = ["api", "worker"];
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The handoffs that missed a key in one way, each with the day on which it first did.
type Tally<'m> = BTreeMap<&'m [String; 3], u64>;

/// A line of the report.
struct Row {
    key: String,
    outcome: Outcome,
    handoffs: usize,
    days: usize,
    /// What would have matched.
    hint: Option<String>,
    advice: String,
}

pub(crate) fn report(args: &args::Report, out: &mut Out) -> Result<End, CliError> {
    let rules = rules(args)?;
    let mut records = read(args)?;
    if records.count == 0 && args.file.is_some() {
        out.note(
            "no record of this software's is in there: a record is a line with \"_aws\" in it",
        );
    }
    records.missed.retain(|missed| is_wanted(args, missed));
    let rows = rows(&records.missed, &rules);
    let handoffs: BTreeSet<_> = records.missed.iter().map(|missed| &missed.handoff).collect();
    let days: BTreeSet<u64> = records.missed.iter().map(day).collect();

    if args.json {
        let keys = rows.iter().map(document).collect::<Vec<_>>();
        let days = [days.first(), days.last()].map(|day| day.map(|day| date(*day)));
        out.json(&json!({
            "keys": keys, "handoffs": handoffs.len(), "first_day": days[0], "last_day": days[1],
        }));
        return Ok(End::Done);
    }
    if rows.is_empty() {
        out.result(true, "No key was missed.");
        return Ok(End::Done);
    }

    out.heading("Keys that tickets missed");
    let header = ["key", "outcome", "handoffs", "days", "hint", "what to do"];
    out.table(&header, rows.iter().map(cells).collect());
    out.result(false, &summary(&rows, handoffs.len(), &days));
    Ok(End::Done)
}

/// The fields of `--fields`; else nothing is known of them.
fn rules(args: &args::Report) -> Result<Rules, CliError> {
    let Some(path) = &args.fields.path else { return Ok(Rules::default()) };
    Fields::of(file::text(path)?).map(|fields| fields.rules).map_err(|problems| {
        let lines: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
        CliError::Use(format!("{} is not a usable fields file:{lines}", file::name(path)))
    })
}

fn read(args: &args::Report) -> Result<Records, CliError> {
    let mut records = Records::default();
    match (&args.file, &args.stack) {
        (Some(path), _) => records.read(&file::text(path)?),
        (None, Some(stack)) => {
            let aws = Aws { region: args.region.as_deref(), profile: args.profile.as_deref() };
            let since = SystemTime::now()
                .checked_sub(DAY * args.days)
                .and_then(|since| since.duration_since(UNIX_EPOCH).ok())
                .unwrap_or_default();
            for function in FUNCTIONS {
                let group = format!("/aws/lambda/{stack}-{function}");
                records.read(&aws.log_messages(&group, since.as_millis(), PATTERN)?);
            }
        }
        // clap asks for one of them.
        (None, None) => {}
    }

    Ok(records)
}

fn is_wanted(args: &args::Report, missed: &Missed) -> bool {
    let [stack, app_id, _] = &missed.handoff;
    args.stack.as_ref().is_none_or(|wanted| wanted == stack)
        && args.app_id.as_ref().is_none_or(|wanted| wanted.as_str() == app_id)
}

/// Days of UTC since 1970.
fn day(missed: &Missed) -> u64 {
    missed.at / 1000 / DAY.as_secs()
}

fn date(day: u64) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(day.saturating_mul(DAY.as_secs())));
    let text = time.map(|time| humantime::format_rfc3339_seconds(time).to_string());
    text.unwrap_or_default().chars().take("2026-11-27".len()).collect()
}

/// The most often missed first.
fn rows(missed: &[Missed], rules: &Rules) -> Vec<Row> {
    let mut tallies: BTreeMap<(&str, Outcome), Tally> = BTreeMap::new();
    for handoff in missed {
        for (key, outcome) in &handoff.keys {
            let tally = tallies.entry((key, *outcome)).or_default();
            // One that is delivered again, perhaps days later, is the same.
            let first = tally.entry(&handoff.handoff).or_insert(u64::MAX);
            *first = day(handoff).min(*first);
        }
    }

    let mut rows: Vec<Row> =
        tallies.iter().map(|((key, outcome), tally)| row(key, *outcome, tally, rules)).collect();
    rows.sort_by(|one, other| other.handoffs.cmp(&one.handoffs).then(one.key.cmp(&other.key)));

    rows
}

fn row(key: &str, outcome: Outcome, tally: &Tally<'_>, rules: &Rules) -> Row {
    let hint = hint(key, outcome, rules);
    Row {
        key: key.to_owned(),
        outcome,
        handoffs: tally.len(),
        days: tally.values().collect::<BTreeSet<_>>().len(),
        advice: advice(outcome, &hint),
        hint: match hint {
            Hint::None | Hint::Settled => None,
            Hint::Field(near) | Hint::Legal(near) => Some(near),
        },
    }
}

/// What is known of a key that no field has.
enum Hint {
    None,
    /// The document of `--fields` has a field, an alias or a refusal for it by now.
    Settled,
    /// A field of a near name.
    Field(String),
    /// As Desk could know it.
    Legal(String),
}

/// Asked of the shipped matching, so that it says here what it says in an answer.
fn hint(key: &str, outcome: Outcome, rules: &Rules) -> Hint {
    if !matches!(outcome, Outcome::Unmatched | Outcome::InvalidKey) {
        return Hint::None;
    }
    let context = Context([(key.to_owned(), Value::from("x"))].into_iter().collect());
    let matched = match_fields(rules, &Handoff { context, ..Handoff::default() });
    let entries = matched.entries(&FieldOutcomes::all(&matched, Outcome::Written), false);
    let Some(entry) = entries.into_iter().find(|entry| entry.key == key) else {
        return Hint::None;
    };

    let listed = |name: &str| rules.fields.iter().flatten().any(|field| field.key.as_str() == name);
    if !matches!(entry.outcome, Outcome::Unmatched | Outcome::InvalidKey) {
        // Without a document every legal key fits: that says nothing.
        return if rules.fields.is_some() { Hint::Settled } else { Hint::None };
    }
    match entry.hint {
        Some(near) if listed(&near) => Hint::Field(near),
        Some(near) => Hint::Legal(near),
        None => Hint::None,
    }
}

fn advice(outcome: Outcome, hint: &Hint) -> String {
    match (outcome, hint) {
        (Outcome::Unmatched | Outcome::InvalidKey, Hint::Settled) => {
            "nothing: the document knows it by now".to_owned()
        }
        (Outcome::Unmatched | Outcome::InvalidKey, Hint::Field(near)) => {
            format!("add an alias to {near}, or send it as {near}")
        }
        (Outcome::Unmatched | Outcome::InvalidKey, Hint::Legal(legal)) => {
            format!("define the field {legal} with an alias to it, or deny the key")
        }
        (Outcome::Unmatched, Hint::None) => {
            "define the field, add an alias, or deny the key".into()
        }
        (Outcome::InvalidKey, Hint::None) => "add an alias to a field, or deny the key".into(),
        (Outcome::WrongType, _) => "send what the field takes, or make it a text field".into(),
        (Outcome::NotAnOption, _) => "add the option, in Desk and in the document".into(),
        (Outcome::NotScalar, _) => "send one text, number or boolean".into(),
        (Outcome::OverLimit, _) => {
            format!("deny keys that nobody needs: a ticket takes {MAX_FIELDS} fields")
        }
        (Outcome::Rejected, _) => "define the field in Desk, or correct its key or type".into(),
        (Outcome::Superseded, _) => "keep one of the field's sources: they disagree".into(),
        (
            Outcome::Written
            | Outcome::Truncated
            | Outcome::Unchanged
            | Outcome::Kept
            | Outcome::Empty
            | Outcome::Denied
            | Outcome::Left,
            _,
        ) => "nothing".into(),
    }
}

fn cells(row: &Row) -> Vec<comfy_table::Cell> {
    vec![
        cell(visible(&row.key)),
        toned(&row.outcome.to_string(), meaning(row.outcome).1),
        cell(row.handoffs),
        cell(row.days),
        cell(row.hint.as_deref().unwrap_or_default()),
        cell(&row.advice),
    ]
}

fn document(row: &Row) -> Value {
    let mut line = json!({
        "key": row.key, "outcome": row.outcome, "handoffs": row.handoffs, "days": row.days,
        "advice": row.advice,
    });
    if let Some(hint) = &row.hint {
        line["hint"] = hint.as_str().into();
    }
    line
}

fn summary(rows: &[Row], handoffs: usize, days: &BTreeSet<u64>) -> String {
    let keys: BTreeSet<&str> = rows.iter().map(|row| row.key.as_str()).collect();
    let span = match (days.first(), days.last()) {
        (Some(first), Some(last)) if first != last => {
            format!("from {} to {}", date(*first), date(*last))
        }
        (Some(only), _) => format!("on {}", date(*only)),
        (None, _) => String::new(),
    };
    format!(
        "{} missed, in {} {span} (UTC).",
        counted(keys.len(), "key was", "keys were"),
        counted(handoffs, "handoff", "handoffs")
    )
}
