//! The one call of Chat that matters to Desk: a message in a ticket's channel, written as its
//! customer. It takes the channels of tickets for all the channels there are and their customers
//! for the only members. It keeps what was posted, and never sends a message of its own.

use serde::Deserialize;
use serde_json::json;

use crate::{
    answers::{Answer, Refusal},
    asked::Asked,
    calls::Route,
    state::State,
};

/// A message that was posted through Chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The ticket in whose channel it is.
    pub ticket: u64,
    /// The channel.
    pub channel_url: String,
    /// The Chat user who wrote it.
    pub user_id: String,
    /// Its text.
    pub message: String,
}

#[derive(Deserialize)]
struct NewMessage {
    message_type: String,
    user_id: String,
    message: String,
}

pub(crate) fn post(state: &mut State, route: &Route, asked: &Asked) -> Result<Answer, Refusal> {
    let new: NewMessage = asked.json()?;
    if new.message_type != "MESG" {
        return Err(Refusal::new(400, 400_111, "\"message_type\" must be \"MESG\"."));
    }
    let channel_url = &route.subject;
    let Some(ticket) = state.tickets.values_mut().find(|ticket| ticket.channel_url == *channel_url)
    else {
        return Err(Refusal::new(400, 400_201, "\"Channel\" not found."));
    };
    let customer = state.customers.get(&ticket.customer);
    if customer.is_none_or(|customer| customer.sendbird_id != new.user_id) {
        return Err(Refusal::new(400, 400_108, "The user is not a member of the channel."));
    }
    ticket.customer_writes(&new.message);
    let shown = json!({
        "message_id": ticket.id * 1000 + ticket.message_count, "type": "MESG", "channel_url": channel_url,
        "channel_type": "group", "user": {"user_id": new.user_id}, "message": new.message,
    });
    let (ticket, channel_url) = (ticket.id, channel_url.clone());
    state.messages.push(Message {
        ticket,
        channel_url,
        user_id: new.user_id,
        message: new.message,
    });
    Ok(Answer::ok(&shown))
}
