//! The calls of a handoff and nothing else: what no software that keeps the promises with these
//! crates can go below.
//!
//! No signature is checked, no parameter read, no field matched, no answer looked at, nothing
//! logged. The order of the calls, the size of their bodies and the clients are those of the
//! shipped function (docs/performance.md, "The calls that a handoff waits for").

use std::env::var;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use aws_sdk_dynamodb::types::AttributeValue::{N, S, Ss};
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use desk_handoff::aws::SharedClient;
use desk_handoff::http_client;
use desk_handoff::names::{aws, header, setting};
use lambda_http::Body;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// How many events the shipped function remembers of a customer at the most.
const EVENTS: usize = 100;
/// As long as its answer.
const ANSWER: usize = 1500;

struct Floor {
    desk: String,
    http: Client,
    table: String,
    dynamodb: aws_sdk_dynamodb::Client,
    queue_url: String,
    sqs: aws_sdk_sqs::Client,
    /// Like what is written down of a handoff before anything is written to its ticket.
    attempt: String,
    /// Like what is remembered of a customer with one conversation, after one handoff.
    new: String,
    /// The same, after many.
    known: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let floor = &Floor::from_environment()?;
    run(service_fn(|event: LambdaEvent<ApiGatewayV2httpRequest>| async move {
        let status = floor.handle(event.payload).await?;
        let mut answer = ApiGatewayV2httpResponse::default();
        answer.status_code = status;
        let action = if status == 201 { "created" } else { "updated" };
        let action = if status == 202 { "queued" } else { action };
        let filler = ".".repeat(ANSWER);
        answer.body = Some(Body::Text(format!(r#"{{"status":"{action}","filler":"{filler}"}}"#)));
        Ok::<_, Error>(answer)
    }))
    .await
}

impl Floor {
    fn from_environment() -> Result<Self, Error> {
        let http = http_client::new()?;
        let shared = SharedHttpClient::new(SharedClient(http.clone()));
        let credentials = Credentials::from_keys(
            var(aws::ACCESS_KEY_ID)?,
            var(aws::SECRET_ACCESS_KEY)?,
            var(aws::SESSION_TOKEN).ok(),
        );
        let (region, endpoint) = (Region::new(var(aws::REGION)?), var(aws::ENDPOINT_URL)?);
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(shared.clone())
            .endpoint_url(&endpoint)
            .region(region.clone())
            .credentials_provider(credentials.clone());
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(shared)
            .endpoint_url(&endpoint)
            .region(region)
            .credentials_provider(credentials);

        let digests = json!({"priority": "X3jy_KXk", "team": "1aCg3N6A", "cart-items": "_zrDMHL7",
            "language": "VKufa7zk", "membership-tier": "_fe1oUay", "order-id": "DxaVUnR0",
            "order-link": "S_yPLaX7", "summary": "z3tLcLFx"});
        let names = json!({"i": ["1"], "c": ["known-1"]});
        let attempt = json!({"s": "0".repeat(32), "n": names, "e": "SQutI5Ww", "v": digests,
            "w": {"r": 1_753_864_500_000_u64}, "u": 1_795_834_291});
        let customer = |events| {
            json!({"s": "0".repeat(32), "n": 1, "d": vec!["aL3gNvz36b31ce96"; events],
                "v": [{"n": names, "t": [{"i": 1, "m": digests}]}]})
        };

        Ok(Self {
            attempt: attempt.to_string(),
            new: customer(1).to_string(),
            known: customer(EVENTS).to_string(),
            desk: var(setting::DESK_BASE_URL)?,
            http,
            table: var(setting::TABLE_NAME)?,
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            queue_url: var(setting::QUEUE_URL)?,
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
        })
    }

    /// Tells by the path and by the user's name what is asked, as the events of the bench are made.
    async fn handle(&self, event: ApiGatewayV2httpRequest) -> Result<i64, Error> {
        let body = event.body.unwrap_or_default();
        if event.raw_path.is_some_and(|path| path.starts_with("/webhooks/")) {
            self.queue(&body).await?;
            return Ok(202);
        }
        let body: Value = serde_json::from_str(&body)?;
        let conversation = &body["data"]["conversation"];
        let user = conversation["user_id"].as_str().unwrap_or_default();
        let number = conversation["id"].as_u64().unwrap_or_default();

        self.claim(user).await?;
        let list = self.desk(Method::GET, format!("tickets?sendbird_id={user}&limit=100"), None);
        let fields = json!({"order-id": "ORD-1", "cart-items": "3", "membership-tier": "gold"});
        let fields = fields.to_string();
        let status = if user.starts_with("new-") {
            let customer = self.desk(Method::GET, format!("customers?sendbird_id={user}"), None);
            futures_util::future::try_join(list, customer).await?;
            let ticket = json!({"channelName": "AI handoff", "customerId": number, "customFields": fields, "relatedChannelUrls": user});
            self.desk(Method::POST, "tickets".to_owned(), Some(ticket)).await?;
            201
        } else {
            let path = format!("tickets/{number}");
            futures_util::future::try_join(list, self.desk(Method::GET, path.clone(), None))
                .await?;
            let fields = json!({"customFields": fields});
            self.desk(Method::PATCH, format!("{path}/custom_fields"), Some(fields)).await?;
            200
        };
        self.give_back(user).await?;

        Ok(status)
    }

    async fn desk(
        &self,
        method: Method,
        path: String,
        body: Option<Value>,
    ) -> Result<Value, Error> {
        let mut request = self.http.request(method, format!("{}/{path}", self.desk));
        request = request.header(header::DESK_TOKEN, "bench-desk-token");
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        Ok(serde_json::from_slice(&request.send().await?.bytes().await?)?)
    }

    async fn queue(&self, body: &str) -> Result<(), Error> {
        let send = self.sqs.send_message().queue_url(&self.queue_url).message_body(body);
        send.message_group_id("group").message_deduplication_id("event").send().await?;
        Ok(())
    }

    async fn claim(&self, user: &str) -> Result<(), Error> {
        self.dynamodb
            .update_item()
            .table_name(&self.table)
            .key("pk", S(user.to_owned()))
            .update_expression("SET lease_until = :until, lease_token = :token, expires = :expires ADD attempts :attempt")
            .condition_expression("(attribute_not_exists(lease_until) OR lease_until <= :now) AND (attribute_not_exists(attempts) OR size(attempts) < :most)")
            .expression_attribute_values(":token", S("0".repeat(32)))
            .expression_attribute_values(":now", N("1764290000".to_owned()))
            .expression_attribute_values(":until", N("1764290030".to_owned()))
            .expression_attribute_values(":expires", N("1766882000".to_owned()))
            .expression_attribute_values(":most", N("16".to_owned()))
            .expression_attribute_values(":attempt", Ss(vec![self.attempt.clone()]))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await?;
        Ok(())
    }

    async fn give_back(&self, user: &str) -> Result<(), Error> {
        let customer = if user.starts_with("new-") { &self.new } else { &self.known };
        self.dynamodb
            .update_item()
            .table_name(&self.table)
            .key("pk", S(user.to_owned()))
            .update_expression(
                "SET customer = :customer, expires = :expires REMOVE lease_until, attempts",
            )
            .condition_expression("lease_token = :token")
            .expression_attribute_values(":token", S("0".repeat(32)))
            .expression_attribute_values(":expires", N("1766882000".to_owned()))
            .expression_attribute_values(":customer", S(customer.clone()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await?;
        Ok(())
    }
}
