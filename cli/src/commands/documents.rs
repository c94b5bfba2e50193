//! `schema` and `openapi`: documents that editors and agent platforms read.

use desk_handoff::api::openapi;
use serde_json::Value;

use crate::args;
use crate::error::{CliError, End};
use crate::output::Out;

const SCHEMA: &str = include_str!("../../../fields.schema.json");

pub(crate) fn schema(out: &mut Out) -> Result<End, CliError> {
    let schema: Value = serde_json::from_str(SCHEMA)
        .map_err(|error| CliError::Work(format!("the schema is not JSON: {error}")))?;
    out.json(&schema);
    Ok(End::Done)
}

pub(crate) fn openapi(args: &args::Openapi, out: &mut Out) -> Result<End, CliError> {
    out.json(&openapi::document(args.url.trim_end_matches('/')));
    Ok(End::Done)
}
