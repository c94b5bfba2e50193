//! The teams, which Desk calls groups: list and view. They are made at the start and never change,
//! as only the dashboard can change them. The Default team has no key, and so no call can name it.

use serde_json::{Value, json};

use crate::{
    answers::{Answer, Refusal, page},
    asked::Asked,
    calls::Route,
    state::State,
    ticket::PROJECT,
};

type Outcome = Result<Answer, Refusal>;

/// A team of human agents. Its id is its place among the teams, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name, for people.
    pub name: String,
    /// Its key; the first team without one, or with an empty one, is the Default team.
    pub key: Option<String>,
}

impl Group {
    /// A team that can be named by its key.
    pub fn new(name: impl Into<String>, key: impl Into<String>) -> Self {
        Self { name: name.into(), key: Some(key.into()) }
    }

    /// The team that gets what no other gets.
    pub fn default_team() -> Self {
        Self { name: "Default team".to_owned(), key: None }
    }

    pub(crate) fn is_default(&self) -> bool {
        self.key.as_deref().unwrap_or_default().is_empty()
    }

    pub(crate) fn json(&self, place: usize) -> Value {
        json!({
            "id": place + 1, "name": self.name, "key": self.key, "project": PROJECT, "createdBy": null,
            "createdAt": "2025-01-01T00:00:00.000000Z", "description": "",
        })
    }
}

pub(crate) fn list(state: &State, asked: &Asked) -> Outcome {
    let parameters = asked.parameters(&["limit", "offset"], &state.behaviour);
    let all = state.groups.iter().enumerate().map(|(place, group)| group.json(place)).collect();
    Ok(page(state, asked, &parameters, all))
}

pub(crate) fn view(state: &State, route: &Route) -> Outcome {
    let place = route.id().and_then(|id| usize::try_from(id).ok()?.checked_sub(1));
    let shown = place.and_then(|place| Some(state.groups.get(place)?.json(place)));
    let mut shown = shown.ok_or_else(Refusal::not_found)?;
    shown["members"] = json!([]);
    Ok(Answer::ok(&shown))
}
