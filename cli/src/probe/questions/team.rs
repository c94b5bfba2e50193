//! Transfers to a team. The test ticket has no message yet, so no agent sees it; a pending one is
//! asked about in `message`, and an active one not at all: that takes an agent.

use desk_emulator::{DefaultTeam, Transfer, UnknownGroup};
use serde_json::{Value, json};

use crate::probe::asking::Asking;
use crate::probe::caller::Answer;
use crate::probe::pages::Page;
use crate::probe::questions::before::NO_TEAM;
use crate::probe::stop::Stop;

const UNCLEAR: &str = "the answer does not say what was moved";

/// The key of a team, if there is one that has one.
pub(crate) async fn a_team(asking: &Asking<'_>) -> Result<Option<String>, Stop> {
    asking.begins("the teams");
    let name = "list the teams";
    let answer = match asking.caller.get(name, "/groups?limit=500").await {
        // Without a team one question less is asked.
        Err(Stop::Failed(_, 400..)) => return Ok(None),
        answer => answer?,
    };
    if !answer.is_done() {
        return Ok(None);
    }
    let page = Page::read(&answer).ok_or(Stop::Nonsense(name))?;
    let key = |team: &Value| team.get("key").and_then(Value::as_str).map(str::to_owned);

    Ok(page.results.iter().filter_map(key).find(|key| !key.is_empty()))
}

pub(crate) async fn ask(asking: &mut Asking<'_>, id: u64, team: Option<&str>) -> Result<(), Stop> {
    asking.begins("transfers to a team");
    let asked = to_unknown_team(asking, id).await;
    asking.tolerated(&["transfer_unknown"], asked)?;
    let asked = to_default_team(asking, id).await;
    asking.tolerated(&["transfer_default"], asked)?;
    let asked = to_team(asking, id, team).await;
    asking.tolerated(&["transfer"], asked)
}

async fn to_unknown_team(asking: &mut Asking<'_>, id: u64) -> Result<(), Stop> {
    let name = "transfer to an unknown team";
    let unknown = transfer(asking, name, id, NO_TEAM).await?;
    match (unknown.is_done(), has_moved(&unknown, id)) {
        (false, _) => asking.found.settings.transfer_unknown = Some(UnknownGroup::Refuse),
        (true, Some(false)) => asking.found.settings.transfer_unknown = Some(UnknownGroup::Ignore),
        (true, Some(true)) => {
            asking.unanswered("transfer_unknown", "Desk says that it moved the ticket");
        }
        (true, None) => asking.unanswered("transfer_unknown", UNCLEAR),
    }
    Ok(())
}

async fn to_default_team(asking: &mut Asking<'_>, id: u64) -> Result<(), Stop> {
    let default = transfer(asking, "transfer to the Default team", id, "").await?;
    match (default.is_done(), has_moved(&default, id)) {
        (false, _) => asking.found.settings.transfer_default = Some(DefaultTeam::Refuse),
        (true, Some(_)) => asking.found.settings.transfer_default = Some(DefaultTeam::Accept),
        (true, None) => asking.unanswered("transfer_default", UNCLEAR),
    }
    Ok(())
}

async fn to_team(asking: &mut Asking<'_>, id: u64, team: Option<&str>) -> Result<(), Stop> {
    let Some(team) = team else {
        asking.unanswered("transfer", "Desk shows no team that has a key");
        return Ok(());
    };
    let moved = transfer(asking, "transfer to a team", id, team).await?;
    match (moved.is_done(), has_moved(&moved, id)) {
        (true, Some(true)) => asking.found.settings.transfer = Some(Transfer::AllOpen),
        (true, None) => asking.unanswered("transfer", UNCLEAR),
        (false, _) | (true, Some(false)) => {
            asking.found.settings.transfer = Some(Transfer::PendingOnly);
        }
    }
    Ok(())
}

pub(crate) async fn transfer(
    asking: &Asking<'_>,
    name: &'static str,
    id: u64,
    team: &str,
) -> Result<Answer, Stop> {
    let body = json!({"tickets": [id], "status": "PENDING", "groupKey": team});
    asking.caller.post(name, "/tickets/transfer_to_group", body).await
}

/// A list holds the ids of what was moved; anything else that is not empty stands for a yes
/// (desk-wire section 3.6). `None`: the answer says nothing of it.
pub(crate) fn has_moved(answer: &Answer, id: u64) -> Option<bool> {
    let is_it = |ticket: &Value| {
        ticket.as_u64() == Some(id) || ticket.get("id").and_then(Value::as_u64) == Some(id)
    };
    match answer.body.get("transferredTickets")? {
        Value::Array(moved) => Some(moved.iter().any(is_it)),
        Value::Null | Value::Bool(false) => Some(false),
        _ => Some(true),
    }
}
