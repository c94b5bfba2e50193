//! `check`: what is wrong with a fields file, all at once, each with its place, and whether SSM can
//! hold it.

use desk_handoff::json_reader::ReadError;
use desk_handoff::rules::Rules;
use serde_json::{Value, json};

use crate::args;
use crate::error::{CliError, End};
use crate::input::fields::{SSM_ADVANCED, SSM_STANDARD};
use crate::input::file;
use crate::input::json_positions::{Place, Places};
use crate::output::Out;
use crate::output::words::{counted, kind_name};

/// The most that is repeated of the text that is meant, in characters.
const LONGEST_TEXT: usize = 60;

/// What there is to say of one place.
struct Finding<'t> {
    is_error: bool,
    /// None if the file as a whole is meant.
    place: Option<Place<'t>>,
    path: String,
    message: String,
}

pub(crate) fn check(args: &args::Check, out: &mut Out) -> Result<End, CliError> {
    let text = file::text(&args.file)?;
    let places = Places::of(&text);
    let (rules, findings) = examine(&text, &places);
    let errors = findings.iter().filter(|finding| finding.is_error).count();

    if args.json {
        let count = json!({"errors": errors, "warnings": findings.len() - errors});
        let listed: Value = findings.iter().map(Finding::document).collect();
        out.json(&json!({"ok": errors == 0, "count": count, "findings": listed}));
    } else {
        let name = file::name(&args.file);
        findings.iter().for_each(|finding| finding.show(&name, out));
        if let Some(rules) = rules.filter(|_| errors == 0) {
            out.result(true, &format!("ok: {}", summary(&rules)));
        }
    }

    Ok(if errors == 0 { End::Done } else { End::Found })
}

fn examine<'t>(text: &str, places: &Places<'t>) -> (Option<Rules>, Vec<Finding<'t>>) {
    // Of a text that is no JSON there is nothing else to say.
    if let Err(error) = serde_json::from_str::<Value>(text) {
        let place = Some(places.at(error.line(), error.column()));
        let message = "is not JSON".to_owned();
        return (None, vec![Finding { is_error: true, place, path: String::new(), message }]);
    }

    let finding = |is_error, ReadError { path, message }| {
        let place = Some(places.find(&path));
        Finding { is_error, place, path, message }
    };
    let mut findings: Vec<_> = places.repetitions().map(|error| finding(true, error)).collect();
    let rules = Rules::parse(text)
        .map_err(|errors| findings.extend(errors.into_iter().map(|error| finding(true, error))))
        .ok();

    findings.extend(too_large(text));
    let warnings = rules.as_ref().map(Rules::warnings).unwrap_or_default();
    findings.extend(warnings.into_iter().map(|warning| finding(false, warning)));

    (rules, findings)
}

impl Finding<'_> {
    /// As compilers write it, so that editors and terminals lead to the place.
    fn show(&self, file: &str, out: &mut Out) {
        let at = self.place.as_ref().map(|place| format!(":{}:{}", place.line, place.column));
        let path = if self.path.is_empty() { String::new() } else { format!("{}: ", self.path) };
        let place = format!("{file}{}: ", at.unwrap_or_default());
        out.finding(self.is_error, &place, &format!("{path}{}", self.message));
        if let Some(place) = &self.place {
            out.excerpt(place.whole, place.column, place.text);
        }
    }

    fn document(&self) -> Value {
        let level = if self.is_error { "error" } else { "warning" };
        let place = self.place.as_ref();
        json!({
            "level": level, "path": self.path, "message": self.message,
            "line": place.map(|place| place.line), "column": place.map(|place| place.column),
            "text": place.map(|place| place.text.chars().take(LONGEST_TEXT).collect::<String>()),
        })
    }
}

/// What SSM says to a file of this size.
fn too_large(text: &str) -> Option<Finding<'static>> {
    let (size, compact) = (text.len(), compact(text));
    if size <= SSM_STANDARD {
        return None;
    }
    let is_error = size > SSM_ADVANCED;
    let message = if is_error {
        format!("the file has {size} bytes, and SSM holds {SSM_ADVANCED} at most{compact}")
    } else {
        format!(
            "the file has {size} bytes, and SSM's standard tier ends at {SSM_STANDARD}: `aws ssm put-parameter` needs \
             --tier Advanced ({SSM_ADVANCED} at most){compact}"
        )
    };
    Some(Finding { is_error, place: None, path: String::new(), message })
}

/// What the size would be without white space, if that helps.
fn compact(text: &str) -> String {
    let value: Option<Value> = serde_json::from_str(text).ok();
    let size = value.map_or(usize::MAX, |value| value.to_string().len());
    if size < text.len() {
        format!("; without its white space it has {size}")
    } else {
        String::new()
    }
}

fn summary(rules: &Rules) -> String {
    let aliases = counted(rules.aliases.len(), "alias", "aliases");
    let denied = counted(rules.deny.len(), "denied key", "denied keys");
    let fields = match &rules.fields {
        None => "no list of fields (every legal key is sent as text)".to_owned(),
        Some(fields) => {
            let kinds = ["text", "integer", "link", "dropdown"].map(|kind| {
                let count = fields.iter().filter(|field| kind_name(&field.kind) == kind).count();
                (count > 0).then(|| format!("{count} {kind}"))
            });
            let kinds: Vec<String> = kinds.into_iter().flatten().collect();
            let count = counted(fields.len(), "field", "fields");
            if kinds.is_empty() { count } else { format!("{count} ({})", kinds.join(", ")) }
        }
    };

    // What is said of the Desk cannot be checked here: it is repeated, so that nobody overlooks it.
    let desk = if rules.desk.lists_are_current { ", Desk's lists are current" } else { "" };

    format!("{fields}, {aliases}, {denied}{desk}")
}
