"""Checks template.yaml without a network and without an AWS account.

  translate    SAM's own translator, then cfn-lint on the plain CloudFormation that it makes: finds what is wrong
               inside SAM's properties, which cfn-lint on the source does not
  validate     `sam validate --lint` on the source
  checkov      the security checks; each one skipped has its reason beside it, in the template's metadata
  self-test    plants mistakes in a copy of the template and fails unless `translate` or checkov finds each

Run it with the virtual environment's Python: `make template`.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cfnlint.api
from samtranslator.public.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
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

# What to replace, and by what.
MISTAKES = [
    ("parameter${ParameterPrefix}/*", "parameter${ParameterPrefx}/*"),
    ("LogGroup: !Ref ApiLogs", "LogGroup: !Ref ApiLog"),
    ("DestinationArn: !GetAtt AccessLogs.Arn", "DestinationArn: !GetAtt AccessLog.Arn"),
    ("ApiId: !Ref HttpApi", "ApiId: !Ref OtherApi"),
    ("${HttpApi.ApiEndpoint}/healthz", "${HttpApi.Endpoint}/healthz"),
    ("Timeout: 29", "Timeout: 1000"),
    ("Runtime: provided.al2023", "Runtime: provided.al2032"),
    ("MemorySize: 256", "MemorySise: 256"),
    ("RetentionInDays: !Ref", "RetentionDays: !Ref"),
    ("QUEUE_URL: !Ref HandoffQueue", "QUEUE_URL: !Ref HandoffsQueue"),
    ("Queue: !GetAtt HandoffQueue.Arn", "Queue: !GetAtt HandoffQueue.QueueArn"),
    ("deadLetterTargetArn: !GetAtt", "deadLetterTarget: !GetAtt"),
    ("- ReportBatchItemFailures", "- ReportItemFailures"),
    ("MaximumConcurrency: 2", "MaximumConcurrency: 1"),
    ("VisibilityTimeout: 360", "VisibilityTimeout: 59"),
    ("- AttributeName: pk", "- AttributeName: key"),
    ("TimeToLiveSpecification:", "TimeToLive:"),
]
# CloudFormation would deploy this: only checkov objects.
UNSAFE = ("Action: ssm:GetParametersByPath", 'Action: "*"')


class NoManagedPolicies:
    """Stands for the look-up of AWS's managed policies, which needs an account."""

    def load(self):
        return {}


def translate(source):
    """The problems of the translated template, one line each."""
    template = yaml_parse(source)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # The translator takes only what `sam package` leaves here.
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    try:
        plain = transform(template, {}, NoManagedPolicies())
    except InvalidDocumentException as invalid:
        return [str(cause.message) for cause in invalid.causes]
    found = cfnlint.api.lint(json.dumps(plain), regions=[REGION])
    return [f"{match.rule.id} {match.message} at {'/'.join(map(str, match.path))}" for match in found]


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
