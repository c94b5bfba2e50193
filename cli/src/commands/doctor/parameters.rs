//! The doctor's look at an application's parameters: what is stored, and what the function makes of
//! it.
//!
//! Nothing is asked for here, but for the keys that a fix may have to name. Of a secret only its
//! length, its lines and its kinds of characters are looked at, and nothing of it is printed.

use std::collections::BTreeSet;

use desk_handoff::auth::standard_webhooks_key;
use desk_handoff::json_reader::ReadError;
use desk_handoff::rules::OPENING_MESSAGE;
use desk_handoff::secrets::{
    BEARER_TOKEN, CHAT_API_TOKEN, Credentials, DESK_API_TOKEN, FIELDS, LIVE, SIGNING_SECRET,
    STANDARD_WEBHOOKS_SECRET,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::commands::doctor::findings::{Finding, Level};
use crate::commands::doctor::fix::{DISTINCT, FIRST, FIRST_TEN, Fixes, TRIMMED, all_but};
use crate::input::fields::{SSM_ADVANCED, SSM_STANDARD};
use crate::remote::ssm::Stored;

/// What the function reads.
const KNOWN: [&str; 6] = [
    DESK_API_TOKEN,
    CHAT_API_TOKEN,
    SIGNING_SECRET,
    BEARER_TOKEN,
    STANDARD_WEBHOOKS_SECRET,
    FIELDS,
];
/// A shorter secret may be guessed, in bytes.
const SHORT: usize = 16;
/// From here on a tier is nearly full, in percent.
const NEARLY: usize = 90;

/// Everything that the parameters alone show.
pub(crate) fn examine(
    stored: &[Stored],
    credentials: &Credentials,
    fix: &Fixes<'_>,
) -> Vec<Finding> {
    let mut findings = missing(stored, credentials, fix);
    for parameter in stored {
        match parameter.name.as_str() {
            FIELDS => findings.extend(document(&parameter.value, credentials, fix)),
            name if KNOWN.contains(&name) => findings.extend(secret(parameter, fix)),
            name => findings.push(Finding::warning(
                name,
                format!("nothing reads a parameter of this name; read are {}", KNOWN.join(", ")),
                fix.delete(name),
            )),
        }
    }

    findings
}

fn missing(stored: &[Stored], credentials: &Credentials, fix: &Fixes<'_>) -> Vec<Finding> {
    let has = |name: &str| stored.iter().any(|parameter| parameter.name == name);
    let mut findings = Vec::new();
    if stored.is_empty() {
        let elsewhere =
            "is the application id right, and the prefix (--prefix), region and account?";
        findings.push(Finding::error(fix.path, "there is no parameter under this path", elsewhere));
    }
    if credentials.desk_tokens.is_empty() {
        findings.push(Finding::error(
            DESK_API_TOKEN,
            "is missing or blank: nothing can be asked of Desk",
            fix.secret(DESK_API_TOKEN),
        ));
    }
    if ![SIGNING_SECRET, BEARER_TOKEN, STANDARD_WEBHOOKS_SECRET].into_iter().any(has) {
        let what = format!(
            "is missing, and so are {BEARER_TOKEN} and {STANDARD_WEBHOOKS_SECRET}: every request is refused. \
             {SIGNING_SECRET} is the signature_secret of the AI agent's webhook (`connect` stores it), {BEARER_TOKEN} \
             what a tool sends; the master API token is not needed and is not to be stored"
        );
        findings.push(Finding::error(SIGNING_SECRET, what, fix.secret(SIGNING_SECRET)));
    }
    if !has(FIELDS) {
        findings.push(Finding::error(FIELDS, NO_FIELDS, fix.learn()));
    }

    let rules = credentials.rules.as_ref().ok();
    let posts = rules.is_some_and(|rules| rules.ticket.opening_message.is_some());
    if posts && credentials.chat_token.is_none() {
        let what = "is missing: the opening_message is not posted, and no agent sees a new ticket before the customer writes";
        findings.push(Finding::error(CHAT_API_TOKEN, what, fix.secret(CHAT_API_TOKEN)));
    }

    findings
}

const NO_FIELDS: &str = "is missing: without its opening_message no agent sees a new ticket before the customer writes, and \
    every legal key is sent as text, of which Desk drops in silence what does not fit";

fn document(value: &SecretString, credentials: &Credentials, fix: &Fixes<'_>) -> Vec<Finding> {
    let size = value.expose_secret().len();
    let problems = credentials.rules.as_ref().err().into_iter().flatten();
    let mut findings: Vec<_> = problems
        .map(|problem| Finding::error(FIELDS, problem.to_string(), fix.fields(size)))
        .collect();
    let warnings = credentials.rules.as_ref().map(|rules| rules.warnings()).unwrap_or_default();
    findings.extend(warnings.iter().map(|warning| of_warning(warning, &fix.fields(size))));
    let limit = if size > SSM_STANDARD { SSM_ADVANCED } else { SSM_STANDARD };

    if size * 100 > limit * NEARLY {
        let tier = if limit == SSM_STANDARD { "standard tier" } else { "advanced tier" };
        let next = if limit == SSM_STANDARD {
            "a longer one needs --tier Advanced"
        } else {
            "a longer one cannot be stored"
        };
        findings.push(Finding::warning(
            FIELDS,
            format!("has {size} of the {limit} bytes that SSM's {tier} holds; {next}"),
            "`cargo handoff check fields.json` says what its white space takes",
        ));
    }

    findings
}

/// What a warning of the rules is here.
fn of_warning(warning: &ReadError, fix: &str) -> Finding {
    // An invisible ticket costs the handoff; the other warnings cost a field at most.
    let finding = match warning.path.as_str() {
        OPENING_MESSAGE => Finding::error,
        _ => Finding::warning,
    };
    finding(FIELDS, warning.to_string(), fix)
}

/// A stored secret, of whichever kind.
fn secret(parameter: &Stored, fix: &Fixes<'_>) -> Vec<Finding> {
    let name = parameter.name.as_str();
    let mut findings = Vec::new();
    if parameter.kind != "SecureString" {
        let what = format!(
            "is a {}, which is neither encrypted nor hidden (to be pasted as a whole: if the last command fails, the secret \
             is still in $VALUE, and that command can be given again in the same shell)",
            parameter.kind
        );
        findings.push(Finding::error(name, what, fix.encrypt(name)));
    }

    let value = parameter.value.expose_secret();
    let lines: Vec<&str> = value.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        // A blank Desk token was told of among what is missing.
        let optional = name != DESK_API_TOKEN;
        findings.extend(
            optional
                .then(|| Finding::error(name, "is blank, so it proves nothing", fix.secret(name))),
        );
        return findings;
    }
    if value.lines().any(|line| line != line.trim()) {
        let what = "a line has blanks at an end: they are not taken for part of it, which other readers may do";
        findings.push(Finding::warning(name, what, fix.keep(name, TRIMMED)));
    }
    for (number, line) in (1..).zip(&lines) {
        let Some((level, what)) = odd(name, line) else { continue };
        let fixed = instead(name, number, lines.len(), level, fix);
        findings.push(Finding {
            level,
            ..Finding::error(name, format!("line {number} {what}"), fixed)
        });
    }
    findings.extend(several(name, &lines, fix));

    findings
}

