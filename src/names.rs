//! Names that are agreed on with somebody outside: parameters, settings, headers.
//!
//! Pure. Each stands here once; the code and its tests use these constants. Documents, the template
//! and the files of `events/` write the names out, and tests hold those against what is here.

/// The parameters of an application, below its folder in SSM.
pub mod parameter {
    /// Holds Desk's API token.
    pub const DESK_API_TOKEN: &str = "desk-api-token";
    /// The token for Chat, which only the opening message needs.
    pub const CHAT_API_TOKEN: &str = "chat-api-token";
    /// The secrets of `x-sendbird-signature`.
    pub const SIGNING_SECRET: &str = "signing-secret";
    /// The tokens of `Authorization: Bearer`.
    pub const BEARER_TOKEN: &str = "bearer-token";
    /// The secrets of Standard Webhooks.
    pub const STANDARD_WEBHOOKS_SECRET: &str = "standard-webhooks-secret";
    /// The `fields` document.
    pub const FIELDS: &str = "fields";
}

/// The environment variables that this software reads: the table in README has what each means.
pub mod setting {
    /// The applications served.
    pub const APP_IDS: &str = "APP_IDS";
    /// The SSM path with a folder for each application.
    pub const PARAMETER_PREFIX: &str = "PARAMETER_PREFIX";
    /// The FIFO queue.
    pub const QUEUE_URL: &str = "QUEUE_URL";
    /// The claims table.
    pub const TABLE_NAME: &str = "TABLE_NAME";
    /// The domain under which Sendbird serves the applications.
    pub const SENDBIRD_HOSTS: &str = "SENDBIRD_HOSTS";
    /// Where Desk answers.
    pub const DESK_BASE_URL: &str = "DESK_BASE_URL";
    /// Where Chat answers.
    pub const CHAT_BASE_URL: &str = "CHAT_BASE_URL";
    /// Whether anything is written to Desk.
    pub const MODE: &str = "MODE";
    /// How many calls a second all workers together make to Desk.
    pub const DESK_RATE: &str = "DESK_RATE";
    /// How many workers run at the same time.
    pub const WORKER_CONCURRENCY: &str = "WORKER_CONCURRENCY";
    /// Which log lines are written.
    pub const LOG_LEVEL: &str = "LOG_LEVEL";
    /// The dimension of the metrics.
    pub const STACK_NAME: &str = "STACK_NAME";
    /// Whether a start fetches ahead.
    pub const PREFETCH: &str = "PREFETCH";
}

/// The environment variables of the AWS SDK, which Lambda sets; the endpoints are for tests.
pub mod aws {
    /// The region.
    pub const REGION: &str = "AWS_REGION";
    /// The first part of the credentials.
    pub const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
    /// The second part.
    pub const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
    /// The third part, which a role's credentials have.
    pub const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
    /// Where every service is.
    pub const ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";
    /// Where DynamoDB is.
    pub const ENDPOINT_URL_DYNAMODB: &str = "AWS_ENDPOINT_URL_DYNAMODB";
    /// Where SQS is.
    pub const ENDPOINT_URL_SQS: &str = "AWS_ENDPOINT_URL_SQS";
    /// Where SSM is.
    pub const ENDPOINT_URL_SSM: &str = "AWS_ENDPOINT_URL_SSM";
}

/// HTTP headers, in small letters as `http` wants them.
pub mod header {
    /// The signature of Sendbird's webhooks and tools (desk-wire section 8).
    pub const SENDBIRD_SIGNATURE: &str = "x-sendbird-signature";
    /// A bearer token.
    pub const AUTHORIZATION: &str = "authorization";
    /// Of Standard Webhooks: the id of the event.
    pub const WEBHOOK_ID: &str = "webhook-id";
    /// Of Standard Webhooks: when the event was sent.
    pub const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
    /// Of Standard Webhooks: one signature or more.
    pub const WEBHOOK_SIGNATURE: &str = "webhook-signature";
    /// The event id of a direct body that has none of its own.
    pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
    /// Whether the caller wants to wait (RFC 7240).
    pub const PREFER: &str = "prefer";
    /// How long Desk asks to wait.
    pub const RETRY_AFTER: &str = "retry-after";
    /// The same, as Sendbird's other APIs say it (desk-wire section 7).
    pub const RATE_LIMIT_RETRY_AFTER: &str = "x-ratelimit-retryafter";
    /// Desk's API token (desk-wire section 1).
    pub const DESK_TOKEN: &str = "sendbirddeskapitoken";
    /// Chat's API token (desk-wire section 3.3).
    pub const CHAT_TOKEN: &str = "api-token";
}
