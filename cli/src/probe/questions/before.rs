//! Who the customer is, what former runs left, and the create of the test ticket: each answer of
//! Desk on the way is a question answered.

use desk_emulator::{ExistingCustomer, UnknownGroup};
use serde_json::{Value, json};

use crate::output::words::counted;
use crate::probe::asking::Asking;
use crate::probe::pages::{encoded, first_and_last};
use crate::probe::stop::Stop;
use crate::probe::ticket::id;

/// A team that nobody made.
pub(crate) const NO_TEAM: &str = "desk-handoff-probe";

/// Desk's number of the user. A Desk that ignores the filter shows everybody, in pages.
pub(crate) async fn customer(asking: &Asking<'_>) -> Result<u64, Stop> {
    asking.begins("the customer");
    let path = format!("/customers?sendbird_id={}", encoded(asking.user));
    let is_user =
        |customer: &Value| customer.get("sendbirdId").and_then(Value::as_str) == Some(asking.user);
    let found = first_and_last(asking.caller, "find the customer", &path, is_user).await?;

    found.things.iter().find(|customer| is_user(customer)).and_then(id).ok_or(Stop::NoCustomer)
}

pub(crate) async fn leftovers(asking: &Asking<'_>) -> Result<(), Stop> {
    let closed = asking.ticket.close_leftovers().await?;
    if closed > 0 {
        let tickets = counted(closed, "test ticket", "test tickets");
        (asking.progress)(&format!("closed {tickets} of a run that was cut"));
    }
    Ok(())
}

/// The create of a customer who is there can leave nothing new.
pub(crate) async fn existing_customer(asking: &mut Asking<'_>, customer: u64) -> Result<(), Stop> {
    asking.begins("the create of a customer who exists");
    let body = json!({"sendbirdId": asking.user});
    let answer = asking.caller.post("create an existing customer", "/customers", body).await?;

    let seen = match id(&answer.body) {
        _ if !answer.is_done() => Ok(ExistingCustomer::Refuse),
        Some(same) if same == customer => Ok(ExistingCustomer::Return),
        Some(_) => Err("another number came back"),
        None => Err("the answer shows no customer"),
    };
    asking.found.settings.existing_customer = asking.noted("existing_customer", seen);
    Ok(())
}

/// The first try names a team that nobody made: refused, it costs one call more; taken, it is the
/// test ticket.
pub(crate) async fn create(asking: &mut Asking<'_>, customer: u64) -> Result<u64, Stop> {
    asking.begins("the create, with a team that nobody made");
    let name = "create with an unknown team";
    let first = asking.ticket.create(name, customer, Some(NO_TEAM)).await?;
    let (made, seen) = match first {
        Some(made) => (made, UnknownGroup::Ignore),
        None => {
            // A refusal made no ticket, so there cannot be two.
            let name = "create the test ticket";
            let second = asking.ticket.create(name, customer, None).await?;
            (second.ok_or(Stop::Refused(name, 400))?, UnknownGroup::Refuse)
        }
    };

    asking.found.settings.unknown_group = Some(seen);
    asking.found.settings.create_status = Some(made.status);
    id(&made.body).ok_or(Stop::Nonsense(name))
}
