"""The stack of template.yaml, deployed to an AWS on this machine and met from outside (`make stack-test`).

The checks run in this order on one stack, which the last of them delete: what needs time is begun early and looked at later.
docs/stack.md says what the local AWS cannot do, and what looks at that instead. It ends with the count. Run it with the Python
of .venv/stack, as stack.py.
"""

import base64
import contextlib
import copy
import hashlib
import hmac
import http.client
import json
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
import urllib.parse
import urllib.request

from botocore.exceptions import ClientError
from samtranslator.yaml_helper import yaml_parse

import stack as local
from shell import Operator, blocks
from stack import APP, HANDOFF, NAME, ROOT, SIGNING_SECRET, Stack, wait_for

# After so many deliveries a message is put aside. The twelve of the template take two hours.
MAX_RECEIVE_COUNT = 1
# What the worker's first pause is, and what SQS and a busy machine need beside it.
PAUSE = 30 + 30
# For it Parameter Store would have to fail for five minutes: tests/it/alarms_and_dashboard.rs provokes it.
UNPROVOKED = "StaleSecrets"
# Where there is no curl.
CURL = "import sys, urllib.request as u; a = u.urlopen(sys.argv[1]); print(a.status); print(a.read().decode())"
ADDED, UNLISTED = "DEMO-APP-0002", "DEMO-APP-0003"
NEW_SECRET = "the-secret-after-the-rotation"
NEW_BEARER_TOKEN = "the-bearer-token-after-the-rotation"
STANDARD_KEY = b"a-key-for-standard-webhooks"
# Where the stack moves to. Of another name, since the local AWS gives the roles of two stacks of one name the same names.
THERE, NAME_THERE = "eu-west-1", f"{NAME}-there"
# How many applications that are none a function asks for in a minute: src/secrets.rs.
MISSES_A_MINUTE = 60


