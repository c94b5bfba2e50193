//! What an emulated Desk starts with.

use crate::behaviour::Behaviour;
use crate::model::fields::FieldDefinition;
use crate::model::group::Group;

/// What a Desk starts with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The token in `SENDBIRDDESKAPITOKEN`.
    pub desk_token: String,
    /// The token in Chat's `Api-Token`.
    pub chat_token: String,
    /// The ticket fields that are defined.
    pub fields: Vec<FieldDefinition>,
    /// The teams.
    pub groups: Vec<Group>,
    /// What it does where a live Desk may do this or that.
    pub behaviour: Behaviour,
}

impl Default for Setup {
    /// No fields; the Default team, `vip` and `support`.
    fn default() -> Self {
        Self {
            desk_token: "emulator-desk-token".to_owned(),
            chat_token: "emulator-chat-token".to_owned(),
            fields: Vec::new(),
            groups: vec![
                Group::default_team(),
                Group::new("VIP", "vip"),
                Group::new("Support", "support"),
            ],
            behaviour: Behaviour::default(),
        }
    }
}
