//! `check`: what is wrong with a fields file, all at once, and whether SSM can hold it.

use desk_handoff::rules::{FieldKind, Rules};
use serde_json::Value;

use crate::out::{Out, shown};
use crate::{End, Failure, args, file};

/// The largest value of SSM's standard tier, in bytes.
pub(crate) const STANDARD: usize = 4096;
/// The largest value of SSM's advanced tier, in bytes.
pub(crate) const ADVANCED: usize = 8192;

pub(crate) fn check(args: &args::Check, out: &mut Out) -> Result<End, Failure> {
    let text = file::text(&args.file)?;
    let mut problems: Vec<String> = Vec::new();
    let rules =
        Rules::parse(&text).map_err(|found| problems.extend(found.iter().map(ToString::to_string)));
    if text.len() > ADVANCED {
        problems.push(format!(
            "the file has {} bytes, and SSM holds {ADVANCED} at most{}",
            text.len(),
            compact(&text)
        ));
    }
    match rules {
        Ok(rules) if problems.is_empty() => {
            out.verdict(true, &format!("ok: {}", summary(&rules)));
            if text.len() > STANDARD {
                out.note(&too_large_for_standard(&text));
            }
            Ok(End::Done)
        }
        _ => {
            problems.iter().for_each(|problem| out.line(shown(problem)));
            Ok(End::Found)
        }
    }
}

fn too_large_for_standard(text: &str) -> String {
    format!(
        "the file has {} bytes, and SSM's standard tier ends at {STANDARD}: `aws ssm put-parameter` needs --tier Advanced \
         ({ADVANCED} at most){}",
        text.len(),
        compact(text)
    )
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
    format!("{fields}, {aliases}, {denied}")
}

/// As a fields file writes it.
pub(crate) fn kind_name(kind: &FieldKind) -> &'static str {
    match kind {
        FieldKind::Text => "text",
        FieldKind::Integer => "integer",
        FieldKind::Link => "link",
        FieldKind::Dropdown(_) => "dropdown",
    }
}

/// So many of them.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
