//! docs/operations.md, and what docs/security.md says of erasing, as an operator uses them: their
//! own commands, pasted into a shell with the real AWS command line, against moto, the built
//! functions and an embedded Desk.
//!
//! Deploying is CloudFormation's: here it is a stack in moto with the outputs and parameters of
//! template.yaml that the page asks for.

mod changes;
mod erasure;
mod page;
mod redrive;
mod rotation;
mod searches;

use desk_emulator::{Emulator, Setup};
use serde_json::{Value, json};

use crate::bootstrap::{APP, Cloud, FIELDS, TOKEN};
use crate::claims::create_table_for;
use crate::fixtures::desk_of;
use crate::harness::operator::Operator;
use crate::queue::Queues;

const SIGNING_SECRET: &str = "local-only-signing-secret";
/// After so many deliveries a message is put aside.
const MAX_RECEIVE_COUNT: u32 = 2;
/// What is pasted for a new application.
const DEPLOYED: [&str; 7] = [
    "application",
    "application-desk",
    "application-signing",
    "fields-put",
    "new-secret",
    "setup",
    "yours",
];

/// A stack with one application, and somebody to operate it.
struct Deployed {
    cloud: Cloud,
    operator: Operator,
}

impl Deployed {
    /// Its name is the parameters' prefix too. The Desk token that is stored is this one.
    async fn new(name: &'static str, desk_token: &str) -> Self {
        create_table_for(name).await;
        let desk =
            Emulator::start(Setup { desk_token: TOKEN.into(), ..desk_of(&FIELDS) }).await.unwrap();
        let operator = Operator::new();
        let own = [("desk-handoff", name), ("YOUR-APPLICATION-ID", APP)];
        operator.paste("yours", &own).await;
        let urls = deploy(&operator, name).await;
        operator.paste("setup", &[]).await;
        operator.paste("application", &[("YOUR-NEW-APPLICATION-ID", APP)]).await;
        for (parameter, secret) in
            [("application-desk", desk_token), ("application-signing", SIGNING_SECRET)]
        {
            operator.answer("new-secret", secret).await;
            operator.paste(parameter, &[]).await;
        }
        std::fs::write(operator.file("fields.json"), &*FIELDS).unwrap();
        operator.paste("fields-put", &[]).await;
        let [url, dead_url] = urls;

        Self { cloud: Cloud { desk, queues: Queues::at(url, dead_url), prefix: name }, operator }
    }

    /// How many messages wait and are in work, on the queue and on the dead-letter queue.
    async fn depths(&self) -> Vec<String> {
        let look = self.operator.paste("first-look", &[]).await;
        let lines: Vec<&str> = look.lines().collect();
        lines[lines.len() - 2..].iter().map(|line| line.replace('\t', " ")).collect()
    }

    /// Beside [`DEPLOYED`] these blocks were pasted and no others.
    fn has_pasted(&self, blocks: &[&str]) {
        let mut all = [&DEPLOYED, blocks].concat();
        all.sort_unstable();
        assert_eq!(self.operator.pasted(), all);
    }
}

/// A stack as CloudFormation describes it; gives the URLs of its queues.
async fn deploy(operator: &Operator, name: &str) -> [String; 2] {
    std::fs::write(operator.file("stack.json"), template().to_string()).unwrap();
    let create = format!(
        "aws cloudformation create-stack --stack-name {name} --template-body file://stack.json --parameters \
         ParameterKey=ParameterPrefix,ParameterValue=/{name} ParameterKey=AppIds,ParameterValue={APP} \
         ParameterKey=LogLevel,ParameterValue=info ParameterKey=KmsKeyArn,ParameterValue=\n\
         for queue in handoffs dead; do aws sqs get-queue-url --queue-name {name}-$queue.fifo --output text; done"
    );

    let out = operator.run(&format!("export AWS_DEFAULT_REGION=$AWS_REGION\n{create}")).await;
    let urls: Vec<&str> = out.lines().filter(|line| line.starts_with("http")).collect();
    [urls[0].to_owned(), urls[1].to_owned()]
}

fn template() -> Value {
    let text = || json!({"Type": "String"});
    let fifo = |end: &str| json!({"FifoQueue": true, "QueueName": {"Fn::Sub": format!("${{AWS::StackName}}-{end}.fifo")}});
    let mut queue = fifo("handoffs");
    let dead_arn = json!({"Fn::GetAtt": ["DeadLetterQueue", "Arn"]});
    queue["RedrivePolicy"] =
        json!({"deadLetterTargetArn": dead_arn, "maxReceiveCount": MAX_RECEIVE_COUNT});
    let logs = |name: &str, end: &str| {
        let name = json!({"Fn::Sub": format!("{name}${{AWS::StackName}}{end}")});
        json!({"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}})
    };
    let table = json!({
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    });

    let output = |name: &str| json!({"Value": {"Ref": name}});
    json!({
        "Parameters": {"ParameterPrefix": text(), "AppIds": text(), "LogLevel": text(), "KmsKeyArn": text()},
        "Resources": {
            "DeadLetterQueue": {"Type": "AWS::SQS::Queue", "Properties": fifo("dead")},
            "HandoffQueue": {"Type": "AWS::SQS::Queue", "Properties": queue},
            "ApiLogs": logs("/aws/lambda/", "-api"), "WorkerLogs": logs("/aws/lambda/", "-worker"),
            "ClaimsTable": {"Type": "AWS::DynamoDB::Table", "Properties": table},
            "AccessLogs": logs("/aws/vendedlogs/", "-access"),
        },
        "Outputs": {
            "QueueUrl": output("HandoffQueue"), "DeadLetterQueueUrl": output("DeadLetterQueue"),
            "LogGroup": output("ApiLogs"), "WorkerLogGroup": output("WorkerLogs"),
            "TableName": output("ClaimsTable"), "DashboardUrl": {"Value": "https://dashboard.example/"},
        },
    })
}
