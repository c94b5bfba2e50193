//! The webhook setting of an AI agent: view and set (desk-wire section 9). A setting that nobody made
//! is shown as one that is off, with the secret that it will have.

use serde::Deserialize;

use crate::http::reply::{Outcome, Reply};
use crate::http::request::ApiRequest;
use crate::model::state::State;
use crate::model::webhook_setting::WebhookSetting;
use crate::refusal::Refusal;

pub(crate) fn view(state: &State, request: &ApiRequest) -> Outcome {
    let parameters = request.parameters(&["ai_agent_id"], &state.behaviour);
    let agent = parameters.get("ai_agent_id").map(String::as_str).unwrap_or_default();
    Ok(Reply::ok(&setting(state, agent).json(agent)))
}

#[derive(Deserialize)]
struct NewSetting {
    #[serde(default)]
    ai_agent_id: String,
    enabled: bool,
    url: String,
    category_subscriptions: Vec<String>,
}

pub(crate) fn set(state: &mut State, request: &ApiRequest) -> Outcome {
    let new: NewSetting = request.json()?;
    if !new.url.starts_with("http://") && !new.url.starts_with("https://") {
        return Err(Refusal::new(400, 400_111, "\"url\" must be http or https."));
    }
    // The star stands alone or not at all: so the endpoint is documented.
    let all = new.category_subscriptions.iter().any(|category| category == "*");
    if new.category_subscriptions.is_empty() || (all && new.category_subscriptions.len() > 1) {
        return Err(Refusal::new(400, 400_111, "\"category_subscriptions\": [\"*\"] or a list."));
    }

    let mut set = setting(state, &new.ai_agent_id);
    // Sendbird makes the secret with the setting, so that only one that a test left out is missing.
    if set.signature_secret.is_empty() {
        set.signature_secret = WebhookSetting::blank(&new.ai_agent_id).signature_secret;
    }
    (set.enabled, set.url, set.categories) = (new.enabled, new.url, new.category_subscriptions);
    let shown = set.json(&new.ai_agent_id);
    state.webhook_settings.insert(new.ai_agent_id, set);
    Ok(Reply::ok(&shown))
}

fn setting(state: &State, ai_agent_id: &str) -> WebhookSetting {
    let known = state.webhook_settings.get(ai_agent_id).cloned();
    known.unwrap_or_else(|| WebhookSetting::blank(ai_agent_id))
}