/// What fixes an odd line. A bad first one makes room for a new secret, and one that may be in use
/// stays below it; the others stay. Of the chat token one line is all.
fn instead(name: &str, number: usize, count: usize, level: Level, fix: &Fixes<'_>) -> String {
    match (number, level) {
        (1, _) if name == CHAT_API_TOKEN => fix.secret(name),
        (1, Level::Error) if count == 1 => fix.secret(name),
        (1, Level::Warning) if name == DESK_API_TOKEN => fix.above(name, "NF"),
        (1, Level::Warning) => fix.above(name, FIRST),
        (1, Level::Error) => fix.above(name, &all_but(1)),
        _ => fix.keep(name, &all_but(number)),
    }
}

/// A line that is hardly what somebody meant to store.
fn odd(name: &str, line: &str) -> Option<(Level, &'static str)> {
    let in_header = [DESK_API_TOKEN, CHAT_API_TOKEN, BEARER_TOKEN].contains(&name);
    // From bad to harmless: of a line that is odd in two ways the worse one is told.
    Some(if in_header && line.contains(|char: char| !char.is_ascii() || char.is_control()) {
        (Level::Error, "has a character that no HTTP header can carry, so it is of no use")
    } else if line.starts_with(['"', '\''])
        || line.starts_with("file://")
        || line.starts_with("YOUR ")
    {
        (
            Level::Error,
            "begins with a quotation mark, file:// or YOUR: it is a piece of a command, not a secret",
        )
    } else if name == STANDARD_WEBHOOKS_SECRET && standard_webhooks_key(line).is_none() {
        (Level::Error, "is no Standard Webhooks secret (whsec_ and base64), so it verifies nothing")
    } else if line.contains(char::is_whitespace) {
        (Level::Warning, "has a blank in it, which tokens do not have")
    } else if [SIGNING_SECRET, BEARER_TOKEN].contains(&name) && line.len() < SHORT {
        (Level::Warning, "is so short that it can be guessed")
    } else {
        return None;
    })
}

