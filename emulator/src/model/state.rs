//! Everything the emulated Desk knows, and what the handlers ask of it. One lock guards it, which the
//! server holds for one call at a time. It takes ids from where they stand and never removes a
//! ticket or a customer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::behaviour::Behaviour;
use crate::faults::Fault;
use crate::http::log::Log;
use crate::model::customer::Customer;
use crate::model::fields::{FieldDefinition, Rules};
use crate::model::group::Group;
use crate::model::message::Message;
use crate::model::setup::Setup;
use crate::model::ticket::{Ticket, Visible};
use crate::model::webhook_setting::WebhookSetting;
use crate::rate::Rate;

const FIRST_TICKET: u64 = 7_455_126;
pub(crate) const FIRST_CUSTOMER: u64 = 5_556_923;

#[derive(Debug)]
pub(crate) struct State {
    /// The scheme, host and port this Desk is reached under.
    pub(crate) base: String,
    pub(crate) desk_token: String,
    pub(crate) chat_token: String,
    pub(crate) groups: Vec<Group>,
    pub(crate) behaviour: Behaviour,
    pub(crate) tickets: BTreeMap<u64, Ticket>,
    /// By ticket, what it was before its latest changes, each until when; kept where lists lag.
    earlier: BTreeMap<u64, Vec<(Instant, Ticket)>>,
    pub(crate) customers: BTreeMap<u64, Customer>,
    pub(crate) chat_users: BTreeSet<String>,
    pub(crate) messages: Vec<Message>,
    /// By AI agent; the application's own under "".
    pub(crate) webhook_settings: BTreeMap<String, WebhookSetting>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) log: Log,
    pub(crate) rate: Rate,
    pub(crate) fields: Vec<FieldDefinition>,
    lookups: u64,
}

impl State {
    pub(crate) fn new(base: String, setup: Setup) -> Self {
        Self {
            base,
            desk_token: setup.desk_token,
            chat_token: setup.chat_token,
            groups: setup.groups,
            behaviour: setup.behaviour,
            tickets: BTreeMap::new(),
            earlier: BTreeMap::new(),
            customers: BTreeMap::new(),
            chat_users: BTreeSet::new(),
            messages: Vec::new(),
            webhook_settings: BTreeMap::new(),
            faults: Vec::new(),
            log: Log::default(),
            rate: Rate::default(),
            fields: setup.fields,
            lookups: 0,
        }
    }

    pub(crate) fn ticket_rules(&self) -> Rules<'_> {
        Rules { definitions: &self.fields, behaviour: &self.behaviour }
    }

    /// Counts a list or view of tickets, and says how many there were before it.
    pub(crate) fn count_lookup(&mut self) -> u64 {
        self.lookups += 1;
        self.lookups - 1
    }

    /// How many lists and views of tickets there were.
    pub(crate) fn lookups(&self) -> u64 {
        self.lookups
    }

    /// A ticket with the next id in the Default team, not yet among the tickets.
    pub(crate) fn blank_ticket(&self, customer: u64, title: String) -> Ticket {
        let id = self.tickets.last_key_value().map_or(FIRST_TICKET, |(id, _)| id + 1);
        let visible = Visible {
            lookups: self.lookups + u64::from(self.behaviour.visible_after_lookups),
            // Past the end of time: a ticket that never becomes visible.
            at: Instant::now().checked_add(self.behaviour.visible_after),
        };
        let group = self.groups.iter().position(Group::is_default);
        let listed = Instant::now().checked_add(self.behaviour.listed_after);
        Ticket { group, visible, listed, ..Ticket::new(id, customer, title) }
    }

    /// The ticket with this id, for a change: lists that lag go on showing what it was before.
    ///
    /// # Panics
    ///
    /// When there is none: a handler has looked before, and a test that names none is to hear of
    /// it.
    #[track_caller]
    pub(crate) fn ticket_mut(&mut self, id: u64) -> &mut Ticket {
        self.keep_earlier(id);
        self.tickets.get_mut(&id).unwrap_or_else(|| panic!("there is no ticket {id}"))
    }

    fn keep_earlier(&mut self, id: u64) {
        let lag = self.behaviour.lists_lag;
        let Some(ticket) = self.tickets.get(&id).filter(|_| !lag.is_zero()) else { return };
        let earlier = self.earlier.entry(id).or_default();
        earlier.retain(|(until, _)| !is_in_lists(*until, lag));
        earlier.push((Instant::now(), ticket.clone()));
    }

    /// The ticket as it is in lists: without the changes that are not there yet.
    pub(crate) fn as_listed<'a>(&'a self, ticket: &'a Ticket) -> &'a Ticket {
        let lag = self.behaviour.lists_lag;
        let mut earlier = self.earlier.get(&ticket.id).into_iter().flatten();
        earlier.find(|(until, _)| !is_in_lists(*until, lag)).map_or(ticket, |(_, before)| before)
    }

    pub(crate) fn group_with_key(&self, key: &str) -> Option<usize> {
        self.groups
            .iter()
            // The Default team may have an empty key, and is not to be named by that either.
            .position(|group| !group.is_default() && group.key.as_deref() == Some(key))
    }

    pub(crate) fn is_chat_user(&self, sendbird_id: &str) -> bool {
        self.behaviour.any_chat_user || self.chat_users.contains(sendbird_id)
    }

    pub(crate) fn customer_of(&self, sendbird_id: &str) -> Option<&Customer> {
        self.customers.values().find(|customer| customer.sendbird_id == sendbird_id)
    }

    /// The id of this Chat user's customer, who is made if there is none.
    pub(crate) fn customer(&mut self, sendbird_id: &str) -> u64 {
        if let Some(customer) = self.customer_of(sendbird_id) {
            return customer.id;
        }
        let id = self.customers.last_key_value().map_or(FIRST_CUSTOMER, |(id, _)| id + 1);
        // Chat must know the user as well, where not every id is taken for one.
        self.chat_users.insert(sendbird_id.to_owned());
        self.customers.insert(id, Customer::new(id, sendbird_id.to_owned()));
        id
    }

    /// A ticket as the API shows it.
    pub(crate) fn show(&self, ticket: &Ticket) -> Value {
        let customer = self.customers.get(&ticket.customer).map_or(Value::Null, Customer::json);
        let group = ticket.group.and_then(|place| Some(self.groups.get(place)?.json(place)));
        ticket.json(customer, group.unwrap_or_default(), &self.related(ticket))
    }

    fn related(&self, ticket: &Ticket) -> Value {
        let channels = ticket.related.iter().map(|url| {
            // Of all channels only those of tickets have a title here.
            let named = self.tickets.values().find(|other| other.channel_url == *url);
            json!({"channel_url": url, "name": named.map_or("", |other| &other.title)})
        });
        channels.collect()
    }
}

/// Whether a change that was made then is in lists by now.
fn is_in_lists(made: Instant, lag: Duration) -> bool {
    made.checked_add(lag).is_some_and(|due| due <= Instant::now())
}
