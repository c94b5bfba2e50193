//! SSM by the operator's own `aws` command line, which knows profiles, single sign-on and roles;
//! this program is built without the AWS SDK.
//!
//! What `aws` prints holds decrypted secrets, so none of it is ever repeated, errors included: they
//! are told apart by what `aws` says.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write as _};
use std::process::{Command, Output, Stdio};

use desk_handoff::secrets::Parameter;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::error::CliError;

/// The operator's `aws`, and where it is to look.
pub(crate) struct Aws<'a> {
    pub(crate) region: Option<&'a str>,
    pub(crate) profile: Option<&'a str>,
}

/// A parameter as it is stored.
pub(crate) struct Stored {
    /// Below the path.
    pub(crate) name: String,
    /// `String`, `StringList` or `SecureString`.
    pub(crate) kind: String,
    pub(crate) value: SecretString,
}

/// Without `Debug`: it holds secrets.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    parameters: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    name: String,
    #[serde(rename = "Type")]
    kind: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Descriptions {
    parameters: Vec<Described>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    name: String,
    key_id: Option<String>,
}

/// The key that SSM takes if none is named.
const AWS_KEY: &str = "alias/aws/ssm";

impl Stored {
    /// As the function's own reading takes it.
    pub(crate) fn parameter(&self) -> Parameter {
        Parameter { name: self.name.clone(), value: self.value.clone() }
    }
}

impl Aws<'_> {
    /// Every parameter directly under `path` (which ends with a slash), decrypted, by name. `aws`
    /// turns the pages.
    pub(crate) fn parameters(&self, path: &str) -> Result<Vec<Stored>, CliError> {
        let words = "ssm get-parameters-by-path --with-decryption --output json --path";
        let output = self.call(words.split(' ').chain([path]));
        let output = output.map_err(|error| not_started(&error))?;

        if !output.status.success() {
            let call = Call {
                service: "SSM",
                permission: format!("ssm:GetParametersByPath for {path}"),
                again: self.command(&format!(
                    "get-parameters-by-path --path {path} --query 'Parameters[].Name'"
                )),
            };
            let said = String::from_utf8_lossy(&output.stderr);
            if denial_of_decryption(&said) {
                return Err(CliError::Work(format!(
                    "AWS lets these credentials list {path}, and not decrypt what is there: they need kms:Decrypt for the key"
                )));
            }
            return Err(CliError::Work(why(&said, &call)));
        }

        // The error of the parser may quote what it read.
        let listing: Listing = serde_json::from_slice(&output.stdout).map_err(|_| {
            CliError::Work("`aws` printed something else than a list of parameters".to_owned())
        })?;
        let stored = |listed: Listed| {
            let name = listed.name.strip_prefix(path).unwrap_or(&listed.name).to_owned();
            Stored { name, kind: listed.kind, value: listed.value.into() }
        };
        let mut all: Vec<_> = listing.parameters.into_iter().map(stored).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));

        Ok(all)
    }

    /// Which of the parameters directly under `path` a key of the customer's own encrypts; `None`
    /// if it cannot be learnt.
    pub(crate) fn customer_keys(&self, path: &str) -> Option<BTreeMap<String, String>> {
        let filter = format!("Key=Path,Values={}", path.trim_end_matches('/'));
        let words = "ssm describe-parameters --output json --parameter-filters";
        let output = self.call(words.split(' ').chain([filter.as_str()])).ok()?;
        let listing: Descriptions =
            serde_json::from_slice(&output.stdout).ok().filter(|_| output.status.success())?;
        let own = |described: Described| {
            // SSM takes its own key by itself, and it need not be named to it.
            let key = described.key_id.filter(|key| key != AWS_KEY)?;
            Some((described.name.strip_prefix(path)?.to_owned(), key))
        };

        Some(listing.parameters.into_iter().filter_map(own).collect())
    }

    /// Stores a secret, encrypted by this key of the customer's or by SSM's own. It goes through
    /// standard input: the list of processes shows every argument.
    pub(crate) fn put_secret(
        &self,
        name: &str,
        value: &SecretString,
        key: Option<&str>,
    ) -> Result<(), CliError> {
        let mut command = Command::new("aws");
        command.args(["ssm", "put-parameter", "--overwrite", "--type", "SecureString"]);
        command.args(["--name", name, "--value", "file:///dev/stdin"]);
        command.args(key.into_iter().flat_map(|key| ["--key-id", key]));
        command.args(self.options()).stdin(Stdio::piped());
        command.stdout(Stdio::null()).stderr(Stdio::piped());

        let mut child = command.spawn().map_err(|error| not_started(&error))?;
        let mut input = child.stdin.take().expect("it was asked for");
        // An `aws` that ends before it has read says itself why.
        let _ = input.write_all(value.expose_secret().as_bytes());
        // `aws` reads to the end of its input, which comes with this.
        drop(input);
        let output = child.wait_with_output().map_err(|error| not_started(&error))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(CliError::Work(if said.contains("(AccessDeniedException)") {
            format!("AWS denies access: these credentials need ssm:PutParameter for {name}")
        } else {
            format!("`aws` could not store {name}, and what it printed is not repeated here")
        }))
    }

    /// What `aws` says to these words. One that asks for something would wait where nobody sees its
    /// question, so it is given no input.
    pub(crate) fn call<'w>(&self, words: impl Iterator<Item = &'w str>) -> io::Result<Output> {
        Command::new("aws").args(words).args(self.options()).stdin(Stdio::null()).output()
    }

    /// A command to paste: the words, with this region and profile.
    pub(crate) fn command(&self, words: &str) -> String {
        let options = self.options().map(|option| format!(" {}", quoted(option)));
        format!("aws ssm {words}{}", options.collect::<String>())
    }

    pub(crate) fn options(&self) -> impl Iterator<Item = &str> {
        let region = self.region.into_iter().flat_map(|region| ["--region", region]);
        region.chain(self.profile.into_iter().flat_map(|profile| ["--profile", profile]))
    }
}

