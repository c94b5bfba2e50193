//! The run as the simulator's judge sees it: what was sent, and what Desk holds in the end.
//!
//! It looks at the order's id and link, which are unlike those of every other handoff, so that each
//! says where it comes from.

use desk_handoff_judge::history::{By, EPOCH, History, Route, Sent, What};
use desk_handoff_judge::{Broken, judge};
use serde_json::{Map, Value, json};

use crate::checks::field;
use crate::script::Event;
use crate::world::World;

const KEYS: [&str; 2] = ["order-id", "order-link"];

/// The promises that the run broke.
pub(crate) fn broken(world: &World) -> Vec<Broken> {
    let mut events = Vec::new();
    for (number, event) in doable(world).enumerate() {
        events.push(What::Sent(number, Box::new(sent(world, event, number))));
        events.push(What::Enqueued(number));
        events.push(What::Answered(number, 200, json!({"status": "queued"})));
    }
    for (number, ticket) in world.desk.tickets().iter().enumerate() {
        events.extend(history_of(world, ticket, number));
    }
    events.push(What::Quiet);
    let events = events.into_iter().enumerate().map(|(at, what)| (at as u64, what)).collect();

    judge(&History { events, ..History::default() })
}

fn doable(world: &World) -> impl Iterator<Item = &Event> {
    world.script.events[..world.script.ghosts].iter()
}

fn sent(world: &World, event: &Event, number: usize) -> Sent {
    let conversation = &world.script.conversations[event.conversation];
    let context = KEYS
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), event.fields.get(key)?.as_str().into())));
    let nth = conversation.events.iter().position(|place| *place == number).unwrap();
    let received = EPOCH + number as i64;

    Sent {
        route: Route::Webhook,
        is_envelope: true,
        event: Some(event.id.clone()),
        id: Some(event.conversation.to_string()),
        channel: Some(conversation.channel.clone()),
        user: conversation.user.clone(),
        context: context.collect::<Map<String, Value>>(),
        created: Some(EPOCH + 60_000 * nth as i64),
        received,
        received_last: received,
        repeats: None,
        foreseen: None,
        is_probe: false,
        rules: json!({
            "fields": [{"key": "order-id", "type": "text"}, {"key": "order-link", "type": "link"}],
            "ticket": {"opening_message": "Handed over.", "grace_seconds": 0},
        }),
    }
}

/// How a ticket came to be as it is, as far as can be said afterwards.
fn history_of(world: &World, ticket: &Value, number: usize) -> Vec<What> {
    let id = ticket["id"].as_u64().unwrap();
    let order = field(ticket, "order-id");
    let maker = doable(world).position(|event| event.fields.get("order-id") == order);
    let Some(maker) = maker else { return Vec::new() };
    let by = By::Us(number);
    let text = |pointer: &str| ticket.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let created = What::Created {
        ticket: id,
        user: text("/customer/sendbirdId"),
        channel: text("/channelUrl"),
        related: Vec::new(),
        listed: 0,
        by,
    };

    let values = KEYS.iter().filter_map(|key| {
        Some(What::FieldSet(id, (*key).to_owned(), field(ticket, key)?.clone(), by))
    });
    let messages = (0..ticket["messageCount"].as_u64().unwrap()).map(|_| What::Messaged(id, by));
    let closed = (ticket["status2"] == "CLOSED").then_some(What::OpenSet(id, false, by));

    [What::Began(number, maker), created]
        .into_iter()
        .chain(values)
        .chain(messages)
        .chain(closed)
        .collect()
}
