use desk_emulator::Seed;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::client::{World, got, world};

fn message(world: &World, channel: &str, body: &Value) -> RequestBuilder {
    let url = format!("{}/group_channels/{channel}/messages", world.desk.chat_url());
    world.http.post(url).json(body)
}

fn hello(user: &str) -> Value {
    json!({"message_type": "MESG", "user_id": user, "message": "Hello"})
}

#[tokio::test]
async fn first_customer_message_makes_ticket_pending() {
    let world = world().await;
    let id = world.create("AI handoff").await;
    let channel = world.desk.ticket(id).unwrap()["channelUrl"].as_str().unwrap().to_owned();
    let post =
        message(&world, &channel, &hello("user_1")).header("Api-Token", "emulator-chat-token");
    let (status, answer) = got(post).await;
    assert_eq!(
        (status, &answer["message"], &answer["channel_url"]),
        (200, &json!("Hello"), &json!(channel))
    );
    let ticket = world.desk.ticket(id).unwrap();
    assert_eq!((&ticket["status2"], &ticket["status"]), (&json!("PENDING"), &json!("UNASSIGNED")));
    assert_eq!((&ticket["messageCount"], &ticket["lastMessage"]), (&json!(1), &json!("Hello")));
    assert!(ticket["issuedAt"].is_string(), "{ticket}");
    let posted = &world.desk.messages()[0];

    assert_eq!(
        (posted.ticket, posted.user_id.as_str(), posted.message.as_str()),
        (id, "user_1", "Hello")
    );
}

#[tokio::test]
async fn strangers_message_is_refused_as_chat_does() {
    let world = world().await;
    let channel_url = Some("channel".to_owned());
    world.desk.seed_ticket(Seed { channel_url, status: "INITIALIZED".into(), ..Seed::default() });
    let admin = json!({"message_type": "ADMM", "message": "Hello", "user_id": "user_1"});

    for (channel, body, token, expected) in [
        ("channel", hello("user_2"), "emulator-chat-token", 400),
        ("elsewhere", hello("user_1"), "emulator-chat-token", 400),
        ("channel", admin, "emulator-chat-token", 400),
        ("channel", hello("user_1"), "emulator-desk-token", 401),
    ] {
        let (status, answer) =
            got(message(&world, channel, &body).header("Api-Token", token)).await;
        assert_eq!((status, &answer["error"]), (expected, &json!(true)), "{answer}");
        assert!(answer["code"].is_u64() && answer["message"].is_string(), "{answer}");
    }
    assert!(world.desk.messages().is_empty());

    assert_eq!(world.desk.tickets()[0]["status2"], "INITIALIZED");
}

#[tokio::test]
async fn the_customer_may_write_without_anybody_asking() {
    let world = world().await;
    let id = world.create("AI handoff").await;
    world.desk.customer_message(id, "Hello?");
    assert_eq!(world.desk.ticket(id).unwrap()["status2"], "PENDING");
    assert!(world.desk.messages().is_empty());
}
