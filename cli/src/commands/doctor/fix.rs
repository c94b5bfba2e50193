//! The commands that fix an application's parameters, to be pasted into a shell.
//!
//! What a parameter holds besides what is fixed stays: other lines, and a customer's key. A new
//! secret is for the operator to put in; none that is stored is printed.

use std::cell::LazyCell;
use std::collections::BTreeMap;

use desk_handoff::config::AppId;
use desk_handoff::secrets::{BEARER_TOKEN, CHAT_API_TOKEN, DESK_API_TOKEN, FIELDS, SIGNING_SECRET};

use crate::commands::doctor::findings::Finding;
use crate::input::fields::SSM_STANDARD;
use crate::remote::ssm::{Aws, quoted};

/// The customer's keys, by the parameters that they encrypt; `None` if AWS does not say.
pub(crate) type Keys = Option<BTreeMap<String, String>>;

/// One application's parameters.
pub(crate) struct Fixes<'a> {
    pub(crate) aws: &'a Aws<'a>,
    pub(crate) app_id: &'a AppId,
    /// With a slash at its end.
    pub(crate) path: &'a str,
    /// Asked for when a command first needs them.
    pub(crate) keys: LazyCell<Keys, Box<dyn FnOnce() -> Keys + 'a>>,
}

/// Replaces a parameter's value.
const OVERWRITE: &str = "put-parameter --overwrite --type SecureString";

/// Which of the lines that are not blank stay, for awk; without a `!` that a shell would look up in
/// its history.
pub(crate) const FIRST: &str = "NF && ++n == 1";
pub(crate) const FIRST_TEN: &str = "NF && ++n <= 10";
pub(crate) const TRIMMED: &str = r#"{ gsub(/^[ \t]+|[ \t]+$/, "") } NF"#;
pub(crate) const DISTINCT: &str = r#"{ gsub(/^[ \t]+|[ \t]+$/, "") } NF && seen[$0]++ == 0"#;

/// All but this one, counted from 1.
pub(crate) fn all_but(number: usize) -> String {
    format!("NF && ++n != {number}")
}

impl<'a> Fixes<'a> {
    pub(crate) fn new(aws: &'a Aws<'a>, app_id: &'a AppId, path: &'a str) -> Self {
        Self { aws, app_id, path, keys: LazyCell::new(Box::new(|| aws.customer_keys(path))) }
    }

    /// Stores a secret and nothing else.
    pub(crate) fn secret(&self, name: &str) -> String {
        self.overwrite(name, placeholder(name))
    }

    /// Stores a secret above those of the old lines that stay.
    pub(crate) fn above(&self, name: &str, stay: &str) -> String {
        self.rewrite(name, &format!("printf '%s\\n' \"{}\"; {}", placeholder(name), staying(stay)))
    }

    /// Stores those of the lines that stay.
    pub(crate) fn keep(&self, name: &str, stay: &str) -> String {
        self.rewrite(name, &staying(stay))
    }

    /// Corrects the document that is stored: a file at hand may be an older one.
    pub(crate) fn fields(&self, size: usize) -> String {
        let get = self.aws.command(&format!(
            "get-parameter --name {}{FIELDS} --query Parameter.Value --output text",
            self.path
        ));
        let tier = if size > SSM_STANDARD { " --tier Advanced" } else { "" };
        let put = self.put_fields(" --overwrite", tier);
        format!("{get} > fields.json && ${{EDITOR:-vi}} fields.json && {put}")
    }

    /// Makes a first document, and replaces none that somebody else has stored meanwhile.
    pub(crate) fn learn(&self) -> String {
        let learn = format!(
            "cargo handoff learn --app-id {} --token-env DESK_API_TOKEN > fields.json",
            self.app_id
        );
        format!("{learn} && {}", self.put_fields("", ""))
    }

    fn put_fields(&self, overwrite: &str, tier: &str) -> String {
        let put = self.aws.command(&format!(
            "put-parameter{overwrite} --type String --name {}{FIELDS} --value file://fields.json{tier}",
            self.path
        ));
        // SSM stores whatever it is given, so that the document is checked first.
        format!("cargo handoff check fields.json && {put}")
    }

    /// Stores what is there already in the type that a secret has. SSM changes no type in place,
    /// and is to be given half a minute before a name is taken again.
    pub(crate) fn encrypt(&self, name: &str) -> String {
        let (get, delete) = (self.get(name), self.delete(name));
        let put = self.aws.command(&format!(
            "put-parameter --type SecureString --name {}{name} --value \"$VALUE\"",
            self.path
        ));
        format!("VALUE=\"$({get})\" && {delete} && sleep 30 && {put}")
    }

    pub(crate) fn delete(&self, name: &str) -> String {
        self.aws.command(&format!("delete-parameter --name {}{name}", self.path))
    }

    /// What is to be known of the commands that replace a secret, where AWS does not say its key.
    pub(crate) fn unknown_keys(&self, findings: &[Finding]) -> Option<Finding> {
        let replaces = findings.iter().any(|finding| finding.fix.contains(OVERWRITE));
        if !replaces || self.keys.is_some() {
            return None;
        }
        let what = "AWS does not say which keys encrypt the secrets (ssm:DescribeParameters would)";
        let fix = "if it is a key of your own, add --key-id KEY to each put-parameter";
        Some(Finding::warning(self.path, what, fix))
    }

    /// What cannot be read is not replaced.
    fn rewrite(&self, name: &str, lines: &str) -> String {
        format!("OLD=\"$({})\" && {}", self.get(name), self.overwrite(name, &format!("$({lines})")))
    }

    fn get(&self, name: &str) -> String {
        let name = format!("{}{name}", self.path);
        self.aws.command(&format!(
            "get-parameter --with-decryption --name {name} --query Parameter.Value --output text"
        ))
    }

    fn overwrite(&self, name: &str, value: &str) -> String {
        let key = self.keys.as_ref().and_then(|keys| keys.get(name));
        let key = key.map(|key| format!(" --key-id {}", quoted(key))).unwrap_or_default();
        self.aws
            .command(&format!("{OVERWRITE}{key} --name {}{name} --value \"{value}\"", self.path))
    }
}

fn staying(stay: &str) -> String {
    // `echo` may take a backslash in a secret for more than a backslash.
    format!("printf '%s\\n' \"$OLD\" | awk '{stay}'")
}

/// What the operator puts in.
fn placeholder(name: &str) -> &'static str {
    match name {
        DESK_API_TOKEN => "YOUR DESK API TOKEN",
        CHAT_API_TOKEN => "YOUR CHAT API TOKEN",
        SIGNING_SECRET => "YOUR SIGNATURE SECRET",
        BEARER_TOKEN => "YOUR BEARER TOKEN",
        _ => "YOUR SECRET",
    }
}
