//! The one call of Chat that matters to Desk: a message in a ticket's channel, written as its
//! customer. It takes the channels of tickets for all the channels there are and their customers
//! for the only members. It keeps what was posted, and never sends a message of its own.

use serde::Deserialize;
use serde_json::json;

use crate::call::Route;
use crate::http::reply::{Outcome, Reply};
use crate::http::request::ApiRequest;
use crate::model::message::Message;
use crate::model::state::State;
use crate::refusal::Refusal;

#[derive(Deserialize)]
struct NewMessage {
    message_type: String,
    user_id: String,
    message: String,
}

pub(crate) fn post(state: &mut State, route: &Route, request: &ApiRequest) -> Outcome {
    let new: NewMessage = request.json()?;
    // Chat takes files and admin messages, too; an opening message is neither, so that another type
    // is a client's mistake.
    if new.message_type != "MESG" {
        return Err(Refusal::new(400, 400_111, "\"message_type\" must be \"MESG\"."));
    }

    let channel_url = &route.subject;
    let Some(ticket) = state.tickets.values().find(|ticket| ticket.channel_url == *channel_url)
    else {
        // A channel that is not there is 400 with a code of its own at Chat, and not 404.
        return Err(Refusal::new(400, 400_201, "\"Channel\" not found."));
    };
    let customer = state.customers.get(&ticket.customer);

    // Only members may post: a client that writes in another name than the customer's is found.
    if customer.is_none_or(|customer| customer.sendbird_id != new.user_id) {
        return Err(Refusal::new(400, 400_108, "The user is not a member of the channel."));
    }
    let (id, first) = (ticket.id, state.behaviour.first_message);
    let ticket = state.ticket_mut(id);
    ticket.customer_writes(&new.message, first);
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

    Ok(Reply::ok(&shown))
}