/// More lines than one.
fn several(name: &str, lines: &[&str], fix: &Fixes<'_>) -> Option<Finding> {
    let distinct = lines.iter().collect::<BTreeSet<_>>().len();
    let (what, fixed) = match (name, lines.len()) {
        // Before the number of lines, to which a line that stands twice adds one.
        (_, count) if distinct < count => {
            ("has the same line twice".to_owned(), fix.keep(name, DISTINCT))
        }
        (_, 1) | (DESK_API_TOKEN, _) => return None,
        (CHAT_API_TOKEN, count) => {
            (format!("has {count} lines, and only the first is used"), fix.keep(name, FIRST))
        }
        (_, count) if count > LIVE => (
            format!(
                "has {count} lines: ten secrets of a kind are live, and what stands below them is ignored"
            ),
            fix.keep(name, FIRST_TEN),
        ),
        (_, count) => (
            format!("{count} secrets are live: once the sender uses the new one, store that alone"),
            fix.secret(name),
        ),
    };

    Some(Finding::warning(name, what, fixed))
}

#[cfg(test)]
mod tests {
    use std::cell::LazyCell;
    use std::collections::BTreeMap;

    use desk_handoff::config::AppId;

    use super::*;
    use crate::commands::doctor::findings::Level::{Error, Warning};
    use crate::commands::doctor::fix::Keys;
    use crate::remote::ssm::Aws;

    const TOKEN: (&str, &str, &str) = (DESK_API_TOKEN, "SecureString", "0123456789abcdef0123");
    const SECRET: (&str, &str, &str) = (SIGNING_SECRET, "SecureString", "fedcba98765432100123");
    const RULES: (&str, &str, &str) = (FIELDS, "String", IN_ORDER);
    /// Of an application for which Desk makes the tickets.
    const IN_ORDER: &str = r#"{"ticket": {"when_missing": "wait"}}"#;

    /// What is found in these parameters.
    fn found(parameters: &[(&str, &str, &str)]) -> Vec<Finding> {
        let stored = |&(name, kind, value): &(&str, &str, &str)| Stored {
            name: name.to_owned(),
            kind: kind.to_owned(),
            value: value.into(),
        };
        let stored: Vec<Stored> = parameters.iter().map(stored).collect();
        let credentials = Credentials::read(stored.iter().map(Stored::parameter).collect());
        let (aws, app_id) = (Aws { region: Some("r"), profile: None }, AppId::parse("A").unwrap());
        let keys = || Some(BTreeMap::from([(BEARER_TOKEN.to_owned(), "alias/ours".to_owned())]));
        let keys = LazyCell::new(Box::new(keys) as Box<dyn FnOnce() -> Keys>);

        examine(&stored, &credentials, &Fixes { aws: &aws, app_id: &app_id, path: "/p/A/", keys })
    }

    /// The same beside what every application has.
    fn beside(parameter: (&str, &str, &str)) -> Vec<(Level, String)> {
        let mut all = [TOKEN, SECRET, RULES].to_vec();
        all.retain(|(name, ..)| *name != parameter.0);
        all.push(parameter);
        found(&all).into_iter().map(|finding| (finding.level, finding.finding)).collect()
    }

