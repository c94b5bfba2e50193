//! The list of the teams, which Desk calls groups. They are made at the start and never change, as
//! only the dashboard can change them. The Default team has no key, and so no call can name it.

use crate::handlers::page::page;
use crate::http::reply::Outcome;
use crate::http::request::ApiRequest;
use crate::model::state::State;

pub(crate) fn list(state: &State, request: &ApiRequest) -> Outcome {
    let parameters = request.parameters(&["limit", "offset"], &state.behaviour);
    let all = state.groups.iter().enumerate().map(|(place, group)| group.json(place)).collect();
    Ok(page(state, request, &parameters, all))
}
