//! The reply about another ticket than the one asked for.

use serde_json::{Value, json};

use crate::call::Call;
use crate::http::reply::Reply;
use crate::model::customer::Customer;
use crate::model::state::{FIRST_CUSTOMER, State};

/// The answer to this call with another ticket in the place of those asked for.
pub(crate) fn with_wrong_ticket(state: &State, call: Call, right: Reply) -> Reply {
    match call {
        Call::ListTickets => {
            let wrong = other_than(state, &right);
            Reply::ok(&json!({"count": 1, "next": null, "previous": null, "results": [wrong]}))
        }
        Call::ViewTicket
        | Call::CreateTicket
        | Call::UpdateTicket
        | Call::PatchFields
        | Call::CloseTicket => Reply::ok(&other_than(state, &right)),
        _ => right,
    }
}

/// A ticket that is not in this answer: one of the state's, or an invented one.
fn other_than(state: &State, right: &Reply) -> Value {
    let right: Value = serde_json::from_str(&right.body).unwrap_or_default();
    let one = right.get("id").and_then(Value::as_u64);
    let many = right.get("results").and_then(Value::as_array).into_iter().flatten();
    let asked: Vec<u64> = many.filter_map(|ticket| ticket["id"].as_u64()).chain(one).collect();

    // A ticket that is there misleads most: a client that trusts it writes to another customer.
    match state.tickets.values().find(|ticket| !asked.contains(&ticket.id)) {
        Some(ticket) => state.show(ticket),
        None => {
            // Below the first id, so that nobody whom the state knows is meant.
            let stranger = Customer::new(FIRST_CUSTOMER - 1, "somebody-else".to_owned());
            let ticket = state.blank_ticket(stranger.id, "Somebody else's ticket".to_owned());
            ticket.json(stranger.json(), Value::Null, &json!([]))
        }
    }
}
