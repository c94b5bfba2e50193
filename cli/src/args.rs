//! The command line as clap reads it. What a person meets first: every command says what it does
//! and shows an example.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use desk_handoff::config::AppId;

use crate::settings::APP_ID;

/// An AI agent's handoff to a Sendbird Desk ticket: tried on this machine, with no AWS account and
/// no Sendbird account, and with `send`, `learn`, `doctor` and `report` against what is deployed.
#[derive(Debug, Parser)]
#[command(
    name = "handoff",
    bin_name = "cargo handoff",
    version,
    arg_required_else_help = true,
    after_help = EXAMPLE
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Print what completes the commands of `handoff` in this shell
    #[arg(long, value_name = "SHELL", value_enum, exclusive = true)]
    pub(crate) completions: Option<Shell>,
    /// Colours and wrapped lines: on a terminal, always (as wide as COLUMNS says), or never
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) color: Color,
    /// Show the log lines that a deployed function would write, on standard error
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
}

/// When to write for a person at a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Color {
    /// If standard output is a terminal.
    #[default]
    Auto,
    /// Also into a pipe or a file.
    Always,
    /// Plain columns, one line an entry.
    Never,
}

const EXAMPLE: &str = "\
Example: one handoff, and the ticket that it makes
  cargo handoff run events/handoff.json

Exit codes: 0 done; 1 the work failed, or something was found; 2 wrong use";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Hand conversations over, and show the tickets and what became of every key
    Run(Run),
    /// Stay up: the HTTP routes on 127.0.0.1, with a Desk behind them
    Serve(Serve),
    /// Show what would become of every key; nothing is sent anywhere
    Preview(Preview),
    /// Find what is wrong with a fields file
    Check(Check),
    /// Sign a handoff and post it to a deployed endpoint
    Send(Send),
    /// Print a first fields file from what recent tickets of your Desk show
    Learn(Learn),
    /// Point the AI agent's webhook at a deployed endpoint, and store what signs it
    Connect(Connect),
    /// Examine an application's parameters and Desk, and say what to fix
    Doctor(Doctor),
    /// Ask your own Desk what nobody documented, with one test ticket
    Probe(Probe),
    /// List the keys that tickets missed, how often, and what to do
    Report(Report),
    /// Print the JSON Schema of a fields file, for an editor
    Schema,
    /// Print the OpenAPI document of the API, for an agent platform
    Openapi(Openapi),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: a documented handoff event becomes a ticket of an embedded Desk
  cargo handoff run events/handoff.json

Example: a second handoff of the same conversation updates that ticket
  cargo handoff run events/handoff.json events/second-handoff.json

