//! What happens at a Desk without its API: people and the world act, and a test asks what is there.
//! It takes no rule of the API for its own: it may store any value and seed any status. A ticket
//! that does not exist is a mistake in the test, and panics.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::behaviour::Behaviour;
use crate::faults::Fault;
use crate::http::log::Seen;
use crate::model::clock;
use crate::model::customer::Customer;
use crate::model::fields::{FieldDefinition, Values};
use crate::model::group::Group;
use crate::model::message::Message;
use crate::model::ticket::{CLOSED, INITIALIZED, PENDING, PROACTIVE};
use crate::model::webhook_setting::WebhookSetting;
use crate::server::Emulator;

/// A ticket that is there without the API: made by Desk itself at a handoff, or by a person.
#[derive(Debug, Clone)]
pub struct Seed {
    /// The Chat user whose ticket it is; known to Desk and Chat from then on.
    pub sendbird_id: String,
    /// Its channel; without one, a new one.
    pub channel_url: Option<String>,
    /// Its title.
    pub title: String,
    /// `status2`, as it is to be shown; not checked, so that a client can meet one it does not
    /// know.
    pub status: String,
    /// `priority`, likewise.
    pub priority: String,
    /// The key of its team; without one, the Default team.
    pub group: Option<String>,
    /// Its field values, defined or not.
    pub fields: BTreeMap<String, String>,
    /// The addresses of its related channels.
    pub related: Vec<String>,
}

impl Default for Seed {
    /// A pending ticket of `user_1`, as a handoff leaves it.
    fn default() -> Self {
        Self {
            sendbird_id: "user_1".to_owned(),
            channel_url: None,
            title: "A seeded ticket".to_owned(),
            status: PENDING.to_owned(),
            priority: "MEDIUM".to_owned(),
            group: None,
            fields: BTreeMap::new(),
            related: Vec::new(),
        }
    }
}

impl Emulator {
    /// From now on only this token opens Desk.
    pub fn rotate_desk_token(&self, token: impl Into<String>) {
        self.state().desk_token = token.into();
    }

