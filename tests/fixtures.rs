//! What both test binaries share: the stated answer of every file in events/, and a Desk with the
//! fields of a document.
//!
//! The answers hold in this order, for one empty Desk with the fields of fields.example.json, in
//! the embedded run as under the Runtime Interface Emulator.

use std::collections::BTreeMap;
use std::path::Path;

use desk_emulator::{FieldDefinition, FieldKind, Group, Setup};
use desk_handoff::rules::{self, Rules};
use serde_json::{Value, json};

/// What the file of this name is answered with.
#[derive(Debug)]
pub(crate) struct Stated {
    pub(crate) file: &'static str,
    pub(crate) status: u16,
    /// The answer's `status`, or the last part of a problem's `type`.
    pub(crate) word: &'static str,
    /// Every line of the answer's `fields`.
    pub(crate) outcomes: &'static [(&'static str, &'static str)],
}

pub(crate) const ANSWERS: [Stated; 12] = [
    Stated {
        file: "handoff.json",
        status: 201,
        word: "created",
        outcomes: &[
            ("order-id", "written"),
            ("cart-items", "written"),
            ("order-link", "written"),
            ("membership-tier", "written"),
            ("summary", "written"),
            ("language", "written"),
            ("auth-token", "denied"),
            ("newsletter", "unmatched"),
            ("priority", "written"),
            ("support-team", "written"),
        ],
    },
    Stated {
        file: "second-handoff.json",
        status: 200,
        word: "updated",
        outcomes: &[
            ("order-id", "unchanged"),
            ("cart-items", "written"),
            ("order-link", "unchanged"),
            ("membership-tier", "unchanged"),
            ("callback-time", "written"),
            ("language", "unchanged"),
            ("priority", "unchanged"),
            ("support-team", "unchanged"),
        ],
    },
    Stated {
        file: "sender-sample.json",
        status: 201,
        word: "created",
        outcomes: &[
            ("language", "written"),
            ("arbitray_key", "invalid-key"),
            ("membershipTier", "invalid-key"),
            ("orderId", "invalid-key"),
            ("phone_number", "invalid-key"),
            ("user_segment", "invalid-key"),
        ],
    },
    Stated {
        file: "wrong-types.json",
        status: 201,
        word: "created",
        outcomes: &[
            ("order-id", "not-scalar"),
            ("cart-items", "wrong-type"),
            ("order-link", "wrong-type"),
            ("membership-tier", "not-an-option"),
            ("summary", "truncated"),
            ("language", "written"),
            ("priority", "not-an-option"),
        ],
    },
    Stated {
        file: "direct.json",
        status: 201,
        word: "created",
        outcomes: &[("order-id", "written"), ("summary", "written"), ("language", "written")],
    },
    Stated {
        file: "tool-call.json",
        status: 201,
        word: "created",
        outcomes: &[
            ("order-id", "written"),
            ("cart-items", "written"),
            ("summary", "written"),
            ("language", "written"),
            ("membershipTier", "invalid-key"),
        ],
    },
    Stated {
        file: "tool-call-channel.json",
        status: 201,
        word: "created",
        outcomes: &[("order-id", "written"), ("summary", "written"), ("language", "empty")],
    },
    Stated {
        file: "voice-platform.json",
        status: 201,
        word: "created",
        outcomes: &[
            ("order-id", "written"),
            ("cart-items", "written"),
            ("summary", "written"),
            ("language", "empty"),
            ("phone_number", "invalid-key"),
        ],
    },
    Stated {
        file: "base64.json",
        status: 201,
        word: "created",
        outcomes: &[("order-id", "written"), ("summary", "written"), ("language", "written")],
    },
    Stated { file: "webhook.json", status: 200, word: "queued", outcomes: &[] },
    Stated { file: "wrong-signature.json", status: 401, word: "unauthenticated", outcomes: &[] },
    Stated { file: "ignored-category.json", status: 200, word: "ignored", outcomes: &[] },
];

/// A batch for the worker: two handoffs of one conversation, one of another, and one message that
/// is no handoff. Answered with the last one's id alone.
pub(crate) const BATCH: &str = include_str!("../events/sqs-batch.json");
/// The tickets that the events leave behind, one a conversation handed over and worked on.
pub(crate) const TICKETS: usize = 8;
/// The published token of the events that carry one.
pub(crate) const BEARER: &str = "local-only-bearer-token";

impl Stated {
    /// The file's text: a whole API Gateway event.
    pub(crate) fn event(&self) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("events").join(self.file);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    #[track_caller]
    pub(crate) fn check(&self, status: u64, body: &Value) {
        let word = body["type"]
            .as_str()
            .and_then(|kind| kind.rsplit(':').next())
            .or(body["status"].as_str());
        assert_eq!(
            (status, word),
            (u64::from(self.status), Some(self.word)),
            "{}: {body:#}",
            self.file
        );

        let entries = body["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
        let outcomes: Vec<_> =
            entries.iter().map(|line| (line["key"].as_str(), line["outcome"].as_str())).collect();
        let stated: Vec<_> =
            self.outcomes.iter().map(|(key, outcome)| (Some(*key), Some(*outcome))).collect();
        assert_eq!(outcomes, stated, "{}", self.file);
    }

    /// The texts of the context that are long enough to be looked for in a log.
    pub(crate) fn private_texts(&self) -> Vec<String> {
        let event: Value = serde_json::from_str(&self.event()).unwrap();
        let context = |body: Value| {
            let context = body
                .pointer("/data/conversation/ai_agent_context/context")
                .or(body.get("context"))
                .cloned();
            let context =
                context.or_else(|| body.get("order-id").map(|order| json!({"order-id": order})));
            serde_json::from_value::<BTreeMap<String, Value>>(context.unwrap_or_default())
                .unwrap_or_default()
        };

        let body = serde_json::from_str(event["body"].as_str().unwrap()).unwrap_or_default();
        let texts =
            context(body).into_values().filter_map(|value| Some(value.as_str()?.to_owned()));
        texts.filter(|text| text.len() > 7).collect()
    }
}

/// The document with `grace_seconds` 0, for tests that would have to wait for real.
pub(crate) fn without_grace(document: &str) -> String {
    let mut document: Value = serde_json::from_str(document).unwrap();
    document["ticket"]["grace_seconds"] = 0.into();
    document.to_string()
}

/// A Desk that has exactly the fields of this `fields` document, and the teams vip and support.
pub(crate) fn desk_of(document: &str) -> Setup {
    let fields = Rules::parse(document).unwrap().fields.unwrap_or_default();
    let definition =
        |field: rules::Field| FieldDefinition::new(field.key.as_str(), kind(field.kind));
    let groups =
        vec![Group::default_team(), Group::new("VIP", "vip"), Group::new("Support", "support")];
    Setup { fields: fields.into_iter().map(definition).collect(), groups, ..Setup::default() }
}

fn kind(kind: rules::FieldKind) -> FieldKind {
    match kind {
        rules::FieldKind::Text => FieldKind::Text,
        rules::FieldKind::Integer => FieldKind::Integer,
        rules::FieldKind::Link => FieldKind::Link,
        rules::FieldKind::Dropdown(options) => FieldKind::Dropdown(options),
    }
}