    #[test]
    fn what_is_in_order_is_not_mentioned() {
        assert_eq!(found(&[TOKEN, SECRET, RULES]), []);
        let legal = [
            (STANDARD_WEBHOOKS_SECRET, "whsec_c2VjcmV0LXNlY3JldC0xMjM0"),
            (BEARER_TOKEN, "0123456789abcdef0123"),
            (CHAT_API_TOKEN, "chat"),
            (DESK_API_TOKEN, "the-new-one\nthe-former-one\n"),
        ];

        for (name, value) in legal {
            assert_eq!(beside((name, "SecureString", value)), [], "{name}");
        }
    }

    #[test]
    fn each_odd_value_is_told_in_its_own_words() {
        let long = "0123456789abcdef";
        let two = format!("{long}\n{long}0");
        let eleven = (0..11).map(|n| format!("{long}{n}")).collect::<Vec<_>>().join("\n");
        let twice = format!("{long}\n\n{long}");
        let blanks = format!(" {long}\n");
        let cases = [
            (DESK_API_TOKEN, "token\u{e4}", Error, "line 1 has a character that no HTTP header"),
            (
                DESK_API_TOKEN,
                "YOUR DESK API TOKEN",
                Error,
                "line 1 begins with a quotation mark, file:// or YOUR",
            ),
            (SIGNING_SECRET, "\"0123456789abcdef\"", Error, "line 1 begins with a quotation mark"),
            (STANDARD_WEBHOOKS_SECRET, "whsec_%%%", Error, "line 1 is no Standard Webhooks secret"),
            (STANDARD_WEBHOOKS_SECRET, "whsec_", Error, "line 1 is no Standard Webhooks secret"),
            (BEARER_TOKEN, " \n ", Error, "is blank"),
            (SIGNING_SECRET, "a pass phrase of some length", Warning, "line 1 has a blank in it"),
            (SIGNING_SECRET, "0123456789abcde", Warning, "line 1 is so short"),
            (SIGNING_SECRET, &two, Warning, "2 secrets are live"),
            (
                BEARER_TOKEN,
                &eleven,
                Warning,
                "has 11 lines: ten secrets of a kind are live, and what stands below them is ignored",
            ),
            (BEARER_TOKEN, &twice, Warning, "has the same line twice"),
            (CHAT_API_TOKEN, "one\ntwo", Warning, "has 2 lines, and only the first"),
            (SIGNING_SECRET, &blanks, Warning, "a line has blanks at an end"),
        ];

        for (name, value, level, start) in cases {
            let all = beside((name, "SecureString", value));
            let [(found, text)] = all.as_slice() else { panic!("{name}, {start}: {all:?}") };
            assert!(*found == level && text.starts_with(start), "{name}, {start}: {all:?}");
        }
    }

    #[test]
    fn fix_of_a_line_keeps_other_lines_and_key() {
        let fix = |name, value| {
            found(&[TOKEN, SECRET, RULES, (name, "SecureString", value)]).pop().unwrap().fix
        };
        let put = |key, name, value: &str| {
            format!(
                "aws ssm put-parameter --overwrite --type SecureString{key} --name /p/A/{name} --value \"{value}\" --region r"
            )
        };

        let long = "0123456789abcdef";
        let own_key = " --key-id alias/ours";
        assert_eq!(
            fix(BEARER_TOKEN, "\"quoted\""),
            put(own_key, BEARER_TOKEN, "YOUR BEARER TOKEN")
        );
        let get = |name| {
            format!(
                "aws ssm get-parameter --with-decryption --name /p/A/{name} --query Parameter.Value"
            )
        };

        let rewrite = |key, name, value: &str| {
            format!(
                "OLD=\"$({} --output text --region r)\" && {}",
                get(name),
                put(key, name, &format!("$({value})"))
            )
        };

        let keep = |stay: &str| format!("printf '%s\\n' \"$OLD\" | awk '{stay}'");
        let above = |new: &str, stay: &str| format!("printf '%s\\n' \"{new}\"; {}", keep(stay));
        let short = rewrite(own_key, BEARER_TOKEN, &above("YOUR BEARER TOKEN", "NF && ++n == 1"));
        assert_eq!(fix(BEARER_TOKEN, "too-short"), short);
        let eleven = (0..11).map(|n| format!("{long}{n}")).collect::<Vec<_>>().join("\n");
        assert_eq!(fix(BEARER_TOKEN, &eleven), rewrite(own_key, BEARER_TOKEN, &keep(FIRST_TEN)));
        let desk = |value| {
            found(&[(DESK_API_TOKEN, "SecureString", value), SECRET, RULES]).pop().unwrap().fix
        };
        let first = rewrite("", DESK_API_TOKEN, &above("YOUR DESK API TOKEN", "NF && ++n != 1"));
        assert_eq!(desk("YOUR DESK API TOKEN\nformer"), first);

        assert_eq!(
            desk("token\nfile://former"),
            rewrite("", DESK_API_TOKEN, &keep("NF && ++n != 2"))
        );
    }

