//! The senders: they deliver the script, some at a time, through the webhook, the direct route and
//! an operator's redrive.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use desk_handoff::api;
use desk_handoff::app::Invocation;
use desk_handoff::auth::{Keys, authenticate, sign};
use desk_handoff::config::AppId;
use desk_handoff::handoff::message::Message;
use desk_handoff::handoff::{self, Event as Body};
use desk_handoff::names::header;
use desk_handoff::queue::QueueEntry;
use fastrand::Rng;
use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::faults;
use crate::script::{Delivery, Event, Way};
use crate::world::{APP, SIGNING_SECRET, World};

/// Deliveries under way at once.
const AT_ONCE: usize = 6;
/// How long an invocation of the receiver may take.
const TIME: Duration = Duration::from_secs(4);

/// Delivers everything.
pub(crate) async fn deliver_all(world: &Arc<World>) {
    let mut senders = JoinSet::new();
    for nth in 0..AT_ONCE {
        let world = Arc::clone(world);
        senders.spawn(async move {
            let mut rng = world.chance(nth as u64);
            while let Some(delivery) =
                world.script.deliveries.get(world.begun.fetch_add(1, Ordering::Relaxed))
            {
                deliver(&world, *delivery, &mut rng).await;
            }
        });
    }

    senders.join_all().await;
}

async fn deliver(world: &World, delivery: Delivery, rng: &mut Rng) {
    let (event, way) = match delivery {
        Delivery::Poison(place) => return put_poison(world, place).await,
        Delivery::Event(event, way) => (&world.script.events[event], way),
    };
    let came_of_it = match way {
        Way::Webhook => queue(world, event, rng).await,
        Way::Direct => directly(world, event, rng).await,
        Way::Again => {
            let entry = entry(event);
            world.queues.put(&entry.group, &format!("again-{}", rng.u64(..)), &entry.body).await;
            "put on the queue again".to_owned()
        }
    };

    let channel = &world.script.conversations[event.conversation].channel;
    world.journal.note(channel, format!("{} by {way:?}: {came_of_it}", event.id));
}

async fn put_poison(world: &World, place: usize) {
    let poison = &world.script.poison[place];
    let conversation = &world.script.conversations[poison.conversation];
    let group = entry(&world.script.events[conversation.events[0]]).group;
    world.queues.put(&group, &format!("poison-{place}"), &poison.body).await;
    world.journal.note(&conversation.channel, "poison put on its queue");
}

/// The webhook, which must take it: the sender has two more tries.
async fn queue(world: &World, event: &Event, rng: &mut Rng) -> String {
    for _ in 0..3 {
        let (status, body) = post(world, "/webhooks/handoff", event, rng).await;
        if status == 200 {
            assert_eq!(body["status"], "queued", "{body}");
            return "queued".to_owned();
        }
        assert_eq!(status, 503, "{body}");
    }
    panic!("the queue did not take {} in three tries", event.id);
}

/// The direct route; one invocation in ten dies at a random moment.
async fn directly(world: &World, event: &Event, rng: &mut Rng) -> String {
    faults::change(world, rng);
    let life = if rng.u8(0..10) == 0 { Duration::from_millis(rng.u64(0..300)) } else { 2 * TIME };
    let Ok((status, body)) = tokio::time::timeout(life, post(world, "/handoffs", event, rng)).await
    else {
        return "died".to_owned();
    };
    assert!(
        matches!(status, 200 | 201 | 202 | 409 | 422 | 502 | 503 | 504),
        "{}: {status} {body}",
        event.id
    );

    format!("{status} {} {}", body["status"], body["detail"])
}

/// One signed request to one of the receivers.
pub(crate) async fn post(world: &World, path: &str, event: &Event, rng: &mut Rng) -> (u16, Value) {
    let request = http::Request::builder()
        .method("POST")
        .uri(path)
        .header(header::SENDBIRD_SIGNATURE, sign(event.body.as_bytes(), SIGNING_SECRET))
        .body(event.body.clone().into())
        .unwrap();

    let invocation = Invocation::new("direct", SystemTime::now(), TIME);
    let receiver = &world.receivers[rng.usize(0..world.receivers.len())];
    let (parts, body) = api::handle(receiver, &request, &invocation).await.into_parts();
    (parts.status.as_u16(), serde_json::from_slice(&body).unwrap())
}

/// The event as the receiver puts it on the queue.
fn entry(event: &Event) -> QueueEntry {
    let (bytes, app_id) = (event.body.as_bytes(), AppId::parse(APP).unwrap());
    let keys = Keys { signing: vec![SIGNING_SECRET.into()], ..Keys::default() };
    let mut headers = HeaderMap::new();
    headers.insert(
        header::SENDBIRD_SIGNATURE,
        HeaderValue::from_str(&sign(bytes, SIGNING_SECRET)).unwrap(),
    );
    let body = authenticate(bytes, &headers, &keys, SystemTime::now()).unwrap();
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let received = i64::try_from(since.as_millis()).unwrap();

    match handoff::parse(body, &app_id, None, received).unwrap() {
        Body::Handoff(handoff) => Message::new(&app_id, *handoff, false).entry(),
        Body::Ignored(category) => panic!("ignored as {category}"),
    }
}
