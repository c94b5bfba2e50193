//! The customer calls: list and create. A customer is a Chat user whom Desk knows; whether a Chat
//! user exists is the state's to say. A customer is never removed.

use serde::Deserialize;

use crate::choices::ExistingCustomer;
use crate::handlers::page::page;
use crate::http::reply::{Outcome, Reply};
use crate::http::request::ApiRequest;
use crate::model::customer::Customer;
use crate::model::state::State;
use crate::refusal::Refusal;

pub(crate) fn list(state: &State, request: &ApiRequest) -> Outcome {
    let parameters = request.parameters(&["limit", "offset", "sendbird_id"], &state.behaviour);
    let wanted = parameters.get("sendbird_id");
    let found = state
        .customers
        .values()
        .filter(|customer| wanted.is_none_or(|wanted| customer.sendbird_id == *wanted));
    Ok(page(state, request, &parameters, found.map(Customer::json).collect()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewCustomer {
    sendbird_id: String,
}

pub(crate) fn create(state: &mut State, request: &ApiRequest) -> Outcome {
    let new: NewCustomer = request.json()?;
    if let Some(customer) = state.customer_of(&new.sendbird_id) {
        // Nobody knows what a live Desk does here, so that both can be played.
        return match state.behaviour.existing_customer {
            ExistingCustomer::Return => Ok(Reply::ok(&customer.json())),
            ExistingCustomer::Refuse => {
                Err(Refusal::invalid("sendbirdId: the customer exists already."))
            }
        };
    }
    // Desk makes no Chat user: a customer must be one already (desk-wire section 5).
    if new.sendbird_id.is_empty() || !state.is_chat_user(&new.sendbird_id) {
        return Err(Refusal::invalid(format!(
            "sendbirdId: there is no user {:?}.",
            new.sendbird_id
        )));
    }

    let id = state.customer(&new.sendbird_id);
    Ok(Reply::json(state.behaviour.create_status, &state.customers[&id].json()))
}
