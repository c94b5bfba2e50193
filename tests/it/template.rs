//! The numbers and names that template.yaml and the code must agree on. Whether the template is a
//! good one, tests/template/check.py says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use desk_handoff::api::MAX_BODY;
use desk_handoff::claims::{LEASE_MARGIN, RECORD_TTL};
use desk_handoff::config::Config;
use desk_handoff::names::setting;
use desk_handoff::worker::backoff;

/// Where API Gateway's HTTP APIs give up.
const GATEWAY_PATIENCE: Duration = Duration::from_secs(30);
/// The longest that SQS keeps a message from coming again.
const LONGEST_VISIBILITY: Duration = Duration::from_secs(12 * 60 * 60);
/// The longest description that Lambda takes for a version.
const LONGEST_DESCRIPTION: usize = 256;

pub(crate) fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// A part of the template: what is indented below one line of it, comments left out.
pub(crate) struct Block(pub(crate) String);

impl Block {
    /// What is below a heading of the whole template.
    pub(crate) fn section(heading: &str) -> Self {
        let template = file("template.yaml");
        let lines: Vec<&str> =
            template.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        let heading = format!("\n{heading}:\n");
        let below = lines
            .join("\n")
            .split(&heading)
            .nth(1)
            .unwrap_or_else(|| panic!("no {heading}"))
            .to_owned();

        Self(
            below
                .lines()
                .take_while(|line| line.is_empty() || line.starts_with(' '))
                .collect::<Vec<_>>()
                .join("\n"),
        )
    }

    /// The block of a resource.
    pub(crate) fn resource(name: &str) -> Self {
        Self::section("Resources").under(name)
    }

    /// What is below the only line that is this key and nothing else.
    pub(crate) fn under(&self, key: &str) -> Self {
        let heading = format!("{key}:");
        let mut found = self.0.lines().enumerate().filter(|(_, line)| line.trim() == heading);
        let (at, line) = found.next().unwrap_or_else(|| panic!("no {key} in\n{}", self.0));
        assert_eq!(found.count(), 0, "more than one {key}");
        let depth = |line: &str| line.len() - line.trim_start().len();
        let deeper = |below: &&str| below.is_empty() || depth(below) > depth(line);
        let lines: Vec<&str> = self.0.lines().skip(at + 1).take_while(deeper).collect();
        Self(lines.join("\n"))
    }

    /// The value of the only line with this key.
    pub(crate) fn value(&self, key: &str) -> &str {
        let start = format!("{key}: ");
        let mut values = self.0.lines().filter_map(|line| {
            let line = line.trim_start();
            line.strip_prefix("- ").unwrap_or(line).strip_prefix(&start)
        });
        let value = values.next().unwrap_or_else(|| panic!("no {key} in\n{}", self.0));
        assert_eq!(values.count(), 0, "more than one {key}");
        value.trim().trim_matches('"')
    }

    pub(crate) fn number(&self, key: &str) -> u32 {
        let value = self.value(key);
        value.parse().unwrap_or_else(|_| panic!("{key} is {value}"))
    }

    pub(crate) fn seconds(&self, key: &str) -> Duration {
        Duration::from_secs(self.number(key).into())
    }

    /// What is indented below, each line trimmed.
    fn entries(&self) -> BTreeSet<&str> {
        self.0.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
    }

    /// The actions of a service that its statements name. What ends in a colon is the key of a
    /// condition.
    fn actions(&self, service: &str) -> BTreeSet<String> {
        let words = self.0.split_whitespace().filter(|word| !word.ends_with(':'));
        words
            .filter_map(|word| word.strip_prefix(&format!("{service}:")))
            .map(str::to_owned)
            .collect()
    }
}

pub(crate) fn timeout(function: &str) -> Duration {
    Block::resource(function).seconds("Timeout")
}

pub(crate) fn queue() -> Block {
    Block::resource("HandoffQueue")
}

pub(crate) fn retention(queue: &str) -> Duration {
    Block::resource(queue).seconds("MessageRetentionPeriod")
}

/// The pauses between the deliveries of a message that is never done: one fewer than deliveries.
pub(crate) fn pauses() -> Vec<Duration> {
    (1..queue().number("maxReceiveCount")).map(backoff).collect()
}

#[test]
fn the_api_answers_before_the_gateway_gives_up() {
    assert!(timeout("ApiFunction") < GATEWAY_PATIENCE);
}

