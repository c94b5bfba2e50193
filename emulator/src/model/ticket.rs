//! One ticket, what may befall it, and how the API shows it. It takes statuses and priorities as
//! they are given, for a seeded ticket may have one that no client knows yet. It never asks whether
//! a change is allowed.

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::choices::FirstMessage;
use crate::model::fields::Values;
use crate::model::{PROJECT, clock};

pub(crate) const INITIALIZED: &str = "INITIALIZED";
pub(crate) const PROACTIVE: &str = "PROACTIVE";
pub(crate) const PENDING: &str = "PENDING";
pub(crate) const ACTIVE: &str = "ACTIVE";
pub(crate) const CLOSED: &str = "CLOSED";

/// Every value of `status2` that is documented.
pub(crate) const STATUSES: [&str; 7] =
    [INITIALIZED, PROACTIVE, PENDING, ACTIVE, CLOSED, "WORK_IN_PROGRESS", "IDLE"];

pub(crate) const PRIORITIES: [&str; 4] = ["LOW", "MEDIUM", "HIGH", "URGENT"];

/// The one human agent, who takes every ticket that is assigned.
const AGENT: u64 = 31;

#[derive(Debug, Clone, Default)]
pub(crate) struct Ticket {
    pub(crate) id: u64,
    pub(crate) title: String,
    pub(crate) channel_url: String,
    pub(crate) customer: u64,
    pub(crate) status: String,
    pub(crate) priority: String,
    /// The place of its team among the teams.
    pub(crate) group: Option<usize>,
    pub(crate) related: Vec<String>,
    pub(crate) fields: Values,
    pub(crate) created_at: String,
    pub(crate) issued_at: Option<String>,
    pub(crate) closed_at: Option<String>,
    pub(crate) close_comment: String,
    pub(crate) close_message: String,
    pub(crate) message_count: u64,
    pub(crate) last_message: String,
    pub(crate) assignment: Value,
    pub(crate) visible: Visible,
    /// From when on it is in lists, which may be never.
    pub(crate) listed: Option<Instant>,
}

/// From when on a ticket is in lists and views: after both, so many lookups and this moment, which
/// may be never.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Visible {
    pub(crate) lookups: u64,
    pub(crate) at: Option<Instant>,
}

impl Ticket {
    pub(crate) fn new(id: u64, customer: u64, title: String) -> Self {
        Self {
            id,
            customer,
            title,
            channel_url: format!(
                "sendbird_group_channel_{id}_{:08x}",
                id.wrapping_mul(2_654_435_761) & 0xffff_ffff
            ),
            status: INITIALIZED.to_owned(),
            priority: "MEDIUM".to_owned(),
            created_at: clock::now(),
            ..Self::default()
        }
    }

    pub(crate) fn is_listed(&self, lookups: u64) -> bool {
        self.is_visible(lookups) && self.listed.is_some_and(|from| from <= Instant::now())
    }

    pub(crate) fn is_visible(&self, lookups: u64) -> bool {
        self.visible.lookups <= lookups && self.visible.at.is_some_and(|at| at <= Instant::now())
    }

    /// The customer writes; the first time, the ticket is put before the agents.
    pub(crate) fn customer_writes(&mut self, text: &str, first: FirstMessage) {
        self.message_count += 1;
        text.clone_into(&mut self.last_message);
        self.issued_at.get_or_insert_with(clock::now);
        if self.status == INITIALIZED || self.status == PROACTIVE {
            match first {
                FirstMessage::Pending => PENDING.clone_into(&mut self.status),
                FirstMessage::Active => self.assign(),
                FirstMessage::Nothing => {}
            }
        }
    }

    pub(crate) fn assign(&mut self) {
        ACTIVE.clone_into(&mut self.status);
        // A live Desk sends both spellings of "responded".
        self.assignment = json!({
            "id": self.id * 10, "assignedTicket": self.id, "agent": agent(), "assignedAt": clock::now(),
            "responsedAt": null, "respondedAt": null, "endedAt": null, "status": "NOT_RESPONSED",
            "unreadCount": 0, "responseTime": null,
        });
    }

    pub(crate) fn close(&mut self, comment: String, message: String) {
        CLOSED.clone_into(&mut self.status);
        self.closed_at = Some(clock::now());
        (self.close_comment, self.close_message) = (comment, message);
        if let Some(ended) = self.assignment.get_mut("endedAt") {
            *ended = clock::now().into();
        }
    }

    /// A human agent opens it again.
    pub(crate) fn reopen(&mut self) {
        PENDING.clone_into(&mut self.status);
        self.closed_at = None;
    }

    pub(crate) fn is_assigned_to(&self, agent: &str) -> bool {
        self.assignment.pointer("/agent/id").is_some_and(|id| id.as_u64() == agent.parse().ok())
    }

    /// As the API shows it, with its customer, its team and the names of its related channels.
    pub(crate) fn json(&self, customer: Value, group: Value, related: &Value) -> Value {
        json!({
            "id": self.id, "project": PROJECT,
            "channelName": self.title, "channelUrl": self.channel_url,
            "createdAt": self.created_at, "issuedAt": self.issued_at, "closedAt": self.closed_at,
            "durationTime": null, "pendingTime": null, "conversationTime": null,
            "customer": customer, "group": group,
            "status": self.old_status(), "status2": self.status,
            // The only value for a closed ticket that was seen of a live Desk.
            "closeStatus": if self.status == CLOSED { "CLOSED_BY_ADMIN" } else { "NOT_CLOSED" },
            "closeComment": self.close_comment, "closeMessage": self.close_message,
            "recentAssignment": self.assignment, "info": "{}", "priority": self.priority,
            "messageCount": self.message_count, "lastMessage": self.last_message,
            "lastMessageSender": if self.message_count > 0 { Some("CUSTOMER") } else { None },
            "customFields": self.fields.json(self.id), "relatedChannels": related.to_string(),
            "customerSatisfactionScore": null,
        })
    }

    /// The older status, which knows fewer states.
    fn old_status(&self) -> &str {
        match self.status.as_str() {
            PENDING => "UNASSIGNED",
            ACTIVE | "WORK_IN_PROGRESS" | "IDLE" => "ASSIGNED",
            same => same,
        }
    }
}

fn agent() -> Value {
    json!({
        "id": AGENT, "displayName": "Agent", "project": PROJECT, "user": AGENT, "sendbirdId": "agent_31",
        "role": "AGENT", "createdAt": "2025-01-01T00:00:00.000000Z", "status": "ACTIVE", "connection": "ONLINE",
        "email": "agent@example.com", "photoThumbnailUrl": "", "tier": "INTERMEDIATE",
        "connectionUpdatedAt": "2025-01-01T00:00:00.000000Z",
    })
}
