"""Checks template.yaml without a network and without an AWS account.

  translate    SAM's own translator, once for every value of a parameter that SAM itself decides by, then cfn-lint on the
               plain CloudFormation that it makes (it tries both ways of each condition): finds what is wrong inside
               SAM's properties, which cfn-lint on the source does not; then the alarms and the dashboard (alarms_and_dashboard.py)
  packaged     the same of the templates of a release, and that their zips are the same each time
  samconfig    the environments of samconfig.toml set what the template has
  validate     `sam validate --lint` on the source
  checkov      the security checks; each one skipped has its reason beside it, in the template's metadata
  self-test    plants mistakes in a copy of the template and fails unless `translate` or checkov finds each

Run it with the virtual environment's Python: `make template`.
"""

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import cfnlint.api
from cfnlint.config import ManualArgs
from samtranslator.public.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

import alarms_and_dashboard

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools"))
import package  # noqa: E402
TEMPLATE = ROOT / "template.yaml"
TOOLS = Path(sys.prefix) / "bin"
CHECKOV = Path(sys.prefix).parent / "checkov" / "bin" / "checkov"
REGION = "eu-central-1"

# boto3 wants a region and credentials, though nothing here uses them; without the metadata switch it waits for an
# EC2 machine to answer.
OFFLINE = {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "SAM_CLI_TELEMETRY": "0",
}

# SAM has looked up what Deployment means: in what it makes, nobody asks for the parameter or the mapping any more. In
# the source `validate` still finds unused ones.
RESOLVED = ["W2001", "W7001"]

# What to replace, and by what.
MISTAKES = [
    ("parameter${ParameterPrefix}/*", "parameter${ParameterPrefx}/*"),
    ("LogGroup: !Ref ApiLogs", "LogGroup: !Ref ApiLog"),
    ("DestinationArn: !GetAtt AccessLogs.Arn", "DestinationArn: !GetAtt AccessLog.Arn"),
    ("ApiId: !Ref HttpApi", "ApiId: !Ref OtherApi"),
    ("${HttpApi.ApiEndpoint}/healthz", "${HttpApi.Endpoint}/healthz"),
    ("Timeout: 29", "Timeout: 1000"),
    ("Runtime: provided.al2023", "Runtime: provided.al2032"),
    ("MemorySize: !Ref", "MemorySise: !Ref"),
    ("RetentionInDays: !Ref", "RetentionDays: !Ref"),
    ("QUEUE_URL: !Ref HandoffQueue", "QUEUE_URL: !Ref HandoffsQueue"),
    ("Queue: !GetAtt HandoffQueue.Arn", "Queue: !GetAtt HandoffQueue.QueueArn"),
    ("deadLetterTargetArn: !GetAtt", "deadLetterTarget: !GetAtt"),
    ("- ReportBatchItemFailures", "- ReportItemFailures"),
    ("MaximumConcurrency: !Ref WorkerConcurrency", "MaximumConcurrency: !Ref Concurrency"),
    ("- AttributeName: pk", "- AttributeName: key"),
    ("TimeToLiveSpecification:", "TimeToLive:"),
    ("    AutoPublishAlias: live\n", ""),
    ("Tracing: !Ref Tracing", "Tracing: !Ref Traces"),
    ("Role: !GetAtt DeploymentRole.Arn", "Role: !GetAtt DeploymentsRole.Arn"),
    ("Enabled: !FindInMap [Deployments,", "Enabled: !FindInMap [Deployment,"),
    ("- !Ref ApiFunctionErrors", "- !Ref ApiFunctionError"),
    ("KmsMasterKeyId: !If [HasQueueKmsKey, !Ref QueueKmsKeyArn", "KmsMasterKeyId: !If [HasQueueKmsKey, !Ref QueueKey"),
    ("TreatMissingData: notBreaching", "TreatMissingData: notbreaching"),
    ("QueryString: |", "Query: |"),
    ("{Name: QueueName, Value: !GetAtt DeadLetterQueue.QueueName}", "{Name: Queue, Value: !GetAtt DeadLetterQueue.Queue}"),
    ("AlarmActions: !If [HasAlarmTopic, [!Ref AlarmTopicArn]", "AlarmActions: !If [HasAlarmTopic, [!Ref KmsKeyArn]"),
    ("OKActions: !If [HasAlarmTopic", "InsufficientDataActions: !If [HasAlarmTopic"),
    ("Severity 2.", "Severity: 2."),
    ("#dead-letter-queue-not-empty\n", "#dead-letters\n"),
    ("Expression: IF(errors >= 3", "Expression: IF(error >= 3"),
    ("${DeadLetterQueue.QueueName}", "${DeadLetterQueue.Queue}"),
    ('{"widgets": [', '{"widgets": [['),
    ('"5xx", ".", "."', '"5XXError", ".", "."'),
    ("-server-errors\n", "-server-error\n"),
    ("${StaleSecretsServed.Arn}", "${Dashboard.Arn}"),
    ('"Route", "webhook"]', '"Route"]'),
    ('{"label": "given up"}', '{"label": "given up", "stat": Sum}'),
    ('{"id": "queuetime", ', '{"id": "queue", '),
]
# CloudFormation would deploy this: only checkov objects.
UNSAFE = ("Action: ssm:GetParametersByPath", 'Action: "*"')