#[test]
fn message_stays_hidden_while_its_lease_lasts() {
    let hidden = queue().seconds("VisibilityTimeout");
    assert!(
        hidden >= 6 * timeout("WorkerFunction"),
        "AWS asks for six times the function's time-out"
    );
    for function in ["WorkerFunction", "ApiFunction"] {
        assert!(
            timeout(function) + LEASE_MARGIN < hidden,
            "{function}: a crash would cost a second delivery"
        );
    }
}

#[test]
fn what_is_remembered_outlives_every_message() {
    // On the queue, then on the dead-letter queue, then after a redrive on the queue again; each
    // begins anew.
    assert!(RECORD_TTL > 2 * retention("HandoffQueue") + retention("DeadLetterQueue"));
}

#[test]
fn desk_may_be_down_for_an_hour() {
    let pauses = pauses();
    assert!(pauses.iter().sum::<Duration>() > Duration::from_secs(60 * 60), "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= LONGEST_VISIBILITY), "{pauses:?}");
    assert!(pauses.is_sorted(), "{pauses:?}");
}

#[test]
fn message_is_dead_long_before_it_expires() {
    // One that expires on the queue is lost without a word. At worst its workers die, each time,
    // and ten messages of one conversation lie one behind the other.
    let hidden = queue().seconds("VisibilityTimeout");
    let tried: Duration = pauses().into_iter().chain([hidden]).map(|pause| pause.max(hidden)).sum();
    assert!(10 * tried < retention("HandoffQueue"), "{tried:?}");
}

#[test]
fn both_queues_are_fifo_encrypted_and_of_high_throughput() {
    for name in ["HandoffQueue", "DeadLetterQueue"] {
        let queue = Block::resource(name);
        assert_eq!(queue.value("FifoQueue"), "true", "{name}");
        // One of the two, always.
        assert_eq!(
            queue.value("SqsManagedSseEnabled"),
            "!If [HasQueueKmsKey, false, true]",
            "{name}"
        );
        let key = "!If [HasQueueKmsKey, !Ref QueueKmsKeyArn, !Ref AWS::NoValue]";
        assert_eq!(queue.value("KmsMasterKeyId"), key, "{name}");
        assert_eq!(queue.value("DeduplicationScope"), "messageGroup", "{name}");
        assert_eq!(queue.value("FifoThroughputLimit"), "perMessageGroupId", "{name}");
    }
    assert!(Block::resource("DeadLetterQueue").0.contains("-dead-${Unique}.fifo\n"));

    assert_eq!(queue().value("ContentBasedDeduplication"), "false");
}

#[test]
fn every_accepted_body_fits_into_a_message() {
    for name in ["HandoffQueue", "DeadLetterQueue"] {
        let fits = usize::try_from(Block::resource(name).number("MaximumMessageSize")).unwrap();
        assert!(fits >= 2 * MAX_BODY, "{name}: {fits}");
    }
}

#[test]
fn dead_letter_queue_serves_one_queue() {
    assert_eq!(queue().value("deadLetterTargetArn"), "!GetAtt DeadLetterQueue.Arn");
    let name = queue().value("QueueName").strip_prefix("!Sub ").map(str::to_owned).unwrap();
    assert!(name.ends_with(".fifo"), "{name}");
    let dead = Block::resource("DeadLetterQueue");
    assert_eq!(dead.value("redrivePermission"), "byQueue");
    let sources = dead.under("sourceQueueArns");
    let source =
        format!("- !Sub arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{name}");
    assert_eq!(sources.entries(), BTreeSet::from([&*source]));
}

#[test]
fn the_worker_says_which_messages_failed_and_lambda_listens() {
    let event = Block::resource("WorkerFunction").under("Handoffs");
    assert_eq!(event.value("Queue"), "!GetAtt HandoffQueue.Arn");
    assert_eq!(
        event.under("FunctionResponseTypes").entries(),
        BTreeSet::from(["- ReportBatchItemFailures"])
    );
    assert_eq!(event.number("BatchSize"), 1, "what lies behind a message uses up no delivery");
}

#[test]
fn table_has_the_codes_key_and_expiry() {
    let table = Block::resource("ClaimsTable");
    assert_eq!(table.under("AttributeDefinitions").value("AttributeName"), "pk");
    assert_eq!(table.under("AttributeDefinitions").value("AttributeType"), "S");
    assert_eq!(table.under("KeySchema").value("AttributeName"), "pk");
    let expiry = table.under("TimeToLiveSpecification");
    assert_eq!((expiry.value("AttributeName"), expiry.value("Enabled")), ("expires", "true"));
    let code = file("src/aws/dynamodb.rs");
    assert!(code.contains(".key(\"pk\"") && code.contains("expires = :expires"));
}

#[test]
fn only_copies_outlive_the_stack() {
    let template = Block::section("Resources");
    let copies = ["DeadLetterQueue", "ClaimsTable"];
    for name in copies {
        let resource = Block::resource(name);
        assert_eq!(
            (resource.value("DeletionPolicy"), resource.value("UpdateReplacePolicy")),
            ("RetainExceptOnCreate", "Retain")
        );
    }
    // Nothing of a stack that was never whole stays, or stops its removal.
    assert_eq!(template.0.matches("DeletionPolicy: RetainExceptOnCreate").count(), copies.len());
    assert!(!template.0.contains("DeletionPolicy: Retain\n"));
    assert!(!template.0.contains("DeletionProtectionEnabled"));
}

#[test]
fn both_functions_have_the_same_settings() {
    let [api, worker] = ["ApiFunction", "WorkerFunction"].map(Block::resource);
    let variables = api.under("Variables");
    assert_eq!(variables.entries(), worker.under("Variables").entries());
    assert_eq!(variables.value("QUEUE_URL"), "!Ref HandoffQueue");
    assert_eq!(variables.value("TABLE_NAME"), "!Ref ClaimsTable");
}

#[test]
fn every_function_has_its_own_binary_role_and_log() {
    let manifest = file("Cargo.toml");
    for (function, binary, role, logs) in [
        ("ApiFunction", "api", "ApiRole", "ApiLogs"),
        ("WorkerFunction", "worker", "WorkerRole", "WorkerLogs"),
    ] {
        let block = Block::resource(function);
        assert_eq!(block.value("Binary"), binary);
        assert!(
            manifest.contains(&format!("[[bin]]\nname = \"{binary}\"\n")),
            "no binary {binary}"
        );
        assert_eq!(block.value("Role"), format!("!GetAtt {role}.Arn"));
        assert_eq!(block.value("LogGroup"), format!("!Ref {logs}"));
        let role = Block::resource(role);
        assert!(
            role.0.contains(&format!("Resource: !GetAtt {logs}.Arn")),
            "{function} cannot write its log"
        );
        assert_eq!(
            role.actions("logs"),
            BTreeSet::from(["CreateLogStream", "PutLogEvents"].map(str::to_owned))
        );
    }
}

#[test]
fn roles_allow_only_the_calls_made() {
    let set = |actions: &[&str]| {
        actions.iter().map(|action| (*action).to_owned()).collect::<BTreeSet<_>>()
    };
    let [api, worker, both] = ["ApiRole", "WorkerRole", "WorkPolicy"].map(Block::resource);
    let polling = set(&["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"]);
    let sqs: BTreeSet<String> = api.actions("sqs").union(&worker.actions("sqs")).cloned().collect();
    assert_eq!(api.actions("sqs"), set(&["SendMessage"]));
    assert_eq!(sqs, polling.union(&called("sqs")).cloned().collect());
    assert_eq!(both.actions("ssm"), called("ssm"));
    assert_eq!(both.actions("dynamodb"), called("dynamodb"));
    assert_eq!(
        both.under("Roles").entries(),
        BTreeSet::from(["- !Ref ApiRole", "- !Ref WorkerRole"])
    );

    for role in [api, worker] {
        assert_eq!((role.actions("ssm"), role.actions("dynamodb")), (set(&[]), set(&[])));
    }
}

#[test]
fn extra_rights_depend_on_a_parameter() {
    let expected = [
        ("ApiRole", "kms", "HasQueueKmsKey", vec!["Decrypt", "GenerateDataKey"]),
        ("WorkerRole", "kms", "HasQueueKmsKey", vec!["Decrypt"]),
        ("WorkPolicy", "kms", "HasKmsKey", vec!["Decrypt"]),
        // In the roles themselves: Lambda refuses to trace a function whose role does not allow it
        // yet.
        ("ApiRole", "xray", "Traces", vec!["PutTelemetryRecords", "PutTraceSegments"]),
        ("WorkerRole", "xray", "Traces", vec!["PutTelemetryRecords", "PutTraceSegments"]),
    ];
    for (name, service, condition, actions) in expected {
        let role = Block::resource(name);
        assert_eq!(role.actions(service).iter().collect::<Vec<_>>(), actions, "{name} {service}");
        let (always, conditional) = role.0.split_once(&format!("- {condition}\n")).unwrap();
        let statement = conditional.split("- !Ref AWS::NoValue").next().unwrap();
        assert!(!always.contains(&format!("{service}:")), "{name}: {service} without {condition}");
        assert_eq!(
            Block(statement.to_owned()).actions(service).len(),
            actions.len(),
            "{name}: {service}"
        );
    }
}

#[test]
fn code_deploy_may_move_these_aliases_and_nothing_else() {
    let role = Block::resource("DeploymentRole");
    let actions = ["GetAlias", "GetProvisionedConcurrencyConfig", "UpdateAlias"].map(str::to_owned);
    assert_eq!(role.actions("lambda"), BTreeSet::from(actions));
    let (aliases, alarms) = role.0.split_once("cloudwatch:DescribeAlarms").unwrap();
    assert!(!aliases.contains("\"*\"") && alarms.contains("Resource: \"*\""));
}

/// What somebody who deploys reads: every output, with its description.
#[test]
fn outputs_match_their_snapshot() {
    insta::assert_snapshot!("outputs", Block::section("Outputs").0);
}

#[test]
fn changed_parameter_makes_new_versions() {
    let parameters = Block::section("Parameters");
    let read = |block: &Block| {
        let words = block
            .0
            .split_once("Variables:")
            .unwrap()
            .1
            .split("LoggingConfig")
            .next()
            .unwrap()
            .to_owned();
        let named = words
            .split("!Ref ")
            .skip(1)
            .map(|rest| rest.split_whitespace().next().unwrap().to_owned());
        named.filter(|name| parameters.0.contains(&format!("  {name}:\n"))).collect::<BTreeSet<_>>()
    };

    for function in ["ApiFunction", "WorkerFunction"] {
        let function = Block::resource(function);
        let description = version_description(&function);
        let read = read(&function);
        let said = |name: &String| description.contains(&format!("${{{name}}}"));
        // What is of a version and is no variable.
        let others = ["Tracing", "FunctionMemory"].map(str::to_owned);
        assert!(read.len() >= 7 && read.iter().chain(&others).all(said), "{description}");
    }
}

/// A mark that two values share would change a function without a new version.
#[test]
fn marks_of_version_description_differ() {
    let (parameters, mappings) = (Block::section("Parameters"), Block::section("Mappings"));
    let pairs = [
        ("Mode", "Modes"),
        ("LogLevel", "Levels"),
        ("Tracing", "Traces"),
        ("SendbirdHosts", "Hosts"),
    ];
    for (parameter, mapping) in pairs {
        let mapping = mappings.under(mapping);
        let lines = mapping.0.lines().filter_map(|line| line.trim().split_once(": "));
        let marks: BTreeSet<&str> = lines.map(|(_, mark)| mark).collect();
        let values = allowed(&parameters.under(parameter));
        assert_eq!(marks.len(), values.len(), "{parameter}");
        assert!(marks.iter().all(|mark| mark.len() == 1), "{marks:?}");
        assert!(values.iter().all(|value| mapping.0.contains(&format!("{value}:"))), "{values:?}");
    }
}

fn allowed(parameter: &Block) -> Vec<String> {
    let values = parameter.value("AllowedValues").trim_matches(['[', ']']);
    values.split(", ").map(str::to_owned).collect()
}

/// What each parameter is unless it is set, and between which numbers it may lie.
#[test]
fn parameters_are_the_codes_settings() {
    let parameters = Block::section("Parameters");
    let range = |name: &str| {
        let block = parameters.under(name);
        ["Default", "MinValue", "MaxValue"].map(|key| block.number(key))
    };
    assert_eq!(range("DeskRate"), [5, 1, 1000]);
    let workers = worker_concurrencies();
    assert_eq!((parameters.under("WorkerConcurrency").number("Default"), workers[0]), (2, 2));
    let config = |settings: [String; 3]| {
        let names = [setting::APP_IDS, setting::DESK_RATE, setting::WORKER_CONCURRENCY];
        let find = |name: &str| names.iter().position(|known| *known == name);
        Config::from_lookup(|name| Some(settings[find(name)?].clone()))
    };

    let with = |rate: u32, workers: u32| {
        config(["a".to_owned(), rate.to_string(), workers.to_string()])
            .map(|config| config.calls_per_second)
    };
    assert_eq!(
        with(5, 2),
        config(["a".to_owned(), String::new(), String::new()]).map(|c| c.calls_per_second)
    );
    assert!(with(1000, 2).is_ok() && with(1001, 2).is_err());
    assert!(workers.iter().all(|workers| with(5, *workers).is_ok()));
}

/// Those that the template takes.
fn worker_concurrencies() -> Vec<u32> {
    let parameters = Block::section("Parameters");
    let values = allowed(&parameters.under("WorkerConcurrency"));
    values.iter().map(|value| value.parse().unwrap()).collect()
}

/// Nobody can deploy workers that are too slow for a handoff, and everything else can be deployed.
#[test]
fn rules_refuse_less_than_half_a_call() {
    let rules = Block::section("Rules");
    let lists: Vec<BTreeSet<u32>> = rules.0.split("Fn::Contains:").skip(1).map(numbers).collect();
    assert_eq!(lists.len() % 2, 0, "a condition and an assertion each");
    let refuses = |rule: &[BTreeSet<u32>], rate, workers| {
        rule[0].contains(&rate) && !rule[1].contains(&workers)
    };

    for rate in 1..=1000 {
        for workers in worker_concurrencies() {
            let refused = lists.chunks(2).any(|rule| refuses(rule, rate, workers));
            assert_eq!(refused, 2 * rate < workers, "{rate} {workers}");
        }
    }
}

/// The texts of the first list, as numbers.
fn numbers(list: &str) -> BTreeSet<u32> {
    let list = list.split_once("!Ref").unwrap().0;
    list.split('"').skip(1).step_by(2).map(|number| number.parse().unwrap()).collect()
}

/// README names every parameter once, in the template's order, with its default.
#[test]
fn readme_lists_the_parameters() {
    let readme = file("README.md");
    let (_, table) = readme.split_once("| parameter of the stack | default | meaning |\n").unwrap();
    let rows = table.split("\n\n").next().unwrap().lines().skip(1);
    let cell =
        |row: &str, at: usize| row.split(" | ").nth(at).unwrap().trim_matches('|').to_owned();
    let listed: Vec<[String; 2]> = rows
        .map(|row| [cell(row, 0), cell(row, 1)].map(|text| text.trim().replace('`', "")))
        .collect();
    let parameters = Block::section("Parameters");
    let names =
        parameters.0.lines().filter(|line| line.starts_with("  ") && !line[2..].starts_with(' '));
    let default = |name: &str| {
        let block = parameters.under(name);
        let line = block
            .0
            .lines()
            .find_map(|line| line.trim().strip_prefix("Default: ").map(str::to_owned));
        match line.as_deref().map(|value| value.trim_matches('"')) {
            None => "required".to_owned(),
            Some("") => "empty".to_owned(),
            Some(value) => value.to_owned(),
        }
    };
    let names = names.map(|line| line.trim().trim_end_matches(':').to_owned());
    let expected: Vec<[String; 2]> = names.map(|name| [name.clone(), default(&name)]).collect();

    assert_eq!(listed, expected);
}

#[test]
fn longest_parameters_fit_version_description() {
    let parameters = Block::section("Parameters");
    let description = version_description(&Block::resource("ApiFunction"));
    let longest = |name: &str| {
        let parameter = parameters.under(name);
        let is_number = parameter.0.contains("Type: Number");
        if parameter.0.contains("AllowedValues: [") {
            // A word is there with its mark.
            let lengths = allowed(&parameter).iter().map(String::len).max().unwrap();
            if is_number { lengths } else { 1 }
        } else if is_number {
            parameter.value("MaxValue").len()
        } else {
            usize::try_from(parameter.number("MaxLength")).unwrap()
        }
    };

    let mut length = 0;
    for part in description.split("${") {
        let (name, rest) = part.split_once('}').unwrap_or(("", part));
        length += if name.is_empty() { rest.len() } else { longest(name) + rest.len() };
    }
    assert!(length <= LONGEST_DESCRIPTION, "{length}");
    assert!(length > LONGEST_DESCRIPTION - 10, "it has been read: {length}");
}

/// What `!Sub` is given, in its form with names of its own.
fn version_description(function: &Block) -> String {
    let (_, below) = function.0.split_once("VersionDescription: !Sub\n").unwrap();
    let line = below.lines().next().unwrap();
    line.trim().trim_start_matches("- ").to_owned()
}

/// The operations that the code calls on an AWS client, as IAM names them.
fn called(service: &str) -> BTreeSet<String> {
    let code: String = file(&format!("src/aws/{service}.rs")).split_whitespace().collect();
    let calls = code.split("self.client.").skip(1).chain(code.split("self.0.").skip(1));
    calls.filter_map(|call| call.split_once("()")).map(|(name, _)| pascal(name)).collect()
}

fn pascal(snake: &str) -> String {
    snake.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}
