//! What a stack needs in AWS, made as a person makes it.

use serde_json::json;

use super::client::call;

/// A table for claims, as template.yaml has it.
pub(crate) async fn make_table(client: &reqwest::Client, name: &str) {
    let input = json!({
        "TableName": name, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    });
    call(client, "DynamoDB_20120810.CreateTable", &input).await;
}

/// A parameter, as `aws ssm put-parameter --overwrite` makes it.
pub(crate) async fn put_parameter(client: &reqwest::Client, name: &str, value: &str) {
    let kind = if name.ends_with("/fields") { "String" } else { "SecureString" };
    let input = json!({"Name": name, "Value": value, "Type": kind, "Overwrite": true});
    call(client, "AmazonSSM.PutParameter", &input).await;
}
