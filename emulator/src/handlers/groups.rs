//! The teams, which Desk calls groups: list and view. They are made at the start and never change,
//! as only the dashboard can change them. The Default team has no key, and so no call can name it.

use serde_json::json;

use crate::call::Route;
use crate::handlers::page::page;
use crate::http::reply::Reply;
use crate::http::request::ApiRequest;
use crate::model::state::State;
use crate::refusal::Refusal;

type Outcome = Result<Reply, Refusal>;

pub(crate) fn list(state: &State, request: &ApiRequest) -> Outcome {
    let parameters = request.parameters(&["limit", "offset"], &state.behaviour);
    let all = state.groups.iter().enumerate().map(|(place, group)| group.json(place)).collect();
    Ok(page(state, request, &parameters, all))
}

pub(crate) fn view(state: &State, route: &Route) -> Outcome {
    // Ids count from 1: 0 is no team, and not the first one.
    let place = route.id().and_then(|id| usize::try_from(id).ok()?.checked_sub(1));
    let shown = place.and_then(|place| Some(state.groups.get(place)?.json(place)));
    let mut shown = shown.ok_or_else(Refusal::not_found)?;
    // The view of a team has members and the list has none; the one agent here is in no team.
    shown["members"] = json!([]);
    Ok(Reply::ok(&shown))
}
