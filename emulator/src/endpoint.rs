//! Routes a call to its handler.

use crate::call::{Call, Route};
use crate::handlers::{chat, customers, groups, tickets, webhook_setting};
use crate::http::reply::Outcome;
use crate::http::request::ApiRequest;
use crate::model::state::State;
use crate::refusal::Refusal;

/// Whether the request carries the token of the API that it calls.
pub(crate) fn is_authorised(state: &State, call: Call, request: &ApiRequest) -> bool {
    let (header, token) = if call.is_chat() {
        ("api-token", &state.chat_token)
    } else {
        ("sendbirddeskapitoken", &state.desk_token)
    };
    request.header(header) == Some(token)
}

/// Does what the call asks for.
///
/// # Errors
///
/// Why it is not done; nothing has changed then.
pub(crate) fn dispatch(state: &mut State, route: &Route, request: &ApiRequest) -> Outcome {
    match route.call {
        // No path leads to it: it is there to aim faults.
        Call::Any => Err(Refusal::not_found()),
        Call::ListTickets => tickets::list(state, request),
        Call::ViewTicket => tickets::view(state, route),
        Call::CreateTicket => tickets::create(state, request),
        Call::UpdateTicket => tickets::update(state, route, request),
        Call::PatchFields => tickets::patch_fields(state, route, request),
        Call::CloseTicket => tickets::close(state, route, request),
        Call::TransferToGroup => tickets::transfer_to_group(state, request),
        Call::ListCustomers => customers::list(state, request),
        Call::CreateCustomer => customers::create(state, request),
        Call::ListGroups => groups::list(state, request),
        Call::PostMessage => chat::post(state, route, request),
        Call::ViewWebhookSetting => webhook_setting::view(state, request),
        Call::SetWebhookSetting => webhook_setting::set(state, request),
    }
}
