//! The doctor's look at an application's parameters: what is stored, and what the function makes of
//! it.
//!
//! Nothing is asked for here, but for the keys that a mend may have to name. Of a secret only its
//! length, its lines and its kinds of characters are looked at, and nothing of it is told.

use std::collections::BTreeSet;

use desk_handoff::auth::standard_webhooks_key;
use desk_handoff::secrets::{Credentials, LIVE};
use secrecy::{ExposeSecret as _, SecretString};

use crate::check::{ADVANCED, STANDARD};
use crate::findings::{Finding, Level};
use crate::mend::{DISTINCT, FIRST, FIRST_TEN, Mend, TRIMMED, all_but};
use crate::ssm::Stored;

pub(crate) const DESK: &str = "desk-api-token";
pub(crate) const CHAT: &str = "chat-api-token";
pub(crate) const SIGNING: &str = "signing-secret";
pub(crate) const BEARER: &str = "bearer-token";
const STANDARD_WEBHOOKS: &str = "standard-webhooks-secret";
pub(crate) const FIELDS: &str = "fields";
/// What the function reads.
const KNOWN: [&str; 6] = [DESK, CHAT, SIGNING, BEARER, STANDARD_WEBHOOKS, FIELDS];
/// A shorter secret may be guessed, in bytes.
const SHORT: usize = 16;
/// From here on a tier is nearly full, in percent.
const NEARLY: usize = 90;

/// Everything that the parameters alone tell.
pub(crate) fn examine(
    stored: &[Stored],
    credentials: &Credentials,
    mend: &Mend<'_>,
) -> Vec<Finding> {
    let mut findings = missing(stored, credentials, mend);
    for parameter in stored {
        match parameter.name.as_str() {
            FIELDS => findings.extend(document(&parameter.value, credentials, mend)),
            name if KNOWN.contains(&name) => findings.extend(secret(parameter, mend)),
            name => findings.push(Finding::remark(
                name,
                format!("nothing reads a parameter of this name; read are {}", KNOWN.join(", ")),
                mend.delete(name),
            )),
        }
    }
    findings
}

fn missing(stored: &[Stored], credentials: &Credentials, mend: &Mend<'_>) -> Vec<Finding> {
    let has = |name: &str| stored.iter().any(|parameter| parameter.name == name);
    let mut findings = Vec::new();
    if stored.is_empty() {
        let elsewhere =
            "is the application id right, and the prefix (--prefix), region and account?";
        findings.push(Finding::fault(
            mend.path,
            "there is no parameter under this path",
            elsewhere,
        ));
    }
    if credentials.desk_tokens.is_empty() {
        findings.push(Finding::fault(
            DESK,
            "is missing or blank: nothing can be asked of Desk",
            mend.secret(DESK),
        ));
    }
    if ![SIGNING, BEARER, STANDARD_WEBHOOKS].into_iter().any(has) {
        let what = format!(
            "is missing, and so are {BEARER} and {STANDARD_WEBHOOKS}: every request is refused"
        );
        findings.push(Finding::fault(SIGNING, what, mend.secret(SIGNING)));
    }
    if !has(FIELDS) {
        findings.push(Finding::remark(
            FIELDS,
            "is missing: every legal key is sent as text, and Desk drops in silence what does not fit",
            mend.learn(),
        ));
    }
    let posts =
        credentials.rules.as_ref().is_ok_and(|rules| rules.ticket.opening_message.is_some());
    if posts && credentials.chat_token.is_none() {
        let what = "is missing: the opening_message is not posted, and no agent sees a new ticket before the customer writes";
        findings.push(Finding::fault(CHAT, what, mend.secret(CHAT)));
    }
    findings
}

fn document(value: &SecretString, credentials: &Credentials, mend: &Mend<'_>) -> Vec<Finding> {
    let size = value.expose_secret().len();
    let problems = credentials.rules.as_ref().err().into_iter().flatten();
    let mut findings: Vec<_> = problems
        .map(|problem| Finding::fault(FIELDS, problem.to_string(), mend.fields(size)))
        .collect();
    let limit = if size > STANDARD { ADVANCED } else { STANDARD };
    if size * 100 > limit * NEARLY {
        let tier = if limit == STANDARD { "standard tier" } else { "advanced tier" };
        let next = if limit == STANDARD {
            "a longer one needs --tier Advanced"
        } else {
            "a longer one cannot be stored"
        };
        findings.push(Finding::remark(
            FIELDS,
            format!("has {size} of the {limit} bytes that SSM's {tier} holds; {next}"),
            "`cargo handoff check fields.json` tells what its white space takes",
        ));
    }
    findings
}

