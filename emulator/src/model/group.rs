//! A team, which Desk calls a group. The Default team has no key, and so no call can name it.

use serde_json::{Value, json};

use crate::model::PROJECT;

/// A team of human agents. Its id is its place among the teams, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name, for people.
    pub name: String,
    /// Its key; the first team without one, or with an empty one, is the Default team.
    pub key: Option<String>,
}

impl Group {
    /// A team that can be named by its key.
    pub fn new(name: impl Into<String>, key: impl Into<String>) -> Self {
        Self { name: name.into(), key: Some(key.into()) }
    }

    /// The team that gets what no other gets.
    pub fn default_team() -> Self {
        Self { name: "Default team".to_owned(), key: None }
    }

    pub(crate) fn is_default(&self) -> bool {
        self.key.as_deref().unwrap_or_default().is_empty()
    }

    pub(crate) fn json(&self, place: usize) -> Value {
        json!({
            "id": place + 1, "name": self.name, "key": self.key, "project": PROJECT, "createdBy": null,
            "createdAt": "2025-01-01T00:00:00.000000Z", "description": "",
        })
    }
}
