//! The questions, in the order in which they cost least: each leaves the ticket so that the next
//! can be asked. One file for each part of Desk that is asked about.

mod before;
mod closed;
mod fields;
pub(crate) mod lag;
mod lists;
mod message;
mod spelling;
mod team;
mod writes;

use desk_emulator::RateHeaders;
use serde_json::Value;

pub(crate) use self::lists::ASKED;

use crate::probe::asking::Asking;
use crate::probe::stop::Stop;

/// Asks everything, and closes the test ticket.
pub(crate) async fn ask_all(asking: &mut Asking<'_>) -> Result<(), Stop> {
    let customer = before::customer(asking).await?;
    before::leftovers(asking).await?;
    let asked = before::existing_customer(asking, customer).await;
    asking.tolerated(&["existing_customer"], asked)?;
    let team = team::a_team(asking).await?;

    let id = before::create(asking, customer).await?;
    // At once: the lag is counted from the create.
    let ticket = lag::ask(asking, id).await?;
    lists::ask(asking, &ticket).await?;
    // Before the fields, which need to know whether the answers to writes can be believed.
    writes::ask(asking, id, &ticket).await?;
    team::ask(asking, id, team.as_deref()).await?;
    fields::ask(asking, id, &ticket).await?;
    // Late: agents see the ticket from then on.
    let channel = ticket.get("channelUrl").and_then(Value::as_str).unwrap_or_default();
    message::ask(asking, id, channel, team.as_deref()).await?;
    // Last: of a closed ticket nothing else can be asked.
    closed::ask(asking, id).await?;

    let headers = asking.caller.has_rate_headers();
    asking.found.settings.rate_headers =
        Some(if headers { RateHeaders::Present } else { RateHeaders::Absent });
    asking.found.refusals = asking.caller.refusals();
    Ok(())
}
