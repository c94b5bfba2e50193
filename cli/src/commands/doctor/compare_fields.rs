//! Whether a fields document fits what Desk shows on its tickets.
//!
//! Pure. A value that does not fit is counted and never printed.

use desk_handoff::fields::MAX_FIELDS;
use desk_handoff::rules::{Field, FieldKey, FieldKind};

use crate::commands::doctor::findings::Finding;
use crate::output::words::{counted, kind_name};
use crate::remote::desk_fields::Shown;
use desk_handoff::secrets::FIELDS;

/// What does not fit; `fix` is how the document is stored anew.
pub(crate) fn examine(fields: &[Field], shown: &[Shown<'_>], fix: &str) -> Vec<Finding> {
    let listed = |key: &str| fields.iter().any(|field| field.key.as_str() == key);
    let too_many = (fields.len() > MAX_FIELDS).then(|| {
        let what = format!(
            "lists {} fields; of one ticket only the first {MAX_FIELDS} are filled",
            fields.len()
        );
        Finding::warning(FIELDS, what, fix)
    });

    let per_field = fields.iter().filter_map(|field| one(field, shown, fix));
    let unknown = shown
        .iter()
        // A field that no context key can ever equal is of no use in the document.
        .filter(|seen| FieldKey::parse(seen.key).is_some() && !listed(seen.key))
        .map(|seen| not_listed(seen, fix));

    too_many.into_iter().chain(per_field).chain(unknown).collect()
}

fn not_listed(seen: &Shown<'_>, fix: &str) -> Finding {
    let (key, guess) = (seen.key, kind_name(&seen.guess()));
    let what = format!(
        "tickets show the field {key}, which it does not list ({guess}, by what they show)"
    );
    Finding::warning(FIELDS, what, fix)
}

fn one(field: &Field, shown: &[Shown<'_>], fix: &str) -> Option<Finding> {
    let key = &field.key;
    let Some(seen) = shown.iter().find(|seen| seen.key == key.as_str()) else {
        let what = format!(
            "no recent ticket shows the field {key}: is this its key in Settings > Desk > Ticket fields?"
        );
        return Some(Finding::warning(FIELDS, what, fix));
    };

    let misfits = seen.misfits(&field.kind);
    if misfits == 0 {
        return None;
    }

    let of = format!(
        "of {} shown, {misfits} {}",
        counted(seen.count(), "value", "values"),
        if misfits == 1 { "is" } else { "are" }
    );
    let what = match &field.kind {
        FieldKind::Dropdown(_) => {
            format!("{key}: {of} not among its options, and would not be sent")
        }
        kind => format!(
            "{key}: {of} no {}: it looks like {}",
            kind_name(kind),
            kind_name(&seen.guess())
        ),
    };

    Some(Finding::error(FIELDS, what, fix))
}
