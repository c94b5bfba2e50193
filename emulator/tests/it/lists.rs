use std::time::Duration;

use desk_emulator::Seed;
use serde_json::{Value, json};

use crate::client::{got, world};

fn of(user: &str) -> Seed {
    Seed { sendbird_id: user.to_owned(), ..Seed::default() }
}

#[tokio::test]
async fn every_filter_narrows_the_list() {
    let world = world().await;
    let ann = world.desk.seed_ticket(of("ann"));
    let bob = world.desk.seed_ticket(Seed {
        channel_url: Some("chan nel".into()),
        title: "Refund".into(),
        ..of("bob")
    });
    world.desk.assign(bob);
    assert_eq!(world.ids("/tickets").await, [ann, bob]);
    for (query, wanted) in [
        ("sendbird_id=ann", ann),
        ("channel_url=chan%20nel", bob),
        ("status2=ACTIVE", bob),
        ("status2=PENDING", ann),
        ("q=Refund", bob),
        ("agent=31", bob),
    ] {
        assert_eq!(world.ids(&format!("/tickets?{query}")).await, [wanted], "{query}");
    }
    assert!(world.ids("/tickets?sendbird_id=bob&status2=PENDING").await.is_empty());
    assert!(world.ids("/tickets?end_date=2020-01-01").await.is_empty());
    assert_eq!(world.ids("/tickets?start_date=2020-01-01").await, [ann, bob]);

    assert_eq!(world.get("/tickets?status2=OPEN").await.0, 400);
}

#[tokio::test]
async fn ignored_parameter_filters_nothing() {
    let world = world().await;
    let both = [world.desk.seed_ticket(of("ann")), world.desk.seed_ticket(of("bob"))];
    assert_eq!(world.ids("/tickets?channelUrl=nowhere&sendbirdId=ann").await, both);
    world.desk.set_behaviour(|behaviour| {
        behaviour.ignored_parameters = ["channel_url".to_owned()].into()
    });
    assert_eq!(world.ids("/tickets?channel_url=nowhere").await, both);
    assert_eq!(world.ids("/tickets?channel_url=nowhere&sendbird_id=bob").await, both[1..]);
}

#[tokio::test]
async fn page_links_keep_the_filter() {
    let world = world().await;
    let ids: Vec<u64> = (0..5).map(|_| world.desk.seed_ticket(of("ann"))).collect();
    world.desk.seed_ticket(of("bob"));
    let (_, first) = world.get("/tickets?sendbird_id=ann&limit=2").await;
    assert_eq!((&first["count"], &first["previous"]), (&json!(5), &Value::Null));
    let next = first["next"].as_str().unwrap().to_owned();
    assert!(next.starts_with(&world.desk.desk_url()), "{next}");
    let follow =
        |url: &str| got(world.http.get(url).header("SENDBIRDDESKAPITOKEN", "emulator-desk-token"));
    let (_, second) = follow(&next).await;
    assert_eq!(second["results"][0]["id"], ids[2]);
    let (_, third) = follow(second["next"].as_str().unwrap()).await;
    assert_eq!((third["results"].as_array().unwrap().len(), &third["next"]), (1, &Value::Null));

    assert!(third["previous"].as_str().unwrap().contains("offset=2"), "{third}");
}

#[tokio::test]
async fn page_holds_50_by_default_500_at_most() {
    let world = world().await;
    for _ in 0..502 {
        world.desk.seed_ticket(of("ann"));
    }
    assert_eq!(world.ids("/tickets").await.len(), 50);
    assert_eq!(world.ids("/tickets?limit=1000").await.len(), 500);
    assert_eq!(world.ids("/tickets?offset=501").await.len(), 1);
    assert!(world.ids("/tickets?offset=502").await.is_empty());
    assert_eq!(world.get("/tickets?q=seeded").await.1["count"], 100);
}

#[tokio::test]
async fn lists_may_begin_with_the_newest() {
    let world = world().await;
    let (old, new) = (world.desk.seed_ticket(of("ann")), world.desk.seed_ticket(of("ann")));
    world.desk.set_behaviour(|behaviour| behaviour.newest_first = true);
    assert_eq!(world.ids("/tickets").await, [new, old]);
}

#[tokio::test]
async fn lists_may_lag_behind_changes() {
    let world = world().await;
    let ticket = world.desk.seed_ticket(of("ann"));
    world.desk.set_behaviour(|behaviour| behaviour.lists_lag = Duration::from_secs(3600));
    world.desk.set_priority(ticket, "HIGH");
    world.desk.close(ticket);
    let listed = world.get("/tickets?status2=PENDING").await.1;
    assert_eq!(
        (&listed["count"], &listed["results"][0]["priority"]),
        (&json!(1), &json!("MEDIUM"))
    );
    let viewed = world.get(&format!("/tickets/{ticket}")).await.1;
    assert_eq!((&viewed["priority"], &viewed["status2"]), (&json!("HIGH"), &json!("CLOSED")));

    world.desk.set_behaviour(|behaviour| behaviour.lists_lag = Duration::ZERO);
    let listed = world.get("/tickets").await.1;
    let listed = &listed["results"][0];
    assert_eq!((&listed["priority"], &listed["status2"]), (&json!("HIGH"), &json!("CLOSED")));
}

#[tokio::test]
async fn a_new_ticket_may_be_invisible_for_some_lookups() {
    let world = world().await;
    world.desk.set_behaviour(|behaviour| behaviour.visible_after_lookups = 3);
    let ticket = world.desk.seed_ticket(of("ann"));
    assert!(world.ids("/tickets").await.is_empty());
    assert_eq!(world.get(&format!("/tickets/{ticket}")).await.0, 404);
    assert!(world.ids("/tickets?sendbird_id=ann").await.is_empty());
    assert_eq!(world.ids("/tickets?sendbird_id=ann").await, [ticket]);
    assert_eq!(world.get(&format!("/tickets/{ticket}")).await.0, 200);
}

#[tokio::test]
async fn a_new_ticket_may_be_invisible_for_some_time() {
    let world = world().await;
    world.desk.set_behaviour(|behaviour| behaviour.visible_after = Duration::from_secs(3600));
    let late = world.create("late").await;
    world.desk.set_behaviour(|behaviour| behaviour.visible_after = Duration::ZERO);
    let early = world.create("early").await;
    assert_eq!(world.ids("/tickets").await, [early]);
    assert_eq!(world.desk.tickets().len(), 2, "but it is there");

    assert_eq!(
        world.patch_fields(late, json!({"order-id": "A"})).await.0,
        404,
        "and cannot be written to"
    );
}
