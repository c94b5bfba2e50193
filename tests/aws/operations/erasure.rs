//! One customer's traces, erased by the commands of docs/security.md: theirs go, and nobody else's.

use desk_handoff::claims::item_key;
use desk_handoff::config::AppId;
use desk_handoff::handoff::Handoff;
use desk_handoff::handoff::message::Message;
use serde_json::json;

use super::Deployed;
use crate::bootstrap::{APP, TOKEN};
use crate::queue::Queues;

/// What is pasted, beside what [`Deployed`] needs.
pub(super) const PASTED: [&str; 2] = ["erase-item", "erase-letters"];

fn handoff(user: &str, conversation: &str) -> Handoff {
    let place = json!({"id": conversation, "channel_url": format!("ch_{conversation}")});
    let handoff = json!({"user_id": user, "conversation": place, "context": {}, "ticket": {}, "event_id": conversation});
    serde_json::from_value(handoff).unwrap()
}

#[tokio::test]
async fn erasure_removes_one_customers_traces_only() {
    let deployed = Deployed::new("operations-erasure", TOKEN).await;
    let operator = &deployed.operator;
    let url = operator.run("printf %s \"$DEAD\"").await;
    let dead = Queues::at(url.clone(), url);
    let (app, other) = (AppId::parse(APP).unwrap(), AppId::parse("ANOTHER-APP").unwrap());
    // The customer's own two are the last of twelve: one receive does not reach them.
    let others = (0..9).map(|number| (&app, "somebody", format!("{number}")));
    let theirs = [
        (&other, "ann", "9".to_owned()),
        (&app, "ann", "ann-1".to_owned()),
        (&app, "ann", "ann-2".to_owned()),
    ];
    for (app, user, conversation) in others.chain(theirs) {
        dead.send_entry(&Message::new(app, handoff(user, &conversation), false).entry()).await;
    }
    for user in ["ann", "somebody"] {
        let item = item_key(&app, user);
        let put = format!(
            "aws dynamodb put-item --table-name \"$(of TableName)\" --item '{{\"pk\": {{\"S\": \"{item}\"}}}}'"
        );
        operator.run(&put).await;
    }

    operator.paste("erase-item", &[("THE-USER-ID", "ann")]).await;
    let left =
        operator.run("aws dynamodb scan --table-name \"$(of TableName)\" --query 'Items[].pk.S' --output text").await;
    assert_eq!(left.trim(), item_key(&app, "somebody"));

    let said = operator.paste("erase-letters", &[("THE-USER-ID", "ann")]).await;
    assert_eq!(said.trim().lines().collect::<Vec<_>>(), ["deleted", "deleted"]);
    let count = "aws sqs get-queue-attributes --queue-url \"$DEAD\" --attribute-names All --output text --query \
                 'Attributes.[ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible]'";
    assert_eq!(
        operator.run(count).await.split_whitespace().collect::<Vec<_>>(),
        ["0", "10"],
        "hidden for half an hour"
    );
    deployed.has_pasted(&PASTED);
}
