//! One FILE of `run`: what it holds, and what a sender would send of it.

use std::borrow::Cow;
use std::path::Path;

use desk_handoff::config::AppId;

use crate::error::CliError;
use crate::input::file::{Input, name};
use crate::local::signature;
use crate::output::Out;
use crate::settings::SIGNATURE;

/// What a FILE comes to.
pub(crate) struct Given {
    pub(crate) name: String,
    pub(crate) input: Input,
    pub(crate) body: Vec<u8>,
    pub(crate) app_id: AppId,
}

impl Given {
    /// Reads FILE, and says what is done otherwise than a sender would.
    pub(crate) fn read(file: &Path, out: &mut Out) -> Result<Self, CliError> {
        let (name, input) = (name(file), Input::read(file)?);
        note_signature(&input, &name, out);
        if input.context.is_some() {
            out.note(&format!(
                "{name} is a bare context object: handed over as conversation 1 of demo-customer"
            ));
        }

        let body = match input.around_context("1", "demo-customer") {
            Some(body) => Cow::Owned(body),
            None => Cow::Borrowed(&input.body),
        };
        let (body, app_id) = (body.into_owned(), input.app_id());
        Ok(Self { name, input, body, app_id })
    }
}

/// A signature that is there and wrong would be refused elsewhere; here it is made anew.
fn note_signature(input: &Input, file: &str, out: &mut Out) {
    if input.headers.get(SIGNATURE).is_some_and(|given| *given != signature(&input.body)) {
        out.note(&format!(
            "the signature in {file} does not fit its body under the local-only secret: a deployed function with that \
             secret would answer 401; signed again for this run"
        ));
    }
}