class World:
    """What the checks share."""

    def __init__(self, stack):
        self.stack = stack
        self.code = local.bootstraps(self.stack.folder / "code")
        self.operator = Operator(self.stack, local.TOOLS)
        self.number = 0
        self.secret = SIGNING_SECRET
        self.apps = APP
        # How many letters there will be, when each has had its time.
        self.dead = 1
        self.alarms = [resource["Properties"] for resource in yaml_parse((ROOT / "template.yaml").read_text())["Resources"].values()
                       if resource["Type"] == "AWS::CloudWatch::Alarm"]

    @contextlib.contextmanager
    def without(self, role, action):
        """While this action is in none of the role's policies."""
        iam, role = self.client("iam"), self.resource(role)
        changed = []
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            poorer = copy.deepcopy(document)
            for statement in poorer["Statement"]:
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                # A statement of nothing is none: this is what nobody has.
                statement["Action"] = [one for one in actions if one != action] or ["sqs:ListQueues"]
            if poorer != document and any(action in json.dumps(one["Action"]) for one in document["Statement"]):
                changed.append((policy, document))
                iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(poorer))
        assert changed, f"{role} has no {action}"
        try:
            yield
        finally:
            for policy, document in changed:
                iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))

    def as_role(self, role):
        """Makes clients with the rights of this role, which trusts nobody but Lambda: until here."""
        iam, name = self.client("iam"), self.resource(role)
        about = iam.get_role(RoleName=name)["Role"]
        trust = about["AssumeRolePolicyDocument"]
        own = {"Effect": "Allow", "Principal": {"AWS": about["Arn"].split(":")[4]}, "Action": "sts:AssumeRole"}
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps({**trust, "Statement": [own]}))
        given = self.client("sts").assume_role(RoleArn=about["Arn"], RoleSessionName="check")["Credentials"]
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
        keys = {"aws_access_key_id": given["AccessKeyId"], "aws_secret_access_key": given["SecretAccessKey"],
                "aws_session_token": given["SessionToken"]}
        return lambda service: self.client(service, **keys)

    def deploy(self, code=None, change=lambda template: None):
        """Whether it ended well, and what it said."""
        def changed(template):
            template["Resources"]["HandoffQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"] = MAX_RECEIVE_COUNT
            change(template)

        done = self.stack.deploy(self.stack.adapt(code or self.code, changed), f"AppIds={self.apps}")
        return done.returncode == 0, done.stdout + done.stderr

    def client(self, service, **keys):
        return self.stack.client(service, **keys)

    def request(self, method, path, body=None, headers=None):
        """Status, headers and JSON of the deployed API's answer."""
        base = urllib.parse.urlsplit(self.base)
        connection = http.client.HTTPConnection(base.netloc, timeout=35)
        connection.request(method, base.path + path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, json.loads(text) if text.startswith("{") else text

    def hand_over(self, body, route="/webhooks/handoff", secret=None, **headers):
        """Signed; the status and the JSON of the answer."""
        content = json.dumps(body).encode()
        secret = (secret or self.secret).encode()
        headers["x-sendbird-signature"] = hmac.new(secret, content, hashlib.sha256).hexdigest()
        # Where several are served, every sender must say which it is.
        query = f"?app_id={body['app_id']}" if self.apps != APP else ""
        status, _, answer = self.request("POST", route + query, content, headers)
        return status, answer

    def handoff(self, conversation, context=None, app=APP):
        """The body of another event of this conversation."""
        self.number += 1
        conversation = {"id": conversation, "user_id": f"user-{conversation}", "channel_url": f"ch_{conversation}",
                        "ai_agent_context": {"context": {"order-id": "A-1"} if context is None else context}}
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{self.number:03}Z"
        return {"id": f"event-{self.number}", "app_id": app, "category": "handoff",
                "data": {"conversation": conversation, "handoff_at": at}}

    def tickets(self, conversation):
        """Desk's tickets of this conversation."""
        return [ticket for ticket in self.stack.tickets() if ticket["channelName"] == f"AI handoff {conversation}"]

    def ticket(self, conversation, seconds=30):
        """The only one, once it is there."""
        found = wait_for(f"the ticket of {conversation}", lambda: self.tickets(conversation), seconds)
        assert len(found) == 1, found
        return found[0]

    def fields(self, conversation):
        """What the fields of its only ticket hold, but for what every handoff fills."""
        [ticket] = self.tickets(conversation)
        return {field["key"]: field["value"] for field in ticket["customFields"] if field["value"] and field["key"] != "language"}

    def log(self, function):
        """The lines of a function's log."""
        group = f"/aws/lambda/{NAME}-{function}"
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"].strip() for page in pages for event in page["events"]]

    def logged(self, function, *parts):
        """Waits for a line with all of these parts."""
        return wait_for(f"{parts} in the log of {function}", lambda: next(
            (line for line in self.log(function) if all(part in line for part in parts)), None))

    def resource(self, name):
        """Its physical id."""
        described = self.client("cloudformation").describe_stack_resources(StackName=NAME, LogicalResourceId=name)
        return described["StackResources"][0]["PhysicalResourceId"]

    def depth(self, output="QueueUrl"):
        """How many messages are on the queue, in work or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.client("sqs").get_queue_attributes(QueueUrl=self.outputs[output], AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def version(self, function="ApiFunction"):
        """The one that answers."""
        return self.client("lambda").get_alias(FunctionName=self.resource(function), Name="live")["FunctionVersion"]

    def desk_is_well(self):
        """Whether the page of the embedded Desk says that nothing goes wrong."""
        with urllib.request.urlopen(f"{self.stack.about['page']}/page/desk") as answer:
            return 'id="no-fault"' in answer.read().decode()

    def desk(self, path, body):
        """What the page of the embedded Desk does at the press of a button."""
        page = self.stack.about["page"]
        with urllib.request.urlopen(f"{page}/page/desk") as answer:
            token = re.search('name="page-token" content="([0-9a-f]+)"', answer.read().decode())[1]
        headers = {"content-type": "application/json", "x-page-token": token}
        request = urllib.request.Request(f"{page}{path}", json.dumps(body).encode(), headers)
        urllib.request.urlopen(request).close()


# Deploying, and the way in.


def sam_deploys_the_stack(world):
    world.stack.store_parameters()
    ended_well, said = world.deploy()
    assert ended_well, said[-3000:]
    world.outputs = world.stack.outputs()
    world.base = world.outputs["HealthUrl"].removesuffix("/healthz")
    begin_shift(world.operator, world.stack, local.REGION)


def begin_shift(operator, stack, region, name=NAME):
    """What an operator pastes first, and what only this machine needs."""
    operator.paste("yours", **{"desk_handoff": name, "YOUR_APPLICATION_ID": APP, "eu_central_1": region})
    operator.paste("setup")
    operator.run(f"DESK={stack.about['desk']} HANDOFF={HANDOFF}")
    if not shutil.which("curl"):
        operator.run(f"curl() {{ {sys.executable} -c '{CURL}' \"${{@: -1}}\"; }}")
    # The embedded Desk is where no Desk is by itself.
    operator.run("""cargo() {
      case "$1 $2" in
        "handoff doctor") "$HANDOFF" "${@:2}" --desk-url "$DESK" ;;
        "handoff "*) "$HANDOFF" "${@:2}" ;;
        *) command cargo "$@" ;;
      esac
    }""")


def every_route_answers(world):
    assert "200" in world.operator.paste("health").splitlines()[0]
    for method, path, status in [
        # The first refusal is counted at once, later ones within the minute.
        ("POST", "/webhooks/handoff", 401), ("POST", "/handoffs", 401), ("POST", "/handoffs/preview", 401),
        ("GET", "/healthz", 200), ("GET", "/openapi.json", 200), ("GET", "/", 404), ("POST", "/nowhere", 404),
        ("GET", "/handoffs", 405), ("DELETE", "/webhooks/handoff", 405),
    ]:
        answered, headers, body = world.request(method, path, b"{}" if method == "POST" else None)
        assert answered == status, (method, path, answered, body)
        if status >= 400:
            assert headers["content-type"] == "application/problem+json" and body["status"] == status, (path, body)


def a_direct_handoff_is_done_at_once(world):
    body = world.handoff("direct")
    status, answer = world.hand_over(body, "/handoffs")
    assert (status, answer["status"]) == (201, "created"), answer
    assert world.ticket("direct")["id"] == answer["ticket"]["id"], answer
    again = world.hand_over(body, "/handoffs")
    assert (again[0], again[1]["status"]) == (200, "duplicate"), again
    bearer = {"authorization": f"Bearer {local.BEARER_TOKEN}"}
    content = json.dumps(world.handoff("direct", {"cart-items": 2})).encode()
    status, _, answer = world.request("POST", "/handoffs", content, bearer)
    assert (status, answer["status"]) == (200, "updated"), answer


def a_preview_writes_nothing(world):
    status, answer = world.hand_over(world.handoff("previewed"), "/handoffs/preview")
    assert (status, answer["status"], answer["action"]) == (200, "preview", "create"), answer
    assert world.tickets("previewed") == []


def a_webhook_becomes_a_ticket(world):
    for items in (1, 2, 3):
        status, answer = world.hand_over(world.handoff("hooked", {"cart-items": items}))
        assert (status, answer["status"]) == (200, "queued"), answer
    ticket = world.ticket("hooked")
    wait_for("the last one in order", lambda: world.fields("hooked") == {"cart-items": "3"})
    assert world.tickets("hooked")[0]["id"] == ticket["id"]


def an_event_sent_five_times_makes_one_ticket(world):
    body = world.handoff("repeated")
    answers = [world.hand_over(body)[0] for _ in range(5)]
    assert answers == [200] * 5, answers
    world.ticket("repeated")
    answer = world.hand_over(body, "/handoffs")[1]
    assert answer["status"] == "duplicate", answer
    assert len(world.tickets("repeated")) == 1


def a_handoff_that_need_not_wait_is_accepted(world):
    status, answer = world.hand_over(world.handoff("async"), "/handoffs", prefer="respond-async")
    assert (status, answer["status"]) == (202, "queued"), answer
    world.ticket("async")


def a_handoff_waits_while_desk_is_down(world):
    """Looked at again in dead_letters_are_redriven."""
    world.desk("/page/desk/outage", {"seconds": "5"})
    status, answer = world.hand_over(world.handoff("down", {"order-id": "first", "cart-items": 1}))
    assert (status, answer["status"]) == (200, "queued"), answer
    world.logged("worker", '"conversation_id":"down"', '"status":"Failed"')
    assert world.depth() == 1
    # Behind it, since they are one customer's.
    assert world.hand_over(world.handoff("down", {"order-id": "last"}))[0] == 200


def the_commands_of_an_operator_see_the_stack(world):
    operator = world.operator
    # doctor asks Desk, which the check before may have left unreachable.
    wait_for("the end of the outage", world.desk_is_well)
    assert "not" not in operator.paste("first-look").split("\n")[0]
    found = operator.paste("doctor")
    assert "No error" in found and SIGNING_SECRET not in found, found
    assert re.fullmatch(r"\d+\s+\d+", operator.paste("concurrency"))


# Operation.


def paused_it_accepts(world):
    pause(world.operator)
    before = world.depth()
    assert world.hand_over(world.handoff("paused"))[0] == 200
    time.sleep(2)
    assert world.depth() > 0 and world.tickets("paused") == [], before


def pause(operator):
    assert operator.paste("pause").split()[-1] in ("Disabling", "Disabled")
    wait_for("the end of what is in work", lambda: operator.run(
        'aws lambda get-event-source-mapping --uuid "$TRIGGER" --query State --output text') == "Disabled")


def the_table_is_restored_while_paused(world):
    """Once because of its contents, once because it is gone; each time it still knows what was done."""
    operator, dynamodb, table = world.operator, world.client("dynamodb"), world.outputs["TableName"]
    done = world.handoff("remembered")
    assert world.hand_over(done, "/handoffs")[0] == 201
    operator.paste("restore-copy")
    for item in dynamodb.scan(TableName=table, ProjectionExpression="pk")["Items"]:
        dynamodb.delete_item(TableName=table, Key=item)
    operator.paste("restore-backup")
    # While there is no table.
    status, answer = world.hand_over(world.handoff("untabled"), "/handoffs")
    assert (status, answer["status"]) == (202, "queued"), answer
    operator.paste("restore-table")
    assert_remembers(world, done)
    operator.paste("restore-tidy")
    # DynamoDB makes this backup by itself when the table is deleted.
    dynamodb.create_backup(TableName=table, BackupName="of-the-deleted-table")
    dynamodb.delete_table(TableName=table)
    operator.paste("restore-newest")
    operator.paste("restore-table")
    assert_remembers(world, done)
    assert dynamodb.list_tables()["TableNames"] == [table]


def assert_remembers(world, done):
    """The table is set up as the template has it, and this event is known."""
    dynamodb, table = world.client("dynamodb"), world.outputs["TableName"]
    expiry = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "expires"), expiry
    backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED", backups
    status, answer = world.hand_over(done, "/handoffs")
    assert (status, answer["status"]) == (200, "duplicate"), answer


def resumed_it_works(world):
    assert world.operator.paste("resume") in ("Enabling", "Enabled")
    world.ticket("paused")
    world.ticket("untabled")


def dead_letters_are_redriven(world):
    operator = world.operator
    wait_for("the dead letters", lambda: world.depth("DeadLetterQueueUrl") == world.dead, PAUSE)
    letters = operator.paste("look")
    assert len(letters.splitlines()) == world.dead and "first" not in letters, letters
    # The newer one was done as soon as the older one no longer stood in its way.
    world.ticket("down")
    assert world.fields("down") == {"order-id": "last"}, world.fields("down")
    # The first of them alone, by its time; the others stay to be seen.
    first = min(int(letter.split("\t")[1]) for letter in letters.splitlines()) // 1000
    at = lambda seconds: time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
    operator.paste("span", **{"2026-11-28 10:00": at(first - 3600), "2026-11-28 12:00": at(first)})
    assert operator.paste("redrive-span") == ""
    operator.paste("span", **{"2026-11-28 10:00": at(first), "2026-11-28 12:00": at(first + 1)})
    assert len(operator.paste("redrive-span").splitlines()) == 1
    assert len(operator.paste("look").splitlines()) == world.dead - 1
    operator.paste("redrive-by-hand")
    wait_for("the older one fills what is empty", lambda: world.fields("down") == {"order-id": "last", "cart-items": "1"})
    world.ticket("down")
    assert operator.paste("drain") == "The queue is empty."
    assert (world.depth(), world.depth("DeadLetterQueueUrl")) == (0, 0)
    # One that can never be done.
    letter = world.client("sqs").send_message(QueueUrl=world.outputs["DeadLetterQueueUrl"], MessageBody="no handoff",
                                              MessageGroupId="g", MessageDeduplicationId="d")
    operator.paste("give-up", THE_MESSAGE_ID=letter["MessageId"])
    assert world.depth("DeadLetterQueueUrl") == 0


def a_setting_changes_both_functions(world):
    """With what is stored meanwhile: the functions that answer now have read it."""
    operator = world.operator
    before = {function: world.version(function) for function in ("ApiFunction", "WorkerFunction")}
    operator.paste("new-secret", typed=NEW_SECRET)
    operator.paste("rotate-add")
    operator.paste("setting")
    operator.paste("change")
    operator.paste("setup")
    assert operator.run("of LogLevel") == "debug"
    for function, version in before.items():
        assert world.version(function) != version, (function, version)
        about = world.client("lambda").get_function_configuration(FunctionName=world.resource(function), Qualifier="live")
        assert about["Environment"]["Variables"]["LOG_LEVEL"] == "debug", about
    # More than the workers can share is refused, and nothing is changed.
    operator.run("SETTING=WorkerConcurrency VALUE=12")
    operator.paste("change")
    assert "there may be 10 workers at most" in operator.errors.read_text()
    operator.paste("setup")
    assert operator.run("of WorkerConcurrency; of LogLevel").split() == ["2", "debug"]
    assert world.hand_over(world.handoff("debugged"), secret="wrong")[0] == 401
    world.logged("api", '"level":"DEBUG"')


def a_secret_is_rotated(world):
    operator = world.operator
    for secret in (SIGNING_SECRET, NEW_SECRET):
        assert world.hand_over(world.handoff("rotated"), secret=secret)[0] == 200, secret
    operator.paste("rotate-drop")
    operator.paste("new-secret", typed=NEW_BEARER_TOKEN)
    operator.paste("rotate-add", **{"signing_secret": "bearer-token"})
    operator.paste("rotate-drop")
    operator.run(f"store standard-webhooks-secret whsec_{base64.b64encode(STANDARD_KEY).decode()}; NAME=signing-secret")
    # A change, so that the functions start anew: five minutes later they would read it by themselves.
    operator.run("SETTING=LogLevel VALUE=info")
    # Without the right to read its parameters, the new version has nothing to verify a request with.
    with world.without("ApiRole", "ssm:GetParametersByPath"):
        operator.paste("change")
        operator.paste("setup")
        status, answer = world.hand_over(world.handoff("rotated"), secret=NEW_SECRET)
        assert status == 503, answer
    world.secret = NEW_SECRET
    wait_for("the parameters are read", lambda: world.hand_over(world.handoff("rotated"))[0] == 200)
    assert world.hand_over(world.handoff("rotated"), secret=SIGNING_SECRET)[0] == 401
    operator.paste("rotate-undo")
    assert operator.run("secret signing-secret").splitlines() == [NEW_SECRET, SIGNING_SECRET]
    world.ticket("rotated")
    content = json.dumps(world.handoff("rotated")).encode()
    for token, status in [(NEW_BEARER_TOKEN, 200), (local.BEARER_TOKEN, 401)]:
        assert world.request("POST", "/handoffs/preview", content, {"authorization": f"Bearer {token}"})[0] == status, token
    signed = f"msg-1.{int(time.time())}"
    signature = base64.b64encode(hmac.new(STANDARD_KEY, f"{signed}.".encode() + content, hashlib.sha256).digest()).decode()
    headers = dict(zip(("webhook-id", "webhook-timestamp"), signed.split("."))) | {"webhook-signature": f"v1,{signature}"}
    assert world.request("POST", "/handoffs/preview", content, headers)[0] == 200


def a_withdrawn_token_of_desk_is_replaced(world):
    """The functions hold the old one, which Desk refuses: they read the new one at once."""
    world.desk("/page/desk/token", {"act": "revoke"})
    world.stack.desk_token += "-new"
    world.operator.paste("new-secret", typed=world.stack.desk_token)
    world.operator.paste("rotate-desk")
    status, answer = world.hand_over(world.handoff("new-token"), "/handoffs")
    assert (status, answer["status"]) == (201, "created"), answer
    assert world.hand_over(world.handoff("new-token-queued"))[0] == 200
    world.ticket("new-token-queued")


def an_application_is_added(world):
    operator = world.operator
    operator.run('HERE=$PWD; cd "$HOME"')
    operator.paste("fields-get")
    operator.paste("application", **{"YOUR_NEW_APPLICATION_ID": ADDED})
    for block, secret in [("application-desk", world.stack.desk_token), ("application-signing", NEW_SECRET),
                          ("rotate-chat", local.CHAT_TOKEN)]:
        operator.paste("new-secret", typed=secret)
        operator.paste(block)
    operator.paste("fields-put")
    assert "No error" in operator.paste("doctor")
    # A document that is regretted at once.
    operator.run("cp fields.json right.json; echo '{}' > fields.json")
    operator.paste("fields-put")
    operator.paste("fields-undo")
    operator.paste("fields-put")
    operator.run('[ "$(secret fields)" = "$(cat right.json)" ]')
    operator.paste("application-list")
    operator.paste("change")
    operator.run(f'APP_ID={APP}; cd "$HERE"')
    operator.paste("setup")
    status, answer = world.hand_over(world.handoff("unnamed"))
    assert (status, answer["type"].rsplit(":", 1)[1]) == (400, "no-application"), answer
    world.apps = f"{APP},{ADDED}"
    for conversation, app in [("added", ADDED), ("there-already", APP)]:
        assert world.hand_over(world.handoff(conversation, app=app))[0] == 200
        world.ticket(conversation)


def any_application_is_served_without_a_list(world):
    """Its parameters are all that it needs; what has none costs a bounded number of calls."""
    operator = world.operator
    operator.run("SETTING=AppIds VALUE='*'")
    operator.paste("change")
    operator.paste("setup")
    world.apps = "*"
    unknown = world.handoff("nobody", app="NOBODY")
    assert world.hand_over(unknown)[0] == 404
    world.stack.store_parameters(UNLISTED)
    # Whom a function has not met in a minute like the one below it cannot serve before the next.
    for conversation, app, secret in [("unlisted", UNLISTED, SIGNING_SECRET), ("listed-1", APP, NEW_SECRET),
                                      ("listed-2", ADDED, NEW_SECRET)]:
        assert world.hand_over(world.handoff(conversation, app=app), secret=secret)[0] == 200
        world.ticket(conversation)
    answers = [world.hand_over(world.handoff("nobody", app=f"NOBODY-{n}"))[0] for n in range(MISSES_A_MINUTE + 20)]
    # Only for a 404 Parameter Store was asked: of each once. `tests/it/applications.rs` counts the calls.
    assert answers.count(404) <= MISSES_A_MINUTE and answers.count(503) >= 20, answers
    # Whoever is known is served meanwhile.
    assert world.hand_over(world.handoff("unlisted", app=UNLISTED), secret=SIGNING_SECRET)[0] == 200


def a_stack_that_is_whole_passes_its_own_test(world):
    world.operator.paste("send")
    said = world.operator.paste("deployed-test")
    assert "test result: ok. 1 passed" in said, said


def the_stack_moves_to_another_region(world):
    """Nothing is lost or done twice; the new stack is deleted in the end, since the other checks go on with the old one."""
    base = world.base
    try:
        move(world)
    finally:
        world.base = base


def move(world):
    operator, stack = world.operator, world.stack
    done = world.handoff("moved")
    assert world.hand_over(done, "/handoffs")[0] == 201
    operator.paste("there")
    operator.run(f"THERE_STACK={NAME_THERE}")
    operator.paste("move-parameters")
    stack.make_bucket("artefacts-there", THERE)
    deployed = stack.deploy(stack.adapt(world.code), f"AppIds={world.apps}", region=THERE, name=NAME_THERE,
                            bucket="artefacts-there")
    assert deployed.returncode == 0, deployed.stdout[-3000:] + deployed.stderr[-2000:]
    second = Operator(stack, local.TOOLS)
    begin_shift(second, stack, THERE, NAME_THERE)
    assert "200" in second.paste("health").splitlines()[0]
    assert "No error" in second.paste("doctor")
    pause(second)
    # The last one of the old stack, which goes on.
    assert world.hand_over(world.handoff("moved", {"order-id": "A-2"}))[0] == 200
    world.base = second.run("of HealthUrl").removesuffix("/healthz")
    assert world.hand_over(world.handoff("moved", {"cart-items": 7}))[0] == 200
    assert operator.paste("drain") == "The queue is empty."
    # More than one call takes along.
    known, customers = world.client("dynamodb"), 60
    for n in range(customers):
        known.put_item(TableName=world.outputs["TableName"], Item={"pk": {"S": f"customer-{n}"}})
    customers = known.scan(TableName=world.outputs["TableName"])["Count"]
    assert operator.paste("move-memory") == f"{customers} customers"
    there = world.client("dynamodb", region_name=THERE)
    assert there.scan(TableName=second.run("of TableName"))["Count"] == customers
    assert world.fields("moved") == {"order-id": "A-2"}
    assert second.paste("resume") in ("Enabling", "Enabled")
    # It is the remembered ticket, and what was done is known.
    wait_for("the handoff that waited", lambda: world.fields("moved") == {"order-id": "A-2", "cart-items": "7"})
    status, answer = world.hand_over(done, "/handoffs")
    assert (status, answer["status"]) == (200, "duplicate"), answer
    second.paste("delete-stack")


# Deployments that go wrong.


def broken_code_is_rolled_back_by_version(world):
    operator, good = world.operator, {name: world.version(name) for name in ("ApiFunction", "WorkerFunction")}
    # Each function gets the other one's program, which understands nothing of its events.
    ended_well, said = world.deploy(dict(zip(world.code, reversed(world.code.values()))))
    assert ended_well, said[-3000:]
    bad = world.version()
    assert bad != good["ApiFunction"]
    status, _, _ = world.request("GET", "/healthz")
    assert status >= 500, status
    listed = operator.paste("versions").splitlines()
    assert listed[0] == bad and good["ApiFunction"] in [line.split("\t")[0] for line in listed[1:]], listed
    operator.paste("rollback", THE_FORMER_VERSION=good["ApiFunction"])
    assert world.request("GET", "/healthz")[0] == 200
    operator.run("FUNCTION=$(resource WorkerFunction)")
    operator.paste("rollback", THE_FORMER_VERSION=good["WorkerFunction"])
    assert world.hand_over(world.handoff("rolled-back"))[0] == 200
    world.ticket("rolled-back")
    # The former commit.
    ended_well, said = world.deploy()
    assert ended_well, said[-3000:]
    assert world.request("GET", "/healthz")[0] == 200
    operator.paste("versions")
    operator.paste("version-left", THE_VERSION_LEFT_BEHIND=bad)
    left = world.client("lambda").list_versions_by_function(FunctionName=world.resource("ApiFunction"))["Versions"]
    assert bad not in [version["Version"] for version in left]


def fail(template):
    """Changes the api, and lets the worker fail: only while it is deployed is it found that nothing has this ARN."""
    template["Resources"]["ApiFunction"]["Properties"]["Environment"]["Variables"]["LOG_LEVEL"] = "trace"
    template["Resources"]["WorkerFunction"]["Properties"]["Layers"] = ["arn:aws:lambda:eu-central-1:000000000000:layer:none:1"]


def a_failing_deployment_takes_everything_back(world):
    version = world.version()
    ended_well, said = world.deploy(change=fail)
    assert not ended_well, said[-2000:]
    status = world.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"][0]["StackStatus"]
    assert status == "UPDATE_ROLLBACK_COMPLETE", status
    assert world.version() == version
    assert world.hand_over(world.handoff("taken-back"))[0] == 200
    world.ticket("taken-back")


# Rights. The functions have the credentials of their roles, and every call is evaluated.


def each_right_is_needed(world):
    """What was never allowed is not missed: so each is taken away, and the refusal is seen."""
    with world.without("ApiRole", "sqs:SendMessage"):
        status, answer = world.hand_over(world.handoff("unqueued"))
        assert status == 503, answer
        world.logged("api", "the queue did not do its part")
    assert world.hand_over(world.handoff("unqueued"))[0] == 200
    with world.without("ApiRole", "dynamodb:UpdateItem"):
        status, answer = world.hand_over(world.handoff("unclaimed"), "/handoffs")
        # The worker has a role of its own.
        assert (status, answer["status"]) == (202, "queued"), answer
        world.logged("api", "the claims table did not do its part")
    world.ticket("unclaimed")
    with world.without("ApiRole", "dynamodb:GetItem"):
        status, answer = world.hand_over(world.handoff("unread"), "/handoffs/preview")
        assert status == 503, (status, answer)
    with world.without("WorkerRole", "dynamodb:UpdateItem"):
        assert world.hand_over(world.handoff("unworked"))[0] == 200
        world.logged("worker", '"conversation_id":"unworked"', "the claims table did not do its part")
    world.dead += 1


def nothing_else_is_allowed(world):
    queue, dead, table = (world.outputs[name] for name in ("QueueUrl", "DeadLetterQueueUrl", "TableName"))
    key = {"pk": {"S": "nobody"}}
    for role in ("ApiRole", "WorkerRole"):
        client = world.as_role(role)
        client("dynamodb").get_item(TableName=table, Key=key)
        client("ssm").get_parameters_by_path(Path=f"/{NAME}/{APP}", WithDecryption=True)
        for call in [
            lambda: client("dynamodb").put_item(TableName=table, Item=key),
            lambda: client("dynamodb").delete_item(TableName=table, Key=key),
            lambda: client("dynamodb").scan(TableName=table),
            lambda: client("dynamodb").delete_table(TableName=table),
            lambda: client("ssm").put_parameter(Name=f"/{NAME}/{APP}/fields", Value="{}", Type="String", Overwrite=True),
            lambda: client("ssm").get_parameter(Name=f"/{NAME}/{APP}/fields"),
            lambda: client("sqs").receive_message(QueueUrl=dead),
            lambda: client("sqs").purge_queue(QueueUrl=queue),
            lambda: client("logs").create_log_group(logGroupName="another"),
            lambda: client("logs").filter_log_events(logGroupName=f"/aws/lambda/{NAME}-api"),
            lambda: client("lambda").list_functions(),
            lambda: client("iam").list_roles(),
            lambda: client("s3").list_buckets(),
        ]:
            assert is_denied(call), (role, call.__code__.co_names, call.__code__.co_firstlineno)
    assert is_denied(lambda: world.as_role("ApiRole")("sqs").receive_message(QueueUrl=queue))
    message = {"QueueUrl": queue, "MessageBody": "{}", "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    assert is_denied(lambda: world.as_role("WorkerRole")("sqs").send_message(**message))


def is_denied(call):
    try:
        call()
    except ClientError as error:
        return "AccessDenied" in error.response["Error"]["Code"] or error.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    return False


# What the alarms read.


def the_logs_hold_what_the_alarms_read(world):
    # Without a field, and with another open ticket: directly, and in the end from the queue.
    strange = {"Strange_Key": "x"}
    assert world.hand_over(world.handoff("strange", strange), "/handoffs")[0] == 201
    world.desk("/page/desk/tickets", {"user": "user-strange", "channel": "ch_strange"})
    assert world.hand_over(world.handoff("strange", strange), "/handoffs")[0] == 200
    assert world.hand_over(world.handoff("strange", strange))[0] == 200
    wanted = {metric for metric in read_by_alarms(world.alarms) if metric[0] != UNPROVOKED}
    assert len(wanted) >= 5, wanted
    missing = lambda: wanted - emitted(world.log("api") + world.log("worker"))
    try:
        wait_for("all records", lambda: not missing(), 10)
    except AssertionError:
        raise AssertionError(missing()) from None
    for function in ("api", "worker"):
        assert any(line.startswith("REPORT ") for line in world.log(function)), function
    logged = "\n".join(world.log("api") + world.log("worker"))
    for secret in (SIGNING_SECRET, NEW_SECRET, local.DESK_TOKEN, local.CHAT_TOKEN, local.BEARER_TOKEN):
        assert secret not in logged


def a_throttled_request_would_be_counted(world):
    """The access log, which nobody writes here, has the member that the filter looks for, and as a text."""
    group = world.resource("AccessLogs")
    [about] = world.client("logs").describe_metric_filters(logGroupName=group)["metricFilters"]
    member, value = re.fullmatch(r'\{ \$\.(\w+) = "(\d+)" \}', about["filterPattern"]).groups()
    api = json.loads((world.stack.folder / "template.json").read_text())["Resources"]["HttpApi"]["Properties"]
    line = json.loads(api["AccessLogSettings"]["Format"])
    assert (line[member], value) == ("$context.status", "429"), (about, line)
    transformation = about["metricTransformations"][0]
    counted = (transformation["metricNamespace"], transformation["metricName"])
    assert counted in {(alarm["Namespace"], alarm["MetricName"])
                       for alarm in world.client("cloudwatch").describe_alarms()["MetricAlarms"]}, counted


def emitted(lines):
    """Each metric of the records in these lines, with the names of its dimensions."""
    found = set()
    for record in (json.loads(line) for line in lines if line.startswith('{"_aws"')):
        for directive in record["_aws"]["CloudWatchMetrics"]:
            for dimensions in directive["Dimensions"]:
                values = tuple(sorted((name, record[name]) for name in dimensions))
                found |= {(metric["Name"], values) for metric in directive["Metrics"] if metric["Name"] in record}
    return found


def read_by_alarms(alarms):
    """Each metric of ours that an alarm reads, as `emitted` has them."""
    found = set()
    for alarm in alarms:
        metrics = [metric["MetricStat"]["Metric"] for metric in alarm.get("Metrics", []) if "MetricStat" in metric] or [alarm]
        for metric in metrics:
            if metric.get("Namespace") == "DeskHandoff":
                values = {entry["Name"]: NAME if entry["Name"] == "Stack" else entry["Value"] for entry in metric["Dimensions"]}
                found.add((metric["MetricName"], tuple(sorted(values.items()))))
    return found


# The end.


def a_worker_without_its_right_says_so(world):
    """Late, since what it cannot delay is hidden for six minutes: the deletion takes it away."""
    world.desk("/page/desk/outage", {"seconds": "5"})
    with world.without("WorkerRole", "sqs:ChangeMessageVisibility"):
        assert world.hand_over(world.handoff("undelayed"))[0] == 200
        world.logged("worker", "not delayed; the queue's own visibility time-out holds")


def deletion_leaves_what_it_says(world):
    operator = world.operator
    operator.paste("delete-stack")
    name = lambda url: url.rsplit("/", 1)[1]
    queues = world.client("sqs").list_queues().get("QueueUrls", [])
    assert [name(url) for url in queues] == [name(world.outputs["DeadLetterQueueUrl"])], queues
    tables = world.client("dynamodb").list_tables()["TableNames"]
    assert tables == [world.outputs["TableName"]], tables
    nothing_is_left(world)
    operator.paste("delete-dead-letters")
    operator.paste("delete-table")
    operator.paste("delete-parameters")
    # Of each application.
    for app in (ADDED, UNLISTED):
        operator.run(f"PARAMETERS=/{NAME}/{app}")
        operator.paste("delete-parameters")
    assert world.client("sqs").list_queues().get("QueueUrls", []) == []
    assert world.client("dynamodb").list_tables()["TableNames"] == []
    assert world.client("ssm").describe_parameters()["Parameters"] == []


def nothing_is_left(world):
    """But for queues and tables."""
    for service, ask, key in [
        ("lambda", "list_functions", "Functions"), ("lambda", "list_event_source_mappings", "EventSourceMappings"),
        ("apigatewayv2", "get_apis", "Items"), ("iam", "list_roles", "Roles"), ("logs", "describe_log_groups", "logGroups"),
        ("cloudwatch", "describe_alarms", "MetricAlarms"), ("cloudwatch", "list_dashboards", "DashboardEntries"),
    ]:
        left = getattr(world.client(service), ask)()[key]
        assert left == [], (service, left)


def a_first_deployment_that_fails_leaves_nothing(world):
    ended_well, said = world.deploy(change=fail)
    assert not ended_well, said[-2000:]
    status = world.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"][0]["StackStatus"]
    assert status == "ROLLBACK_COMPLETE", status
    assert world.client("sqs").list_queues().get("QueueUrls", []) == []
    assert world.client("dynamodb").list_tables()["TableNames"] == []
    nothing_is_left(world)


def every_command_was_pasted_or_has_its_reason(world):
    """What the page marks as run in the stack was run; what can be run on AWS only is named in docs/stack.md."""
    marks = {name: note for name, (note, _) in blocks().items()}
    unpasted = {name for name, note in marks.items() if note.startswith("in the stack: ")} - world.operator.pasted
    assert not unpasted, unpasted
    table = (ROOT / "docs" / "stack.md").read_text()
    unnamed = {name for name, note in marks.items() if note.startswith("only on AWS: ") and f"`{name}`" not in table}
    assert not unnamed, unnamed


def main():
    failed, passed = [], 0
    began = time.monotonic()
    # What is up ends, however this does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(folder)
        try:
            stack.start()
            world = World(stack)
            for check in CHECKS:
                start = time.monotonic()
                try:
                    check(world)
                except Exception as error:
                    failed.append(check.__name__)
                    traceback.print_exc(limit=-3)
                    print(f"stack {check.__name__}: FAILED", flush=True)
                else:
                    passed += 1
                    print(f"stack {check.__name__}: ok, {time.monotonic() - start:.1f} s", flush=True)
        finally:
            stack.stop()
            if failed:
                logs = local.TARGET / "stack-failed"
                shutil.rmtree(logs, ignore_errors=True)
                shutil.copytree(folder, logs, ignore=shutil.ignore_patterns("code", "scratch"))
                print(f"the logs are in {logs.relative_to(ROOT) if logs.is_relative_to(ROOT) else logs}")
        print(f"stack: {passed} passed, {len(failed)} failed in {time.monotonic() - began:.0f} s")
    sys.exit(bool(failed))


CHECKS = [
    sam_deploys_the_stack,
    a_handoff_waits_while_desk_is_down,
    every_route_answers,
    the_commands_of_an_operator_see_the_stack,
    a_preview_writes_nothing,
    a_direct_handoff_is_done_at_once,
    a_webhook_becomes_a_ticket,
    an_event_sent_five_times_makes_one_ticket,
    a_handoff_that_need_not_wait_is_accepted,
    each_right_is_needed,
    nothing_else_is_allowed,
    the_logs_hold_what_the_alarms_read,
    a_throttled_request_would_be_counted,
    paused_it_accepts,
    the_table_is_restored_while_paused,
    resumed_it_works,
    a_setting_changes_both_functions,
    a_secret_is_rotated,
    a_withdrawn_token_of_desk_is_replaced,
    an_application_is_added,
    any_application_is_served_without_a_list,
    a_stack_that_is_whole_passes_its_own_test,
    a_failing_deployment_takes_everything_back,
    # Before the worker is broken, which would have what waits put aside.
    dead_letters_are_redriven,
    the_stack_moves_to_another_region,
    broken_code_is_rolled_back_by_version,
    a_worker_without_its_right_says_so,
    deletion_leaves_what_it_says,
    a_first_deployment_that_fails_leaves_nothing,
    every_command_was_pasted_or_has_its_reason,
]

if __name__ == "__main__":
    main()
