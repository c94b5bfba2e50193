//! The customer calls: list, view, create, field values. A customer is a Chat user whom Desk knows;
//! whether a Chat user exists is the state's to say. A customer is never removed.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    answers::{Answer, Refusal, page},
    asked::Asked,
    behaviour::ExistingCustomer,
    calls::Route,
    clock,
    fields::Values,
    state::State,
    ticket::PROJECT,
};

type Outcome = Result<Answer, Refusal>;

#[derive(Debug, Clone)]
pub(crate) struct Customer {
    pub(crate) id: u64,
    pub(crate) sendbird_id: String,
    pub(crate) created_at: String,
    pub(crate) fields: Values,
}

impl Customer {
    pub(crate) fn new(id: u64, sendbird_id: String) -> Self {
        let created_at = clock::now();
        Self { id, sendbird_id, created_at, fields: Values::default() }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.id, "sendbirdId": self.sendbird_id, "channelType": "SENDBIRD", "project": PROJECT,
            "createdAt": self.created_at, "displayName": self.sendbird_id, "photoThumbnailUrl": "",
            "customFields": self.fields.json(self.id),
        })
    }
}

pub(crate) fn list(state: &State, asked: &Asked) -> Outcome {
    let parameters = asked.parameters(&["limit", "offset", "sendbird_id"], &state.behaviour);
    let wanted = parameters.get("sendbird_id");
    let found = state
        .customers
        .values()
        .filter(|customer| wanted.is_none_or(|wanted| customer.sendbird_id == *wanted));
    Ok(page(state, asked, &parameters, found.map(Customer::json).collect()))
}

pub(crate) fn view(state: &State, route: &Route) -> Outcome {
    let customer =
        route.id().and_then(|id| state.customers.get(&id)).ok_or_else(Refusal::not_found)?;
    Ok(Answer::ok(&customer.json()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewCustomer {
    sendbird_id: String,
}

pub(crate) fn create(state: &mut State, asked: &Asked) -> Outcome {
    let new: NewCustomer = asked.json()?;
    if let Some(customer) = state.customer_of(&new.sendbird_id) {
        return match state.behaviour.existing_customer {
            ExistingCustomer::Return => Ok(Answer::ok(&customer.json())),
            ExistingCustomer::Refuse => {
                Err(Refusal::invalid("sendbirdId: the customer exists already."))
            }
        };
    }
    if new.sendbird_id.is_empty() || !state.is_chat_user(&new.sendbird_id) {
        return Err(Refusal::invalid(format!(
            "sendbirdId: there is no user {:?}.",
            new.sendbird_id
        )));
    }
    let id = state.customer(&new.sendbird_id);
    Ok(Answer::json(state.behaviour.create_status, &state.customers[&id].json()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FieldChanges {
    custom_fields: Value,
}

pub(crate) fn patch_fields(state: &mut State, route: &Route, asked: &Asked) -> Outcome {
    let id =
        route.id().filter(|id| state.customers.contains_key(id)).ok_or_else(Refusal::not_found)?;
    let changes: FieldChanges = asked.json()?;
    let merged =
        state.customer_rules().merged(&state.customers[&id].fields, &changes.custom_fields)?;
    let customer = state.customers.get_mut(&id).ok_or_else(Refusal::not_found)?;
    customer.fields = merged;
    Ok(Answer::ok(&customer.json()))
}
