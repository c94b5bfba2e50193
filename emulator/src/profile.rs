//! What is known of one Desk: an answer for each setting of [`Behaviour`] that can be seen from
//! outside. `cargo handoff probe` writes it, [`Profile::apply`] makes an emulated Desk like that
//! one.
//!
//! Pure. It holds settings, statuses and codes only: no secret, no name, nothing of a customer's,
//! so that it may be published. A file of another version is refused, never guessed at.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::behaviour::Behaviour;
use crate::choices::{
    ChannelMatch, Clearing, CloseNew, ClosedWrites, DefaultTeam, ErrorForm, ExistingCustomer,
    FirstMessage, NestedFields, OptionCase, RateHeaders, Reaction, RepeatedWrite, StrangeRelated,
    TooLong, Transfer, UnknownGroup, ValueUnit, WriteAnswer,
};

/// The longest lag that a profile may ask for, in milliseconds.
const LONGEST_LAG: u64 = 60_000;

/// What is known of one Desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// [`Profile::VERSION`].
    pub version: u32,
    /// What was seen.
    pub settings: Settings,
    /// The settings for which nothing certain was seen, each with the reason.
    #[serde(default)]
    pub unanswered: BTreeMap<String, String>,
    /// Status and code of what Desk refused, by the question that it refused.
    #[serde(default)]
    pub refusals: BTreeMap<String, String>,
}

impl Default for Profile {
    /// Nothing is known.
    fn default() -> Self {
        Self {
            version: Self::VERSION,
            settings: Settings::default(),
            unanswered: BTreeMap::new(),
            refusals: BTreeMap::new(),
        }
    }
}

impl Profile {
    /// The version that this program writes and reads.
    pub const VERSION: u32 = 1;

    /// The settings that no question can see, each in words and with the reason.
    pub const UNSEEN: [(&str, &str, &str); 4] = [
        (
            "any_chat_user",
            "Whether any user id is taken for a customer's",
            "asking would leave a customer who is nobody's",
        ),
        (
            "extra_field",
            "A field beyond the twentieth",
            "a fields document holds no more than the 20 that a ticket holds",
        ),
        (
            "rate_limit",
            "How many calls a second are taken",
            "the probe stays below five, and never provokes a refusal",
        ),
        (
            "visible_after_lookups",
            "A ticket that appears after some look-ups",
            "it cannot be told from one that appears after some time",
        ),
    ];

    /// Reads a profile.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        // The version comes first: in a file of another one, unknown names are not what is wrong.
        let value: Value = serde_json::from_str(text).map_err(ProfileError::json)?;
        match value.get("version").and_then(Value::as_u64) {
            Some(version) if version == u64::from(Self::VERSION) => {}
            other => return Err(ProfileError::Version(other)),
        }

        let profile: Self = serde_json::from_value(value).map_err(ProfileError::json)?;
        profile.settings.check()?;
        Ok(profile)
    }

    /// Makes this the behaviour of a Desk. What the profile does not know stays as it is.
    pub fn apply(&self, behaviour: &mut Behaviour) {
        self.settings.apply(behaviour);
    }
}

/// Why a text is no profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProfileError {
    /// It is not JSON, or has an unknown property or value.
    Json(String),
    /// It is of this version, or of none.
    Version(Option<u64>),
    /// A number is outside what a Desk could do.
    Range(&'static str),
}

impl ProfileError {
    #[expect(clippy::needless_pass_by_value, reason = "for map_err")]
    fn json(error: serde_json::Error) -> Self {
        Self::Json(error.to_string())
    }
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(why) => f.write_str(why),
            Self::Version(Some(version)) => {
                write!(f, "is of version {version}; this program reads {}", Profile::VERSION)
            }
            Self::Version(None) => f.write_str("has no version, so it is no profile"),
            Self::Range(name) => write!(f, "settings.{name}: no Desk does this"),
        }
    }
}

impl std::error::Error for ProfileError {}