/// A call of `aws`, for whoever reads that it failed.
pub(crate) struct Call {
    /// What is asked.
    pub(crate) service: &'static str,
    /// The right that it takes, and for what.
    pub(crate) permission: String,
    /// A command that shows what `aws` says, to paste.
    pub(crate) again: String,
}

/// The code of AWS's refusal, if it is one.
pub(crate) fn refusal(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("An error occurred (")?;
    let (code, _) = rest.split_once(')')?;
    // Only what has the form of a code is repeated: all else may be a secret.
    let is_code = code.len() <= 60 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_code.then_some(code)
}

fn denial_of_decryption(said: &str) -> bool {
    refusal(said) == Some("AccessDeniedException")
        && (said.contains("KMS") || said.contains("ciphertext"))
}

/// What went wrong, read from what `aws` said, which may hold anything and is not repeated.
pub(crate) fn why(said: &str, call: &Call) -> String {
    let Call { service, permission, again } = call;
    let known = |mark: &str| said.contains(mark);

    // A denial names the caller's role, so it is looked at first: such a name may hold any of
    // the other marks.
    match refusal(said) {
        Some("AccessDeniedException") => {
            format!("AWS denies access: these credentials need {permission}")
        }
        _ if known("Unable to locate credentials") => NO_CREDENTIALS.to_owned(),
        _ if known("must specify a region") => {
            "`aws` knows no region: give the stack's with --region, or set AWS_DEFAULT_REGION"
                .to_owned()
        }
        _ if known("config profile") && known("could not be found") => {
            "`aws` has no such profile: `aws configure list-profiles` names them".to_owned()
        }
        _ if ["expired", "SSO Token", "SSO session"].into_iter().any(known) => EXPIRED.to_owned(),
        _ if known("Could not connect to the endpoint") || known("timeout on endpoint") => {
            format!("`aws` cannot reach {service}: is the region right, and the network there?")
        }
        Some(
            "UnrecognizedClientException" | "InvalidClientTokenId" | "InvalidSignatureException",
        ) => "AWS does not know these credentials: `aws sts get-caller-identity` must work first"
            .to_owned(),
        Some(code) => format!("AWS refused the call with {code}; see what it says: {again}"),
        None => format!(
            "`aws` failed, and what it printed is not repeated here; see what it says: {again}"
        ),
    }
}

const NO_CREDENTIALS: &str =
    "`aws` finds no credentials: `aws configure`, `aws sso login` or --profile gives it some";
const EXPIRED: &str =
    "the credentials of `aws` have expired: sign in again (`aws sso login`, with your profile)";

pub(crate) fn not_started(error: &io::Error) -> CliError {
    CliError::Work(match error.kind() {
        ErrorKind::NotFound => {
            "there is no `aws` on the PATH: AWS is asked through its own command line \
             (https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html)"
                .to_owned()
        }
        _ => format!("`aws` cannot be started: {error}"),
    })
}

/// As a shell takes it for one word.
pub(crate) fn quoted(word: &str) -> String {
    let plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:@".contains(&byte));
    if plain && !word.is_empty() {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_word_is_quoted_where_needed() {
        assert_eq!(quoted("eu-central-1"), "eu-central-1");
        assert_eq!(quoted("of ours"), "'of ours'");
        assert_eq!(quoted("it's; x"), r"'it'\''s; x'");
        assert_eq!(quoted(""), "''");
    }
}
