//! Where an AI agent's events go: the one setting of an application, and one of each agent that has
//! its own.

use serde_json::{Value, json};

/// A webhook setting as Sendbird keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSetting {
    /// Whether anything is sent.
    pub enabled: bool,
    /// Where to.
    pub url: String,
    /// Of which categories; `*` stands for all.
    pub categories: Vec<String>,
    /// What signs the events; made with the setting and never changed by it.
    pub signature_secret: String,
}

impl WebhookSetting {
    /// One that nobody has made, with the secret that it would get: 64 characters, as documented.
    pub(crate) fn blank(ai_agent_id: &str) -> Self {
        // From the agent's id: whoever looks twice at a setting that nobody made sees one secret.
        let digits = ai_agent_id.bytes().fold(0x5eed_u64, |sum, byte| {
            sum.wrapping_mul(0x0100_0000_01b3).wrapping_add(u64::from(byte) + 1)
        });
        let signature_secret = format!("{digits:016x}").repeat(4);
        Self { enabled: false, url: String::new(), categories: Vec::new(), signature_secret }
    }

    pub(crate) fn json(&self, ai_agent_id: &str) -> Value {
        json!({
            "app_id": "DEMO-APP-0001", "ai_agent_id": ai_agent_id,
            "enabled": self.enabled, "url": self.url, "category_subscriptions": self.categories,
            "signature_secret": self.signature_secret,
            "available_categories": ["conversation:started", "conversation:closed", "handoff"],
        })
    }
}