/// Declares the settings that a profile has under the name and with the type of the behaviour's,
/// so that a new one is either here or named among those that stand apart: the compiler asks.
macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident: $kind:ty,)*) => {
        /// An answer for each setting; `None`: not known.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Settings {
            $($(#[$doc])*
            #[serde(skip_serializing_if = "Option::is_none")]
            pub $name: Option<$kind>,)*
            /// Query parameters of the list of tickets, and whether each is honoured.
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            pub filters: BTreeMap<String, bool>,
            /// A new ticket can be viewed after so long, in milliseconds.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub visible_after_ms: Option<u64>,
            /// A new ticket is in lists after so long, in milliseconds.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub listed_after_ms: Option<u64>,
            /// A change to a ticket is in lists after so long, in milliseconds.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub lists_lag_ms: Option<u64>,
        }

        impl Settings {
            /// What a perfect look at a Desk of this behaviour sees. `filters` are the parameters
            /// that it asks about.
            pub fn of(behaviour: &Behaviour, filters: &[&str]) -> Self {
                let Behaviour {
                    $($name,)*
                    ignored_parameters, visible_after, listed_after, lists_lag,
                    // Profile::UNSEEN says why.
                    any_chat_user: _, extra_field: _, rate_limit: _, visible_after_lookups: _,
                } = behaviour;
                let honoured = |name: &&str| ((*name).to_owned(), !ignored_parameters.contains(*name));

                Self {
                    $($name: Some(*$name),)*
                    filters: filters.iter().map(honoured).collect(),
                    visible_after_ms: Some(millis(*visible_after)),
                    // A ticket that cannot be viewed is in no list either.
                    listed_after_ms: Some(millis(*listed_after.max(visible_after))),
                    lists_lag_ms: Some(millis(*lists_lag)),
                }
            }

            /// Makes these a part of the behaviour of a Desk. What is not known stays as it is.
            pub fn apply(&self, behaviour: &mut Behaviour) {
                $(if let Some(known) = self.$name {
                    behaviour.$name = known;
                })*
                for (name, honoured) in &self.filters {
                    if *honoured {
                        behaviour.ignored_parameters.remove(name);
                    } else {
                        behaviour.ignored_parameters.insert(name.clone());
                    }
                }
                if let Some(millis) = self.visible_after_ms {
                    behaviour.visible_after = Duration::from_millis(millis);
                }
                if let Some(millis) = self.listed_after_ms {
                    behaviour.listed_after = Duration::from_millis(millis);
                }
                if let Some(millis) = self.lists_lag_ms {
                    behaviour.lists_lag = Duration::from_millis(millis);
                }
            }
        }
    };
}

settings! {
    /// `customFields` sent as an object.
    nested_fields: NestedFields,
    /// A field key that nobody defined.
    unknown_key: Reaction,
    /// A value of the wrong type.
    wrong_value: Reaction,
    /// A value that is not among the options.
    bad_option: Reaction,
    /// Whether an option's upper and lower case matter.
    option_case: OptionCase,
    /// A key of more than 20 characters.
    long_key: TooLong,
    /// A value of more than 190 units.
    long_value: TooLong,
    /// What the 190 counts.
    value_unit: ValueUnit,
    /// An empty text.
    empty_value: Clearing,
    /// `null`.
    null_value: Clearing,
    /// Values that the ticket holds already.
    repeated_write: RepeatedWrite,
    /// Whether `007` becomes `7`.
    normalise_integers: bool,
    /// Whether the host of a link becomes lower case.
    normalise_links: bool,
    /// Whether white space around a value is taken off.
    trim: bool,
    /// What the filter `channel_url` finds.
    channel_match: ChannelMatch,
    /// Whether lists begin with the newest ticket.
    newest_first: bool,
    /// Whether lists show `customFields`.
    lists_show_fields: bool,
    /// Whether lists say how many there are.
    lists_count: bool,
    /// The most that stands on a page.
    largest_page: usize,
    /// What a change is answered with.
    write_answer: WriteAnswer,
    /// The status of a successful create.
    create_status: u16,
    /// Related channels that are nobody's.
    strange_related: StrangeRelated,
    /// An unknown team at create.
    unknown_group: UnknownGroup,
    /// What the first message makes of a new ticket.
    first_message: FirstMessage,
    /// Which tickets are transferred.
    transfer: Transfer,
    /// An unknown team at a transfer.
    transfer_unknown: UnknownGroup,
    /// A transfer to the Default team.
    transfer_default: DefaultTeam,
    /// The create of a customer who is there.
    existing_customer: ExistingCustomer,
    /// The close of a ticket in which nobody has written.
    close_new: CloseNew,
    /// Changes to a closed ticket.
    closed_writes: ClosedWrites,
    /// The status of an answer about no ticket.
    missing_status: u16,
    /// How a refusal is written.
    error_form: ErrorForm,
    /// Whether answers say how many calls are left.
    rate_headers: RateHeaders,
}