/// A stored secret, of whichever kind.
fn secret(parameter: &Stored, mend: &Mend<'_>) -> Vec<Finding> {
    let name = parameter.name.as_str();
    let mut findings = Vec::new();
    if parameter.kind != "SecureString" {
        let what = format!(
            "is a {}, which is neither encrypted nor hidden (to be pasted as a whole: if the last command fails, the secret \
             is still in $VALUE, and that command can be given again in the same shell)",
            parameter.kind
        );
        findings.push(Finding::fault(name, what, mend.encrypt(name)));
    }
    let value = parameter.value.expose_secret();
    let lines: Vec<&str> = value.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        let optional = name != DESK;
        findings
            .extend(optional.then(|| {
                Finding::fault(name, "is blank, so it proves nothing", mend.secret(name))
            }));
        return findings;
    }
    if value.lines().any(|line| line != line.trim()) {
        let what = "a line has blanks at an end: they are not taken for part of it, which other readers may do";
        findings.push(Finding::remark(name, what, mend.keep(name, TRIMMED)));
    }
    for (number, line) in (1..).zip(&lines) {
        let Some((level, what)) = odd(name, line) else { continue };
        let mended = instead(name, number, lines.len(), level, mend);
        findings.push(Finding {
            level,
            ..Finding::fault(name, format!("line {number} {what}"), mended)
        });
    }
    findings.extend(several(name, &lines, mend));
    findings
}

/// What mends an odd line. A bad first one makes room for a new secret, and one that may be in use
/// stays below it; the others stay. Of the chat token one line is all.
fn instead(name: &str, number: usize, count: usize, level: Level, mend: &Mend<'_>) -> String {
    match (number, level) {
        (1, _) if name == CHAT => mend.secret(name),
        (1, Level::Fault) if count == 1 => mend.secret(name),
        (1, Level::Remark) if name == DESK => mend.above(name, "NF"),
        (1, Level::Remark) => mend.above(name, FIRST),
        (1, Level::Fault) => mend.above(name, &all_but(1)),
        _ => mend.keep(name, &all_but(number)),
    }
}

/// A line that is hardly what somebody meant to store.
fn odd(name: &str, line: &str) -> Option<(Level, &'static str)> {
    let in_header = [DESK, CHAT, BEARER].contains(&name);
    Some(if in_header && line.contains(|char: char| !char.is_ascii() || char.is_control()) {
        (Level::Fault, "has a character that no HTTP header can carry, so it is of no use")
    } else if line.starts_with(['"', '\''])
        || line.starts_with("file://")
        || line.starts_with("YOUR ")
    {
        (
            Level::Fault,
            "begins with a quotation mark, file:// or YOUR: it is a piece of a command, not a secret",
        )
    } else if name == STANDARD_WEBHOOKS && standard_webhooks_key(line).is_none() {
        (Level::Fault, "is no Standard Webhooks secret (whsec_ and base64), so it verifies nothing")
    } else if line.contains(char::is_whitespace) {
        (Level::Remark, "has a blank in it, which tokens do not have")
    } else if [SIGNING, BEARER].contains(&name) && line.len() < SHORT {
        (Level::Remark, "is so short that it can be guessed")
    } else {
        return None;
    })
}

/// More lines than one.
fn several(name: &str, lines: &[&str], mend: &Mend<'_>) -> Option<Finding> {
    let distinct = lines.iter().collect::<BTreeSet<_>>().len();
    let (what, mended) = match (name, lines.len()) {
        (_, count) if distinct < count => {
            ("has the same line twice".to_owned(), mend.keep(name, DISTINCT))
        }
        (_, 1) | (DESK, _) => return None,
        (CHAT, count) => {
            (format!("has {count} lines, and only the first is used"), mend.keep(name, FIRST))
        }
        (_, count) if count > LIVE => (
            format!(
                "has {count} lines: ten secrets of a kind are live, and what stands below them is ignored"
            ),
            mend.keep(name, FIRST_TEN),
        ),
        (_, count) => (
            format!("{count} secrets are live: once the sender uses the new one, store that alone"),
            mend.secret(name),
        ),
    };
    Some(Finding::remark(name, what, mended))
}

#[cfg(test)]
mod tests {
    use std::cell::LazyCell;
    use std::collections::BTreeMap;

    use desk_handoff::config::AppId;

    use super::*;
    use crate::findings::Level::{Fault, Remark};
    use crate::mend::Keys;
    use crate::ssm::Aws;

