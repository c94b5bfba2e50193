//! Words that several commands print.

use desk_handoff::rules::FieldKind;

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
