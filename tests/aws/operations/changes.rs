//! The page's other commands: settings, applications, fields, searches in the logs, and what is
//! deleted in the end.

use super::Deployed;
use crate::bootstrap::{APP, FIELDS, TOKEN};
use crate::harness::operator::Operator;

/// What is pasted, beside what [`Deployed`] needs.
pub(super) const PASTED: [&str; 12] = [
    "answers",
    "application-list",
    "change",
    "delete-dead-letters",
    "delete-parameters",
    "delete-table",
    "failures",
    "fields-get",
    "fields-undo",
    "rotate-chat",
    "rotate-drop",
    "setting",
];

#[tokio::test]
async fn page_changes_settings_fields_and_secrets_only() {
    let deployed = Deployed::new("operations-changes", TOKEN).await;
    let operator = &deployed.operator;
    operator.paste("setting", &[]).await;
    operator.paste("change", &[]).await;
    operator.paste("setup", &[]).await;
    let settings = operator.run("of LogLevel; of AppIds; of ParameterPrefix").await;
    assert_eq!(settings.lines().collect::<Vec<_>>(), ["debug", APP, "/operations-changes"]);
    operator.run("APP_ID=ANOTHER-APP").await;
    operator.paste("application-list", &[]).await;
    operator.paste("change", &[]).await;
    operator.run(&format!("APP_ID={APP}")).await;
    operator.paste("setup", &[]).await;
    let settings = operator.run("of LogLevel; of AppIds").await;
    assert_eq!(settings.lines().collect::<Vec<_>>(), ["debug", &format!("{APP},ANOTHER-APP")]);

    operator.paste("fields-get", &[]).await;
    let stored = std::fs::read_to_string(operator.file("fields.json")).unwrap();
    assert_eq!(stored.trim(), FIELDS.trim());
    std::fs::write(operator.file("fields.json"), "{}").unwrap();
    operator.paste("fields-put", &[]).await;
    assert_eq!(operator.run("secret fields").await.trim(), "{}");
    operator.paste("fields-undo", &[]).await;
    operator.paste("fields-put", &[]).await;
    assert_eq!(operator.run("secret fields").await.trim(), FIELDS.trim());
    operator.answer("new-secret", "a-chat-token").await;
    operator.paste("rotate-chat", &[]).await;
    assert_eq!(operator.run("secret chat-api-token").await.trim(), "a-chat-token");
    assert_eq!(operator.paste("failures", &[]).await.trim(), "Complete");
    assert_eq!(operator.paste("answers", &[]).await.matches("Complete").count(), 2);

    delete_everything(operator).await;
    deployed.has_pasted(&PASTED);
}

/// What stays when the stack is deleted.
async fn delete_everything(operator: &Operator) {
    operator.paste("delete-dead-letters", &[]).await;
    operator.paste("delete-parameters", &[]).await;
    operator.run("NAME=signing-secret").await;
    operator.try_to("rotate-drop").await;
    let left = operator
        .run(r#"aws ssm get-parameters-by-path --path "$PARAMETERS" --query 'length(Parameters)'"#)
        .await;
    assert_eq!(left.trim(), "0", "what cannot be read is not replaced by nothing");
    let queues = operator.run("aws sqs list-queues --queue-name-prefix operations-changes-").await;
    assert!(queues.contains("-handoffs.fifo") && !queues.contains("-dead.fifo"), "{queues}");
    assert!(
        operator
            .run("aws dynamodb list-tables --output text")
            .await
            .contains("operations-changes-ClaimsTable")
    );
    operator.paste("delete-table", &[]).await;
    let tables = operator.run("aws dynamodb list-tables --output text").await;

    assert!(!tables.contains("operations-changes-ClaimsTable"), "{tables}");
}