class NoManagedPolicies:
    """Stands for the look-up of AWS's managed policies, which needs an account."""

    def load(self):
        return {}


def translate(source):
    """The problems of the translated template, one line each; those of the first way to deploy that has any."""
    deployments = yaml_parse(source)["Parameters"]["Deployment"]["AllowedValues"]
    return next(filter(None, (translated_with(source, deployment) for deployment in deployments)), [])


def translated_with(source, deployment):
    template = yaml_parse(source)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # The translator takes only what `sam package` leaves here.
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    try:
        plain = transform(template, {"Deployment": deployment}, NoManagedPolicies())
    except InvalidDocumentException as invalid:
        return [str(cause.message) for cause in invalid.causes]
    found = cfnlint.api.lint(json.dumps(plain), config=ManualArgs(regions=[REGION], ignore_checks=RESOLVED))
    problems = [f"{match.rule.id} {match.message} at {'/'.join(map(str, match.path))}" for match in found]
    problems = problems or alarms_and_dashboard.problems(plain) + shifting(plain, deployment)
    return [f"Deployment={deployment}: {problem}" for problem in problems]


def shifting(plain, deployment):
    """A look-up that SAM cannot resolve counts as true, and CloudFormation would never know."""
    types = [resource["Type"] for resource in plain["Resources"].values()]
    groups = types.count("AWS::CodeDeploy::DeploymentGroup")
    return [] if groups == (0 if deployment == "AllAtOnce" else 2) else [f"{groups} deployment groups"]


def packaged(source):
    """What a user of a release deploys, one template a processor."""
    problems = []
    for architecture in ["x86_64", "arm64"]:
        text = package.packaged(source, architecture)
        problems += translate(text)
        code = re.findall(r"CodeUri: (.*)", text)
        if code != [f"desk-handoff-{name}-{architecture}.zip" for name in ["api", "worker"]] or "BuildMethod" in text:
            problems.append(f"{architecture}: the code is in {code}")
    os.environ["SOURCE_DATE_EPOCH"] = "1764280000"
    with tempfile.TemporaryDirectory() as folder:
        zips = [Path(folder) / name for name in ["one.zip", "other.zip"]]
        for path in zips:
            package.pack(TEMPLATE, path)
        if zips[0].read_bytes() != zips[1].read_bytes():
            problems.append("two zips of the same file differ")
    return problems


def samconfig(source):
    parameters = yaml_parse(source)["Parameters"]
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    environments = {name: it["deploy"]["parameters"] for name, it in config.items() if name != "version"}
    problems = [] if set(environments) == {"default", "dev", "staging", "prod"} else [f"environments {set(environments)}"]
    for name, deploy in environments.items():
        for pair in deploy.get("parameter_overrides", []):
            key, value = pair.split("=", 1)
            known = parameters.get(key)
            if known is None or value not in map(str, known.get("AllowedValues", [value])):
                problems.append(f"{name}: {pair}")
            elif not re.fullmatch(known.get("AllowedPattern", ".*"), value):
                problems.append(f"{name}: {pair} breaks the parameter's pattern")
    return problems


def run(*command):
    """The output of a command as problems, if it fails."""
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | OFFLINE, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    return [] if done.returncode == 0 else [done.stdout + done.stderr]


def checkov(path):
    return run(CHECKOV, "--file", path, "--framework", "cloudformation", "--compact", "--quiet", "--skip-download")


def checkov_of(source):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as copy:
        copy.write(source)
        copy.flush()
        return checkov(copy.name)


def self_test(source):
    problems = []
    for check, (right, wrong) in [(translate, mistake) for mistake in MISTAKES] + [(checkov_of, UNSAFE)]:
        if right not in source:
            problems.append(f"the template no longer says «{right}»: plant this mistake elsewhere")
        elif not check(source.replace(right, wrong, 1)):
            problems.append(f"«{wrong}» went unnoticed")
    return problems


def main():
    os.environ.update(OFFLINE)
    # The translator warns that nobody collected its usage metrics.
    logging.disable(logging.WARNING)
    source = TEMPLATE.read_text()
    checks = {
        "translate": lambda: translate(source),
        "packaged": lambda: packaged(source),
        "samconfig": lambda: samconfig(source),
        "validate": lambda: run(TOOLS / "sam", "validate", "--lint", "--template", TEMPLATE),
        "checkov": lambda: checkov(TEMPLATE),
        "self-test": lambda: self_test(source),
    }
    failed = False
    for name, check in checks.items():
        problems = check()
        failed |= bool(problems)
        print(f"template {name}: {'FAILED' if problems else 'ok'}", *problems, sep="\n  ", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
