//! A customer: a Chat user whom Desk knows, and how the API shows one.

use serde_json::{Value, json};

use crate::model::{PROJECT, clock};

#[derive(Debug, Clone)]
pub(crate) struct Customer {
    pub(crate) id: u64,
    pub(crate) sendbird_id: String,
    pub(crate) created_at: String,
}

impl Customer {
    pub(crate) fn new(id: u64, sendbird_id: String) -> Self {
        Self { id, sendbird_id, created_at: clock::now() }
    }

    pub(crate) fn json(&self) -> Value {
        // A live Desk shows the Chat nickname as the name, and nobody has one here.
        json!({
            "id": self.id, "sendbirdId": self.sendbird_id, "channelType": "SENDBIRD", "project": PROJECT,
            "createdAt": self.created_at, "displayName": self.sendbird_id, "photoThumbnailUrl": "",
            "customFields": [],
        })
    }
}
