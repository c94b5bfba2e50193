//! What `doctor` examines: SSM in moto, read by the real `aws` command line, and a Desk.
//!
//! A call of it has an environment of its own, in which no account, no region and no other `aws`
//! can be found.

#[path = "../../../tests/aws/harness/client.rs"]
mod client;
#[path = "../../../tests/aws/harness/moto.rs"]
mod moto;
#[path = "../../../tests/aws/harness/python.rs"]
mod python;

use std::path::{Path, PathBuf};
use std::process::Command;

use desk_emulator::{Emulator, Setup};
use desk_handoff::http_client;
use serde_json::{Value, json};

pub(crate) use self::client::REGION;
use self::client::call;
use crate::support::{Ended, handoff, meanwhile};

/// Part of every planted secret and value: it must never be printed.
pub(crate) const CANARY: &str = "canary7f3a";
pub(crate) const TOKEN: &str = "desk-token-canary7f3a";
pub(crate) const SIGNING: &str = "signing-secret-canary7f3a";

/// Of a stand-in for it.
pub(crate) fn stand_in() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stand-in")
}

/// A Desk, and a place in SSM of the test's own.
pub(crate) struct Cloud {
    pub(crate) desk: Emulator,
    pub(crate) prefix: &'static str,
}

impl Cloud {
    pub(crate) async fn new(prefix: &'static str) -> Self {
        Self {
            desk: Emulator::start(Setup { desk_token: TOKEN.into(), ..Setup::default() })
                .await
                .unwrap(),
            prefix,
        }
    }

    /// Stores a parameter, as SSM itself takes it.
    pub(crate) async fn put(&self, kind: &str, name: &str, value: &str) {
        self.put_with(kind, name, value, json!({})).await;
    }

    /// The same with more parts, as with a key.
    pub(crate) async fn put_with(&self, kind: &str, name: &str, value: &str, more: Value) {
        let mut parts = json!({"Type": kind, "Value": value, "Overwrite": true});
        parts.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.ssm("PutParameter", name, parts).await;
    }

    /// A parameter as SSM shows it.
    pub(crate) async fn get(&self, name: &str) -> Value {
        self.ssm("GetParameter", name, json!({"WithDecryption": true})).await["Parameter"].clone()
    }

    /// What is said of its key.
    pub(crate) async fn key(&self, name: &str) -> Value {
        let filter = json!({"Key": "Name", "Values": [format!("{}/APP-1/{name}", self.prefix)]});
        let described =
            self.ssm("DescribeParameters", name, json!({"ParameterFilters": [filter]})).await;
        described["Parameters"][0]["KeyId"].clone()
    }

    /// Puts lines into a log group of the stack of this name, as a function does.
    pub(crate) async fn log(group: &str, lines: &[String], at: u128) {
        let client = http_client::new().unwrap();
        let stream = json!({"logGroupName": group, "logStreamName": "one"});
        let events = lines.iter().map(|line| json!({"timestamp": at, "message": line}));
        let mut put = stream.clone();
        put["logEvents"] = events.collect();
        let group = json!({"logGroupName": group});
        for (action, input) in
            [("CreateLogGroup", group), ("CreateLogStream", stream), ("PutLogEvents", put)]
        {
            call(&client, &format!("Logs_20140328.{action}"), &input).await;
        }
    }

    async fn ssm(&self, action: &str, name: &str, mut parts: Value) -> Value {
        parts["Name"] = format!("{}/APP-1/{name}", self.prefix).into();
        call(&http_client::new().unwrap(), &format!("AmazonSSM.{action}"), &parts).await
    }

    /// What a new application has when all is well.
    pub(crate) async fn put_all(&self, fields: &str) {
        self.put("SecureString", "desk-api-token", TOKEN).await;
        self.put("SecureString", "signing-secret", SIGNING).await;
        self.put("String", "fields", fields).await;
    }

    /// `doctor` for the application, ready to be called.
    pub(crate) fn doctor(&self, arguments: &[&str]) -> Command {
        let mut command = at_moto(handoff());
        command.args([
            "doctor",
            "--app-id",
            "APP-1",
            "--prefix",
            self.prefix,
            "--desk-url",
            &self.desk.desk_url(),
        ]);
        command.args(arguments);

        command
    }

    /// What it says; never a secret or a customer's value.
    pub(crate) async fn examine(&self, arguments: &[&str]) -> Ended {
        let ended = meanwhile(self.doctor(&[&["--region", REGION], arguments].concat())).await;
        assert!(!ended.out.contains(CANARY) && !ended.err.contains(CANARY), "{ended:?}");
        assert_eq!(ended.err, "");
        ended
    }
}

/// The command with the real `aws` at hand, credentials for moto, and nothing else.
pub(crate) fn at_moto(mut command: Command) -> Command {
    command
        .env_clear()
        .env("PATH", python::aws())
        .env("HOME", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("AWS_ENDPOINT_URL", moto::endpoint());
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    command
}
