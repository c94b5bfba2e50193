"""The stack of template.yaml on this machine: a local AWS, an embedded Desk, and the real `sam deploy` (`make stack`).

  up      starts both, deploys, stores the parameters, and prints what to paste; they stay up
  down    ends what `up` started, by the process ids that it noted

Run it with the Python of .venv/stack, after `cargo build --bins` or, with BUILT=.aws-sam/build, after `make build`. Nothing
here reaches a network beyond this machine.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import boto3
from botocore.config import Config

from template import FUNCTIONS, adapted

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
HANDOFF = TARGET / "debug" / "handoff"
VENV = pathlib.Path(sys.prefix).parent
TOOLS = f"{VENV / 'awscli' / 'bin'}:{VENV / 'aws' / 'bin'}"
STATE = TARGET / "stack"

REGION = "eu-central-1"
NAME = "desk-handoff"
APP = "DEMO-APP-0001"
# Published, as `cargo handoff send --local` has them: they prove nothing anywhere else.
SIGNING_SECRET = "local-only-signing-secret"
BEARER_TOKEN = "local-only-bearer-token"
DESK_TOKEN = "emulator-desk-token"
CHAT_TOKEN = "emulator-chat-token"
BUCKET = "artefacts"
# The local AWS takes these for the root of the account.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
SECONDS = 60


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(what, ask, seconds=SECONDS, pause=0.1):
    """What `ask` gives, as soon as it is something."""
    end = time.monotonic() + seconds
    while not (found := ask()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)
    return found


class Stack:
    """What is up, and where."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.processes = []
        self.about = {}
        # What Desk takes now.
        self.desk_token = DESK_TOKEN

    def start(self):
        """The local AWS and the Desk."""
        self.folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.about = {"endpoint": f"http://127.0.0.1:{port}"}
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        # Its keys are known to everybody, so nobody else may reach it. With AUTH signatures are verified, and every call needs
        # what a policy allows.
        local = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0",
                 "AUTH": "true", "MINISTACK_REGION": REGION, "TMPDIR": str(scratch)}
        command = [sys.executable, "-m", "ministack"]
        self.begin("aws", command, os.environ | local)
        self.begin("desk", [HANDOFF, "serve", "--port", "0", "--color", "never"], os.environ)
        log = self.folder / "desk.log"
        said = wait_for("the Desk is up", lambda: re.search(
            r"Look at it: (\S+?)/\s[\s\S]*?Desk is embedded, at (\S+),[\s\S]*logged below", log.read_text()))
        self.about |= {"page": said[1], "desk": said[2]}
        wait_for("the local AWS is up", self.is_up)
        self.make_bucket(BUCKET, REGION)
        self.note()

    def make_bucket(self, name, region):
        s3 = self.client("s3", region_name=region)
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})

    def begin(self, name, command, environment):
        log = open(self.folder / f"{name}.log", "w")
        # In a session of their own: Ctrl-C at `make stack` is not theirs.
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        self.processes.append(process)
        self.about.setdefault("processes", []).append([process.pid, started(process.pid)])
        self.note()

    def is_up(self):
        try:
            with urllib.request.urlopen(f"{self.about['endpoint']}/_ministack/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def note(self):
        (self.folder / "about.json").write_text(json.dumps(self.about, indent=1))

    def environment(self):
        """For `aws`, `sam` and `cargo handoff`."""
        return CREDENTIALS | {
            "AWS_ENDPOINT_URL": self.about["endpoint"], "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true", "SAM_CLI_TELEMETRY": "0", "AWS_MAX_ATTEMPTS": "1",
        }

    def client(self, service, **keys):
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"} | keys
        return boto3.client(service, endpoint_url=self.about["endpoint"], config=Config(retries={"max_attempts": 1}),
                            **{"region_name": REGION} | keys)

    def adapt(self, code, change=lambda template: None):
        """A copy of the template, with this change."""
        host = self.about["desk"].rsplit("/platform", 1)[0]
        environment = {"AWS_ENDPOINT_URL": self.about["endpoint"], "DESK_BASE_URL": self.about["desk"],
                       "CHAT_BASE_URL": f"{host}/v3"}
        base = f"{self.about['endpoint']}/_aws/execute-api/${{HttpApi}}/%24default"
        copy = adapted((ROOT / "template.yaml").read_text(), code, environment, base)
        change(copy)
        path = self.folder / "template.json"
        path.write_text(json.dumps(copy, indent=1, default=str))
        return path

    def deploy(self, template, *parameters, region=REGION, name=NAME, bucket=BUCKET):
        """`sam deploy`; its end."""
        command = ["sam", "deploy", "--template-file", str(template), "--stack-name", name, "--s3-bucket", bucket,
                   "--region", region, "--no-resolve-s3", "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--no-confirm-changeset",
                   "--no-fail-on-empty-changeset", "--parameter-overrides", f"AppIds={APP}", *parameters]
        environment = os.environ | self.environment() | {"PATH": f"{TOOLS}:{os.environ['PATH']}"}
        return subprocess.run(command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def outputs(self):
        stack = self.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def store_parameters(self, app=APP):
        fields = json.loads((ROOT / "fields.example.json").read_text())
        # The embedded Desk makes no tickets by itself: nothing to wait for.
        fields["ticket"]["grace_seconds"] = 0
        values = {"desk-api-token": self.desk_token, "chat-api-token": CHAT_TOKEN, "signing-secret": SIGNING_SECRET,
                  "bearer-token": BEARER_TOKEN, "fields": json.dumps(fields)}
        for name, value in values.items():
            kind = "String" if name == "fields" else "SecureString"
            self.client("ssm").put_parameter(Name=f"/{NAME}/{app}/{name}", Value=value, Type=kind, Overwrite=True)

    def tickets(self):
        """What Desk holds."""
        request = urllib.request.Request(f"{self.about['desk']}/tickets?limit=100", headers={"SENDBIRDDESKAPITOKEN": self.desk_token})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["results"]

    def stop(self):
        end(self.about["processes"])
        for process in self.processes:
            process.wait()


def started(pid):
    """When the process started, in ticks: another one of the same id has another time. None if it has ended."""
    try:
        # After the name, which may hold anything: the state, and the start as the 20th.
        state, *fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else int(fields[18])


def end(processes):
    """Ends these, and the functions that the local AWS has started: they are of its group."""
    for sent, seconds in [(signal.SIGTERM, 10), (signal.SIGKILL, 5)]:
        alive = [pid for pid, start in processes if started(pid) == start]
        for pid in alive:
            os.killpg(pid, sent)
        deadline = time.monotonic() + seconds
        while any(map(started, alive)) and time.monotonic() < deadline:
            time.sleep(0.1)


def bootstraps(folder):
    """A folder for each function with its bootstrap in it."""
    built = os.environ.get("BUILT")
    code = {}
    for function, name in FUNCTIONS.items():
        code[name] = pathlib.Path(folder) / name
        code[name].mkdir(parents=True, exist_ok=True)
        bootstrap = code[name] / "bootstrap"
        if built:
            shutil.copyfile(ROOT / built / function / "bootstrap", bootstrap)
        elif shutil.which("strip"):
            # Four fifths of a development build are for a debugger.
            subprocess.run(["strip", "-o", bootstrap, TARGET / "debug" / name], check=True)
        else:
            shutil.copyfile(TARGET / "debug" / name, bootstrap)
        bootstrap.chmod(0o755)
    return code


def up():
    if (STATE / "about.json").exists():
        sys.exit("a stack is up already, or was not ended: make stack-down")
    began = time.monotonic()
    stack = Stack(STATE)
    try:
        stack.start()
        stack.store_parameters()
        deployed = stack.deploy(stack.adapt(bootstraps(STATE / "code")))
        if deployed.returncode:
            raise AssertionError(deployed.stdout[-3000:] + deployed.stderr[-2000:])
        outputs = stack.outputs()
        end_to_end(stack, outputs)
    except BaseException:
        stack.stop()
        (STATE / "about.json").unlink(missing_ok=True)
        raise
    print(f"The stack is up after {time.monotonic() - began:.0f} s, and a signed handoff has become a ticket.")
    print(GUIDE.format(**outputs, **stack.about, region=REGION, app=APP, secret=SIGNING_SECRET, tools=VENV / "awscli" / "bin"))


def end_to_end(stack, outputs):
    """A documented event, signed and sent to the deployed URL by `send`, becomes a ticket."""
    environment = os.environ | {"SIGNING_SECRET": SIGNING_SECRET}
    command = [HANDOFF, "send", "events/handoff.json", "--url", outputs["WebhookUrl"], "--secret-env", "SIGNING_SECRET"]
    sent = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert sent.returncode == 0, sent.stdout + sent.stderr
    wait_for("the ticket of the first handoff", stack.tickets)


GUIDE = """
  webhook   {WebhookUrl}
  direct    {HandoffsUrl}
  preview   {PreviewUrl}
  Desk      {page}/page/desk   (its tickets; here you can take it down, or be a human agent)

Paste this once:
  export SIGNING_SECRET={secret} AWS_ENDPOINT_URL={endpoint} AWS_REGION={region} AWS_DEFAULT_REGION={region}
  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_EC2_METADATA_DISABLED=true PATH="{tools}:$PATH"
  aws() {{ command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }}

Hand over, and look what the stack says of itself:
  cargo handoff send events/second-handoff.json --url '{HandoffsUrl}' --secret-env SIGNING_SECRET
  cargo handoff doctor --app-id {app} --region {region} --desk-url {desk}
  aws logs filter-log-events --log-group-name {WorkerLogGroup} --query 'events[].message' --output text
With APP_ID={app} the commands of docs/operations.md work in this shell. `make stack-down` ends it all."""


def down():
    about = STATE / "about.json"
    if about.exists():
        end(json.loads(about.read_text())["processes"])
        shutil.rmtree(STATE)


if __name__ == "__main__":
    {"up": up, "down": down}[sys.argv[1]]()