    /// Changes what this Desk does. `change` must not ask the emulator for anything: it waits already.
    pub fn set_behaviour(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.state().behaviour);
    }

    /// From now on there is such a Chat user; matters when not every id is one.
    pub fn add_chat_user(&self, sendbird_id: impl Into<String>) {
        self.state().chat_users.insert(sendbird_id.into());
    }

    /// The id of this Chat user's customer, who is made if there is none.
    pub fn seed_customer(&self, sendbird_id: &str) -> u64 {
        self.state().customer(sendbird_id)
    }

    /// Makes a ticket and gives its id. Like one made through the API, it may be invisible at
    /// first.
    ///
    /// # Panics
    ///
    /// When no team has the key of the seed.
    #[track_caller]
    pub fn seed_ticket(&self, seed: Seed) -> u64 {
        let mut state = self.state();
        let customer = state.customer(&seed.sendbird_id);
        let mut ticket = state.blank_ticket(customer, seed.title);

        if let Some(key) = seed.group {
            let group = state.group_with_key(&key);
            ticket.group = Some(group.unwrap_or_else(|| panic!("there is no group {key:?}")));
        }
        if let Some(channel_url) = seed.channel_url {
            ticket.channel_url = channel_url;
        }
        // Past the rules, so that a test can have a ticket hold what no call could store.
        ticket.fields =
            seed.fields.into_iter().fold(Values::default(), |mut values, (key, value)| {
                values.set(key, value);
                values
            });
        // Issued is a ticket with the customer's first message, for which these two still wait.
        ticket.issued_at =
            (seed.status != INITIALIZED && seed.status != PROACTIVE).then(clock::now);
        ticket.closed_at = (seed.status == CLOSED).then(clock::now);
        (ticket.status, ticket.priority, ticket.related) =
            (seed.status, seed.priority, seed.related);
        let id = ticket.id;
        state.tickets.insert(id, ticket);

        id
    }

    /// A human agent fills in a field, or changes it.
    #[track_caller]
    pub fn edit_field(&self, id: u64, key: impl Into<String>, value: impl Into<String>) {
        self.state().ticket_mut(id).fields.set(key.into(), value.into());
    }

    /// A human agent takes the ticket: it is active.
    #[track_caller]
    pub fn assign(&self, id: u64) {
        self.state().ticket_mut(id).assign();
    }

    /// A human agent closes the ticket.
    #[track_caller]
    pub fn close(&self, id: u64) {
        self.state().ticket_mut(id).close(String::new(), String::new());
    }

    /// A human agent opens a closed ticket again.
    #[track_caller]
    pub fn reopen(&self, id: u64) {
        self.state().ticket_mut(id).reopen();
    }

    /// A human agent gives the ticket another priority.
    #[track_caller]
    pub fn set_priority(&self, id: u64, priority: impl Into<String>) {
        self.state().ticket_mut(id).priority = priority.into();
    }

    /// A human agent gives the ticket to another team; without a key, to the Default team.
    ///
    /// # Panics
    ///
    /// When no team has this key.
    #[track_caller]
    pub fn set_team(&self, id: u64, key: Option<&str>) {
        let mut state = self.state();
        let team = match key {
            Some(key) => state.group_with_key(key),
            None => state.groups.iter().position(Group::is_default),
        };
        state.ticket_mut(id).group =
            Some(team.unwrap_or_else(|| panic!("there is no team {key:?}")));
    }

    /// Somebody changes the ticket fields in the dashboard: from now on there are these.
    pub fn define_fields(&self, fields: Vec<FieldDefinition>) {
        self.state().fields = fields;
    }

    /// A human agent gives the ticket another title.
    #[track_caller]
    pub fn rename(&self, id: u64, title: impl Into<String>) {
        self.state().ticket_mut(id).title = title.into();
    }

    /// The customer writes this in the ticket's channel; a new ticket is pending then.
    #[track_caller]
    pub fn customer_message(&self, id: u64, text: &str) {
        let mut state = self.state();
        let first = state.behaviour.first_message;
        state.ticket_mut(id).customer_writes(text, first);
    }

    /// The ids of all tickets, ordered.
    pub fn ticket_ids(&self) -> Vec<u64> {
        self.state().tickets.keys().copied().collect()
    }

    /// All tickets as the API would show them, also those not visible yet, ordered by id.
    pub fn tickets(&self) -> Vec<Value> {
        let state = self.state();
        state.tickets.values().map(|ticket| state.show(ticket)).collect()
    }

    /// One ticket as the API would show it.
    pub fn ticket(&self, id: u64) -> Option<Value> {
        let state = self.state();
        Some(state.show(state.tickets.get(&id)?))
    }

    /// The stored value of one field of one ticket.
    pub fn field(&self, id: u64, key: &str) -> Option<String> {
        self.state().tickets.get(&id)?.fields.get(key).map(str::to_owned)
    }

    /// All customers as the API would show them, ordered by id.
    pub fn customers(&self) -> Vec<Value> {
        self.state().customers.values().map(Customer::json).collect()
    }

    /// The messages posted through Chat, in their order.
    pub fn messages(&self) -> Vec<Message> {
        self.state().messages.clone()
    }

    /// Sendbird has this webhook setting already, for the application ("") or one of its AI agents.
    pub fn set_webhook(&self, ai_agent_id: &str, setting: WebhookSetting) {
        self.state().webhook_settings.insert(ai_agent_id.to_owned(), setting);
    }

    /// The webhook setting of the application ("") or of an AI agent, if anybody made one.
    pub fn webhook(&self, ai_agent_id: &str) -> Option<WebhookSetting> {
        self.state().webhook_settings.get(ai_agent_id).cloned()
    }

    /// Every request that came, in its order, also those that were spoilt or refused.
    pub fn requests(&self) -> Vec<Seen> {
        self.state().log.all()
    }

    /// Forgets the requests so far, but not those of [`unknown_requests`](Self::unknown_requests).
    pub fn clear_requests(&self) {
        self.state().log.clear();
    }

    /// Method and address of every request that no route knew. A test does well to end by finding
    /// none.
    pub fn unknown_requests(&self) -> Vec<String> {
        self.state().log.all_unknown()
    }

    /// Lets something go wrong from now on.
    ///
    /// # Panics
    ///
    /// When the fault has a status or a header that cannot be sent.
    #[track_caller]
    pub fn inject(&self, fault: Fault) {
        // Tried now and not when it strikes, so that the panic names the line of the test.
        fault.check();
        self.state().faults.push(fault);
    }

    /// What goes wrong from now on, in the order in which it was injected.
    pub fn faults(&self) -> Vec<Fault> {
        self.state().faults.clone()
    }

    /// What it does now where a live Desk may do this or that.
    pub fn behaviour(&self) -> Behaviour {
        self.state().behaviour.clone()
    }

    /// Nothing goes wrong any more.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }
}
