//! The customer calls: list, view, create, field values. A customer is a Chat user whom Desk knows;
//! whether a Chat user exists is the state's to say. A customer is never removed.

use serde::Deserialize;
use serde_json::Value;

use crate::call::Route;
use crate::choices::ExistingCustomer;
use crate::handlers::page::page;
use crate::http::reply::Reply;
use crate::http::request::ApiRequest;
use crate::model::customer::Customer;
use crate::model::state::State;
use crate::refusal::Refusal;

type Outcome = Result<Reply, Refusal>;

pub(crate) fn list(state: &State, request: &ApiRequest) -> Outcome {
    let parameters = request.parameters(&["limit", "offset", "sendbird_id"], &state.behaviour);
    let wanted = parameters.get("sendbird_id");
    let found = state
        .customers
        .values()
        .filter(|customer| wanted.is_none_or(|wanted| customer.sendbird_id == *wanted));
    Ok(page(state, request, &parameters, found.map(Customer::json).collect()))
}

pub(crate) fn view(state: &State, route: &Route) -> Outcome {
    let customer =
        route.id().and_then(|id| state.customers.get(&id)).ok_or_else(Refusal::not_found)?;
    Ok(Reply::ok(&customer.json()))
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FieldChanges {
    custom_fields: Value,
}

pub(crate) fn patch_fields(state: &mut State, route: &Route, request: &ApiRequest) -> Outcome {
    let id =
        route.id().filter(|id| state.customers.contains_key(id)).ok_or_else(Refusal::not_found)?;
    let changes: FieldChanges = request.json()?;
    let merged =
        state.customer_rules().merged(&state.customers[&id].fields, &changes.custom_fields)?;
    let customer = state.customers.get_mut(&id).ok_or_else(Refusal::not_found)?;
    customer.fields = merged;
    Ok(Reply::ok(&customer.json()))
}