    const TOKEN: (&str, &str, &str) = (DESK, "SecureString", "0123456789abcdef0123");
    const SECRET: (&str, &str, &str) = (SIGNING, "SecureString", "fedcba98765432100123");
    const RULES: (&str, &str, &str) = (FIELDS, "String", "{}");

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
        let keys = || Some(BTreeMap::from([(BEARER.to_owned(), "alias/ours".to_owned())]));
        let keys = LazyCell::new(Box::new(keys) as Box<dyn FnOnce() -> Keys>);
        examine(&stored, &credentials, &Mend { aws: &aws, app_id: &app_id, path: "/p/A/", keys })
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
            (STANDARD_WEBHOOKS, "whsec_c2VjcmV0LXNlY3JldC0xMjM0"),
            (BEARER, "0123456789abcdef0123"),
            (CHAT, "chat"),
            (DESK, "the-new-one\nthe-former-one\n"),
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
            (DESK, "token\u{e4}", Fault, "line 1 has a character that no HTTP header"),
            (
                DESK,
                "YOUR DESK API TOKEN",
                Fault,
                "line 1 begins with a quotation mark, file:// or YOUR",
            ),
            (SIGNING, "\"0123456789abcdef\"", Fault, "line 1 begins with a quotation mark"),
            (STANDARD_WEBHOOKS, "whsec_%%%", Fault, "line 1 is no Standard Webhooks secret"),
            (STANDARD_WEBHOOKS, "whsec_", Fault, "line 1 is no Standard Webhooks secret"),
            (BEARER, " \n ", Fault, "is blank"),
            (SIGNING, "a pass phrase of some length", Remark, "line 1 has a blank in it"),
            (SIGNING, "0123456789abcde", Remark, "line 1 is so short"),
            (SIGNING, &two, Remark, "2 secrets are live"),
            (
                BEARER,
                &eleven,
                Remark,
                "has 11 lines: ten secrets of a kind are live, and what stands below them is ignored",
            ),
            (BEARER, &twice, Remark, "has the same line twice"),
            (CHAT, "one\ntwo", Remark, "has 2 lines, and only the first"),
            (SIGNING, &blanks, Remark, "a line has blanks at an end"),
        ];
        for (name, value, level, start) in cases {
            let all = beside((name, "SecureString", value));
            let [(found, text)] = all.as_slice() else { panic!("{name}, {start}: {all:?}") };
            assert!(*found == level && text.starts_with(start), "{name}, {start}: {all:?}");
        }
    }

    #[test]
    fn what_mends_a_line_leaves_the_others_and_the_customers_key() {
        let mend = |name, value| {
            found(&[TOKEN, SECRET, RULES, (name, "SecureString", value)]).pop().unwrap().mend
        };
        let put = |key, name, value: &str| {
            format!(
                "aws ssm put-parameter --overwrite --type SecureString{key} --name /p/A/{name} --value \"{value}\" --region r"
            )
        };
        let long = "0123456789abcdef";
        let own_key = " --key-id alias/ours";
        assert_eq!(mend(BEARER, "\"quoted\""), put(own_key, BEARER, "YOUR BEARER TOKEN"));
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
        let short = rewrite(own_key, BEARER, &above("YOUR BEARER TOKEN", "NF && ++n == 1"));
        assert_eq!(mend(BEARER, "too-short"), short);
        let eleven = (0..11).map(|n| format!("{long}{n}")).collect::<Vec<_>>().join("\n");
        assert_eq!(mend(BEARER, &eleven), rewrite(own_key, BEARER, &keep(FIRST_TEN)));
        let desk =
            |value| found(&[(DESK, "SecureString", value), SECRET, RULES]).pop().unwrap().mend;
        let first = rewrite("", DESK, &above("YOUR DESK API TOKEN", "NF && ++n != 1"));
        assert_eq!(desk("YOUR DESK API TOKEN\nformer"), first);
        assert_eq!(desk("token\nfile://former"), rewrite("", DESK, &keep("NF && ++n != 2")));
    }

    #[test]
    fn a_secret_that_is_no_secure_string_is_a_fault_and_fields_may_be_either() {
        for kind in ["String", "StringList"] {
            let all = beside((SIGNING, kind, SECRET.2));
            assert!(all.len() == 1 && all[0].0 == Fault && all[0].1.contains(kind), "{all:?}");
        }
        assert_eq!(beside((FIELDS, "SecureString", "{}")), []);
    }

    #[test]
    fn a_blank_desk_token_is_told_once() {
        let all = beside((DESK, "SecureString", "  "));
        assert_eq!(all, [(Fault, "is missing or blank: nothing can be asked of Desk".to_owned())]);
    }

    #[test]
    fn an_opening_message_needs_a_chat_token() {
        let document = (FIELDS, "String", r#"{"ticket": {"opening_message": "Hello"}}"#);
        let all = found(&[TOKEN, SECRET, document]);
        assert_eq!(
            all.iter().map(|one| (one.level, &*one.about)).collect::<Vec<_>>(),
            [(Fault, CHAT)]
        );
        assert_eq!(found(&[TOKEN, SECRET, document, (CHAT, "SecureString", "chat")]), []);
    }

    #[test]
    fn every_problem_of_the_document_is_a_fault_with_its_path() {
        let all = beside((
            FIELDS,
            "String",
            r#"{"denny": [], "fields": [{"key": "A", "type": "text"}]}"#,
        ));
        let paths: Vec<_> =
            all.iter().map(|(level, text)| (*level, text.split(':').next().unwrap())).collect();
        assert_eq!(paths, [(Fault, "denny"), (Fault, "fields[0].key")]);
    }

    #[test]
    fn a_document_near_its_tiers_end_is_told_with_what_comes_next() {
        let padded = |size: usize| format!("{{}}{}", " ".repeat(size - 2));
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
        let mend = &found(&[TOKEN, SECRET, (FIELDS, "String", &broken)])[0].mend;
        assert!(mend.ends_with("--value file://fields.json --tier Advanced --region r"), "{mend}");
    }

    #[test]
    fn a_name_that_nothing_reads_is_told() {
        let all = found(&[TOKEN, SECRET, RULES, ("signing_secret", "SecureString", "x")]);
        assert_eq!(all[0].mend, "aws ssm delete-parameter --name /p/A/signing_secret --region r");
    }
}
