//! The fields document of a local run: the file of `--fields`, or the example of the repository,
//! which is compiled in.
//!
//! Checked here, before anything runs: what the deployed function would refuse is wrong use of this
//! command.

use desk_emulator::{FieldDefinition, FieldKind as DeskKind};
use desk_handoff::json_reader::ReadError;
use desk_handoff::rules::{FieldKind, Rules};

use crate::args;
use crate::error::CliError;
use crate::input::file;
use crate::output::Out;

/// The largest value of SSM's standard tier, in bytes.
pub(crate) const SSM_STANDARD: usize = 4096;
/// The largest value of SSM's advanced tier, in bytes.
pub(crate) const SSM_ADVANCED: usize = 8192;

const EXAMPLE: &str = include_str!("../../../fields.example.json");

/// A document that holds.
pub(crate) struct Fields {
    /// As the parameter store would hold it.
    pub(crate) text: String,
    /// As the shipped code reads it.
    pub(crate) rules: Rules,
}

impl Fields {
    /// The one that was asked for; says so if it is the example.
    pub(crate) fn load(args: &args::Fields, out: &mut Out) -> Result<Self, CliError> {
        let Some(path) = &args.path else {
            out.note("fields: the built-in example; give yours with --fields FILE");
            return Self::parse("the built-in example", EXAMPLE.to_owned());
        };
        Self::parse(&file::name(path), file::text(path)?)
    }

    fn parse(name: &str, text: String) -> Result<Self, CliError> {
        Self::of(text).map_err(|problems| {
            let lines: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
            CliError::Use(format!("{name} is not a usable fields file:{lines}"))
        })
    }

    /// The document in this text, or everything that is wrong with it.
    pub(crate) fn of(text: String) -> Result<Self, Vec<ReadError>> {
        let rules = Rules::parse(&text)?;
        Ok(Self { text, rules })
    }

    /// The same fields as somebody would define them in Desk's dashboard.
    pub(crate) fn definitions(&self) -> Vec<FieldDefinition> {
        // A document without a list defines no field, and the embedded Desk then drops every key.
        let fields = self.rules.fields.iter().flatten();
        fields
            .map(|field| FieldDefinition::new(field.key.as_str(), desk_kind(&field.kind)))
            .collect()
    }
}

fn desk_kind(kind: &FieldKind) -> DeskKind {
    match kind {
        FieldKind::Text => DeskKind::Text,
        FieldKind::Integer => DeskKind::Integer,
        FieldKind::Link => DeskKind::Link,
        FieldKind::Dropdown(options) => DeskKind::Dropdown(options.clone()),
    }
}