The body in FILE is signed with the local-only secret and passes through the code
that ships: POST /webhooks/handoff puts it on a queue, and the worker takes it from
there to Desk. Queue and Desk are embedded; Desk has the ticket fields of the fields
file and the teams vip and support. Both forget everything at the end. A bare context
object is handed over as conversation 1 of the customer demo-customer.")]
pub(crate) struct Run {
    /// API Gateway events, bodies of requests, or bare context objects, handed over in this order;
    /// - reads standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) fields: Fields,
    /// Let Desk behave like the one that `probe --output` wrote this file about
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,
    /// Print one JSON document: the webhook's answer, its HTTP status, the worker's report, the
    /// ticket as Desk holds it; of several files an array of them
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: stay up, and look at the page whose address it prints
  cargo handoff serve --open

Example: against a Desk of your own, where the tickets are real
  DESK_API_TOKEN=... cargo handoff serve --app-id YOUR-APP-ID --fields fields.json \\
    --desk-url 'https://desk-api-{app_id}.sendbird.com/platform/v1'

With --desk-url, CHAT_API_TOKEN may hold the token for the opening message. What the
webhook takes is queued in memory and worked on at once; what fails is tried again
after 2 seconds and then ever later, 12 times in all.")]
pub(crate) struct Serve {
    /// The port on 127.0.0.1; 0 takes any free one
    #[arg(long, value_name = "PORT", default_value_t = 9000)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) fields: Fields,
    /// Let Desk behave like the one that `probe --output` wrote this file about
    #[arg(long, value_name = "FILE", conflicts_with = "desk_url")]
    pub(crate) profile: Option<PathBuf>,
    /// A Desk to use in place of the embedded one; its token is taken from DESK_API_TOKEN
    #[arg(long, value_name = "URL")]
    pub(crate) desk_url: Option<String>,
    /// The Sendbird application that is served
    #[arg(long, value_name = "ID", default_value = APP_ID, value_parser = app_id)]
    pub(crate) app_id: AppId,
    /// Open the page in the browser
    #[arg(long)]
    pub(crate) open: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: why the sender's own sample keys reach no field, and what would
  cargo handoff preview events/sender-sample.json

Example: in a CI pipeline, with the context object that your AI agent sets
  cargo handoff preview context.json --fields fields.json --strict")]
pub(crate) struct Preview {
    /// An API Gateway event, the body of a request, or a bare context object; - reads standard
    /// input
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) fields: Fields,
    /// Exit with 1 if a key is left out (denied and empty ones are not counted)
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print one JSON document: the fields, and how many keys are left out
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  cargo handoff check fields.example.json

An error is what the deployed function would refuse; a warning is what it takes, and
what is surely not meant. Errors end with 1; warnings alone end with 0.")]
pub(crate) struct Check {
    /// The fields file; - reads standard input
    pub(crate) file: PathBuf,
    /// Print one JSON document: the errors and warnings with path, line, column and text
    #[arg(long)]
    pub(crate) json: bool,
}

/// A route that takes handoffs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Route {
    /// POST /webhooks/handoff
    #[default]
    Webhook,
    /// POST /handoffs
    Handoffs,
    /// POST /handoffs/preview
    Preview,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: a sample event to the `serve` in another terminal
  cargo handoff send events/handoff.json --local

Example: what would happen to a handoff, at a deployed stack (its output PreviewUrl)
  export SIGNING_SECRET=...
  cargo handoff send body.json --secret-env SIGNING_SECRET \\
    --url https://abc123.execute-api.eu-central-1.amazonaws.com/handoffs/preview

Of an API Gateway event its body is sent, and its Idempotency-Key; its query is not.
The secret's first line is used. Redirects are not followed, and no proxy is used.")]
pub(crate) struct Send {
    /// The body of a request, or an API Gateway event (payload 2.0) that holds one; - reads
    /// standard input
    pub(crate) file: PathBuf,
    /// A route of the stack: its outputs WebhookUrl, HandoffsUrl and PreviewUrl; https, or http on
    /// this machine
    #[arg(long, value_name = "URL", required_unless_present = "local", requires = "secret_env")]
    pub(crate) url: Option<String>,
    /// The environment variable that holds the application's signing-secret, or with --bearer its
    /// bearer-token
    #[arg(long, value_name = "NAME", conflicts_with = "local")]
    pub(crate) secret_env: Option<String>,
    /// Send to the `serve` that is up on this machine, with the local-only secret
    #[arg(long, conflicts_with = "url")]
    pub(crate) local: bool,
    /// The port of that `serve`
    #[arg(long, value_name = "PORT", default_value_t = 9000, requires = "local")]
    pub(crate) port: u16,
    /// The route of that `serve`
    #[arg(long, value_name = "ROUTE", value_enum, default_value_t, requires = "local")]
    pub(crate) route: Route,
    /// Send the secret as a bearer token in place of a signature
    #[arg(long)]
    pub(crate) bearer: bool,
    /// The Sendbird application, where the stack serves several
    #[arg(long, value_name = "ID", value_parser = app_id)]
    pub(crate) app_id: Option<AppId>,
    /// Print one JSON document: the HTTP status and the answer
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: a first fields file, then what is wrong with it
  export DESK_API_TOKEN=...
  cargo handoff learn --app-id YOUR-APP-ID --token-env DESK_API_TOKEN > fields.json
  cargo handoff check fields.json

Desk lists its ticket fields nowhere, so the newest 100 tickets are read: keys as they
are, types guessed from the values. No value is ever printed. What to compare the file
with stands on standard error.")]
pub(crate) struct Learn {
    /// The Sendbird application
    #[arg(long, value_name = "ID", value_parser = app_id)]
    pub(crate) app_id: AppId,
    /// The environment variable that holds Desk's API token
    #[arg(long, value_name = "NAME")]
    pub(crate) token_env: String,
    /// Where Desk is, if not where Sendbird has it; {app_id} is replaced
    #[arg(long, value_name = "URL")]
    pub(crate) desk_url: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: the stack's output WebhookUrl, for all AI agents of the application
  export CHAT_API_TOKEN=...
  cargo handoff connect --app-id YOUR-APP-ID --api-token-env CHAT_API_TOKEN \\
    --url https://abc123.execute-api.eu-central-1.amazonaws.com/webhooks/handoff

Reads the webhook setting of the AI agent, adds its signature_secret as a line of the
parameter signing-secret through your own `aws` command line, and then subscribes the
URL to the category handoff only. A setting with another URL is left alone unless
--replace is given. The secret is never printed. With ?app_id= in the URL a stack that
serves several applications knows which one is meant.")]
pub(crate) struct Connect {
    /// The Sendbird application
    #[arg(long, value_name = "ID", value_parser = app_id)]
    pub(crate) app_id: AppId,
    /// The environment variable that holds Chat's API token (the master token, or a secondary one)
    #[arg(long, value_name = "NAME")]
    pub(crate) api_token_env: String,
    /// Where the webhook is to go: the stack's output WebhookUrl
    #[arg(long, value_name = "URL")]
    pub(crate) url: String,
    /// One AI agent, if it has a webhook of its own; else the application's webhook is set
    #[arg(long, value_name = "ID")]
    pub(crate) ai_agent_id: Option<String>,
    /// Take the place of another URL
    #[arg(long)]
    pub(crate) replace: bool,
    /// Where Chat is, if not where Sendbird has it; {app_id} is replaced
    #[arg(long, value_name = "URL")]
    pub(crate) chat_url: Option<String>,
    #[command(flatten)]
    pub(crate) aws: AwsPlace,
    /// Print one JSON document: what was there, and what was done
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  cargo handoff doctor --app-id YOUR-APP-ID --region eu-central-1

Reads the application's parameters through your own `aws` command line, with its
credentials and profiles (ssm:GetParametersByPath, and the right to decrypt; with
ssm:DescribeParameters it knows a key of your own in what it prints), and the newest
100 tickets of Desk. Changes nothing; prints no secret and no customer's value.
An error costs handoffs or fields and ends with 1; a warning alone ends with 0.")]
pub(crate) struct Doctor {
    /// The Sendbird application
    #[arg(long, value_name = "ID", value_parser = app_id)]
    pub(crate) app_id: AppId,
    /// Where Desk is, if not where Sendbird has it; {app_id} is replaced
    #[arg(long, value_name = "URL")]
    pub(crate) desk_url: Option<String>,
    #[command(flatten)]
    pub(crate) aws: AwsPlace,
    /// Print one JSON document: the findings, and how many of them are errors
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: the keys of the last week, for the support lead who defines the fields
  cargo handoff report --stack desk-handoff --region eu-central-1 --fields fields.json

Example: the same from records that are at hand already
  aws logs filter-log-events --log-group-name /aws/lambda/desk-handoff-worker \\
    --query 'events[].message' --output json > records.json
  cargo handoff report records.json

Reads the records that the functions write to their logs, through your own `aws`
command line (logs:FilterLogEvents), or FILE. Shows names and counts: a record holds
no value. A handoff that was tried several times counts once; trials by the route
/handoffs/preview do not count. A record names 20 keys at most, 40 characters of each.")]
#[command(group(clap::ArgGroup::new("records").args(["stack", "file"]).required(true).multiple(true)))]
pub(crate) struct Report {
    /// Records in place of those in the logs: lines of a log, or what `aws logs filter-log-events`
    /// prints as JSON; - reads standard input
    pub(crate) file: Option<PathBuf>,
    /// The stack whose logs are read; of FILE only its records
    #[arg(long, value_name = "NAME", value_parser = stack_name)]
    pub(crate) stack: Option<String>,
    /// How many days back the logs are read
    #[arg(long, value_name = "DAYS", default_value_t = 7, conflicts_with = "file",
        value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) days: u32,
    /// Only handoffs of this Sendbird application
    #[arg(long, value_name = "ID", value_parser = app_id)]
    pub(crate) app_id: Option<AppId>,
    /// The fields document as it is now: hints are taken from its fields
    #[command(flatten)]
    pub(crate) fields: Fields,
    /// Passed on to `aws`
    #[arg(long, value_name = "REGION", conflicts_with = "file")]
    pub(crate) region: Option<String>,
    /// Passed on to `aws`
    #[arg(long, value_name = "PROFILE", conflicts_with = "file")]
    pub(crate) profile: Option<String>,
    /// Print one JSON document: the keys with outcome, counts, hint and advice
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: what Dialogflow CX, Amazon Bedrock AgentCore and GPT Actions import
  cargo handoff openapi --url https://abc123.execute-api.eu-central-1.amazonaws.com

A deployed stack answers the same at /openapi.json, with its own address.")]
pub(crate) struct Openapi {
    /// The address of the API, without a path
    #[arg(
        long,
        value_name = "URL",
        default_value = "https://YOUR-API.execute-api.YOUR-REGION.amazonaws.com"
    )]
    pub(crate) url: String,
}

/// Where the application's parameters are.
#[derive(Debug, clap::Args)]
pub(crate) struct AwsPlace {
    /// The SSM path above the applications' parameters
    #[arg(long, value_name = "PATH", default_value = "/desk-handoff")]
    pub(crate) prefix: String,
    /// Passed on to `aws`
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Passed on to `aws`
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: ask, and keep the answers
  export DESK_API_TOKEN=...
  cargo handoff probe --app-id YOUR-APP-ID --token-env DESK_API_TOKEN \\
    --user YOUR-TEST-USER --fields fields.json --output profile.json

Example: try handoffs against an embedded Desk that behaves like yours
  cargo handoff serve --profile profile.json

Example: every night, what has changed since (ends with 1 if something has)
  cargo handoff probe --app-id YOUR-APP-ID --token-env DESK_API_TOKEN \\
    --user YOUR-TEST-USER --fields fields.json --yes --compare profile.json

Says first what it will do and asks. It makes one ticket, writes to no other, and
closes it whatever happens; a ticket that a killed run left is closed by the next.
The profile holds settings only: no secret, no name, nothing of a customer's.")]
pub(crate) struct Probe {
    /// The Sendbird application
    #[arg(long, value_name = "ID", value_parser = app_id)]
    pub(crate) app_id: AppId,
    /// The environment variable that holds Desk's API token
    #[arg(long, value_name = "NAME")]
    pub(crate) token_env: String,
    /// The Chat user id of a customer for whom the test ticket is made
    #[arg(long, value_name = "USER-ID")]
    pub(crate) user: String,
    /// The environment variable that holds Chat's API token: also asks what a first message does,
    /// for which one is posted as the user
    #[arg(long, value_name = "NAME")]
    pub(crate) chat_token_env: Option<String>,
    /// The fields file; without it nothing is asked about field values
    #[arg(long, value_name = "FILE")]
    pub(crate) fields: Option<PathBuf>,
    /// Where Desk is, if not where Sendbird has it; {app_id} is replaced
    #[arg(long, value_name = "URL", visible_alias = "url")]
    pub(crate) desk_url: Option<String>,
    /// Where Chat is, likewise
    #[arg(long, value_name = "URL", requires = "chat_token_env")]
    pub(crate) chat_url: Option<String>,
    /// Go ahead without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Write what was seen to this file, for --profile and for a bug report
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Say what has changed since this profile was written
    #[arg(long, value_name = "FILE")]
    pub(crate) compare: Option<PathBuf>,
    /// Print one JSON document: the profile, every question in words, what has changed
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which ticket fields there are.
#[derive(Debug, clap::Args)]
pub(crate) struct Fields {
    /// The fields file, as in the SSM parameter `fields`; a file holding {} stands for no parameter
    #[arg(long = "fields", value_name = "FILE")]
    pub(crate) path: Option<PathBuf>,
}

fn app_id(text: &str) -> Result<AppId, &'static str> {
    AppId::parse(text).ok_or("an application id has 1 to 64 letters, digits and dashes")
}

/// As CloudFormation takes it, so that it is a part of a log group's name and nothing else.
fn stack_name(text: &str) -> Result<String, &'static str> {
    let legal = (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    legal.then(|| text.to_owned()).ok_or("a stack's name has letters, digits and dashes")
}