impl Settings {
    /// Every known setting as a name and a text, such as `unknown_key` and `drop`; each filter is
    /// one of its own, such as `filters.channel_url`.
    pub fn entries(&self) -> BTreeMap<String, String> {
        let Ok(Value::Object(known)) = serde_json::to_value(self) else {
            unreachable!("settings are a struct of names and plain values")
        };
        let texts = known.into_iter().flat_map(|(name, value)| match value {
            Value::Object(parts) => {
                let part = |(part, value)| (format!("{name}.{part}"), text(&value));
                parts.into_iter().map(part).collect()
            }
            value => vec![(name, text(&value))],
        });

        texts.collect()
    }

    /// Refuses what no emulated Desk could send.
    fn check(&self) -> Result<(), ProfileError> {
        let is_success = self.create_status.is_none_or(|status| (200..300).contains(&status));
        let is_refusal = self.missing_status.is_none_or(|status| (400..500).contains(&status));
        let short = |lag: Option<u64>| lag.is_none_or(|millis| millis <= LONGEST_LAG);
        let checked = [
            ("create_status", is_success),
            ("missing_status", is_refusal),
            ("largest_page", self.largest_page != Some(0)),
            ("visible_after_ms", short(self.visible_after_ms)),
            ("listed_after_ms", short(self.listed_after_ms)),
            ("lists_lag_ms", short(self.lists_lag_ms)),
        ];

        match checked.iter().find(|(_, good)| !good) {
            Some((name, _)) => Err(ProfileError::Range(name)),
            None => Ok(()),
        }
    }
}

/// As a person reads it.
fn text(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_survives_its_own_text() {
        let settings = Settings::of(&Behaviour::default(), &["limit", "channel_url"]);
        let profile = Profile { settings, ..Profile::default() };
        let text = serde_json::to_string(&profile).unwrap();

        assert_eq!(Profile::parse(&text), Ok(profile));
    }

    #[test]
    fn applied_profile_is_seen_again() {
        let mut other = Behaviour {
            trim: false,
            create_status: 200,
            visible_after: Duration::from_secs(2),
            ..Behaviour::default()
        };
        other.ignored_parameters.insert("q".to_owned());
        let settings = Settings::of(&other, &["q", "limit"]);
        let mut behaviour = Behaviour::default();
        Profile { settings: settings.clone(), ..Profile::default() }.apply(&mut behaviour);

        assert_eq!(Settings::of(&behaviour, &["q", "limit"]), settings);
        assert_eq!(settings.entries()["filters.q"], "no");
        assert_eq!(settings.entries()["listed_after_ms"], "2000");
    }

    #[test]
    fn what_is_no_profile_is_refused() {
        for (text, why) in [
            ("", "EOF"),
            ("{}", "has no version"),
            (r#"{"version": 2, "settings": {}}"#, "is of version 2"),
            (r#"{"version": 1, "settings": {"trimm": true}}"#, "trimm"),
            (r#"{"version": 1, "settings": {"unknown_key": "explode"}}"#, "explode"),
            (r#"{"version": 1, "settings": {"create_status": 42}}"#, "create_status"),
            (r#"{"version": 1, "settings": {"largest_page": 0}}"#, "largest_page"),
        ] {
            let error = Profile::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