    #[test]
    fn only_secrets_must_be_secure_strings() {
        for kind in ["String", "StringList"] {
            let all = beside((SIGNING_SECRET, kind, SECRET.2));
            assert!(all.len() == 1 && all[0].0 == Error && all[0].1.contains(kind), "{all:?}");
        }
        assert_eq!(beside((FIELDS, "SecureString", IN_ORDER)), []);
    }

    #[test]
    fn a_blank_desk_token_is_told_once() {
        let all = beside((DESK_API_TOKEN, "SecureString", "  "));
        assert_eq!(all, [(Error, "is missing or blank: nothing can be asked of Desk".to_owned())]);
    }

    #[test]
    fn an_opening_message_needs_a_chat_token() {
        let document = (FIELDS, "String", r#"{"ticket": {"opening_message": "Hello"}}"#);
        let all = found(&[TOKEN, SECRET, document]);
        assert_eq!(
            all.iter().map(|one| (one.level, &*one.about)).collect::<Vec<_>>(),
            [(Error, CHAT_API_TOKEN)]
        );
        assert_eq!(found(&[TOKEN, SECRET, document, (CHAT_API_TOKEN, "SecureString", "chat")]), []);
    }

    #[test]
    fn invisible_tickets_are_an_error() {
        let all = beside((FIELDS, "String", "{}"));
        assert!(all.len() == 1 && all[0].0 == Error, "{all:?}");
        assert!(all[0].1.starts_with("ticket.opening_message: is missing"), "{all:?}");
        let absent = found(&[TOKEN, SECRET]);
        assert_eq!((absent[0].level, &*absent[0].about), (Error, FIELDS));
    }

    #[test]
    fn other_warnings_stay_warnings() {
        let document = r#"{"deny": ["a"], "fields": [{"key": "a", "type": "text"}], "ticket": {"when_missing": "wait"}}"#;
        let all = beside((FIELDS, "String", document));
        assert!(all.len() == 1 && all[0].0 == Warning, "{all:?}");
    }

    #[test]
    fn document_errors_name_their_paths() {
        let all = beside((
            FIELDS,
            "String",
            r#"{"denny": [], "fields": [{"key": "A", "type": "text"}]}"#,
        ));
        let paths: Vec<_> =
            all.iter().map(|(level, text)| (*level, text.split(':').next().unwrap())).collect();
        assert_eq!(paths, [(Error, "denny"), (Error, "fields[0].key")]);
    }

    #[test]
    fn document_near_its_tiers_end_is_a_warning() {
        let padded = |size: usize| format!("{IN_ORDER}{}", " ".repeat(size - IN_ORDER.len()));
        for (size, expected) in [
            (3686, None),
            (
                3687,
                Some(
                    "has 3687 of the 4096 bytes that SSM's standard tier holds; a longer one needs --tier Advanced",
                ),
            ),
            (4097, None),
            (
                7400,
                Some(
                    "has 7400 of the 8192 bytes that SSM's advanced tier holds; a longer one cannot be stored",
                ),
            ),
        ] {
            let all = beside((FIELDS, "String", &padded(size)));
            assert_eq!(all.first().map(|(_, text)| text.as_str()), expected, "{size}");
        }

        let broken = format!("{{{}", " ".repeat(5000));
        let fix = &found(&[TOKEN, SECRET, (FIELDS, "String", &broken)])[0].fix;
        assert!(fix.ends_with("--value file://fields.json --tier Advanced --region r"), "{fix}");
    }

    #[test]
    fn a_name_that_nothing_reads_is_told() {
        let all = found(&[TOKEN, SECRET, RULES, ("signing_secret", "SecureString", "x")]);
        assert_eq!(all[0].fix, "aws ssm delete-parameter --name /p/A/signing_secret --region r");
    }
}
