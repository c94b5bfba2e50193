//! A file that `probe --output` wrote.

use std::path::Path;

use desk_emulator::{Behaviour, Profile, Settings};

use crate::error::CliError;
use crate::input::file;
use crate::output::Out;
use crate::output::words::counted;

/// What is known of a Desk.
///
/// # Errors
/// [`CliError::Use`] if the file cannot be read, or is no profile of a version that is known.
pub(crate) fn read(path: &Path) -> Result<Profile, CliError> {
    let name = file::name(path);
    Profile::parse(&file::text(path)?)
        .map_err(|error| CliError::Use(format!("{name} is not a usable profile: {error}")))
}

/// The same for an embedded Desk; says so, and how far it is from the usual one.
pub(crate) fn load(path: &Path, out: &mut Out) -> Result<Profile, CliError> {
    let profile = read(path)?;
    // Of the filters only those can be compared that the profile speaks of.
    let filters: Vec<&str> = profile.settings.filters.keys().map(String::as_str).collect();
    let usual = Settings::of(&Behaviour::default(), &filters).entries();
    let known = profile.settings.entries();
    let other = known.iter().filter(|(name, answer)| usual.get(*name) != Some(answer)).count();
    out.note(&format!(
        "Desk behaves as {} says: {} otherwise than expected",
        file::name(path),
        counted(other, "setting is", "settings are")
    ));
    Ok(profile)
}
