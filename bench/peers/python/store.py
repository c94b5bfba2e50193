"""AWS: the parameters, the queue, and the claims table with one item a customer."""

import hashlib
import json
import os
import time
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

CONFIG = Config(connect_timeout=2, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})
# Made while the function starts, when Lambda gives it a whole processor.
SSM, SQS, DYNAMODB = (boto3.client(name, config=CONFIG) for name in ("ssm", "sqs", "dynamodb"))
PREFIX = os.environ.get("PARAMETER_PREFIX", "/desk-handoff")
KEPT_SECONDS = 5 * 60
LEASE_SECONDS = 30
REMEMBERED_SECONDS = 30 * 24 * 60 * 60
MOST_DONE = 100
MOST_CONVERSATIONS = 8

_parameters = {}


class Busy(Exception):
    """Somebody else is at this customer."""


def parameters(app_id):
    """Name to value, with the rules read; at most five minutes old, older only if SSM does not answer."""
    kept, until = _parameters.get(app_id, (None, 0))
    if time.monotonic() < until:
        return kept
    try:
        found, token = {}, {}
        while True:
            page = SSM.get_parameters_by_path(Path=f"{PREFIX}/{app_id}/", WithDecryption=True, **token)
            found.update((one["Name"].rsplit("/", 1)[1], one["Value"]) for one in page["Parameters"])
            if not page.get("NextToken"):
                break
            token = {"NextToken": page["NextToken"]}
        found["rules"] = json.loads(found.get("fields", "{}"))
    except Exception:
        if kept is None:
            raise
        found = kept
    _parameters[app_id] = found, time.monotonic() + KEPT_SECONDS
    return found


def send(app_id, handoff, direct):
    """Onto the queue: one group a customer, one message an event."""
    digest = lambda *parts: hashlib.sha256("\n".join(parts).encode()).hexdigest()
    SQS.send_message(
        QueueUrl=os.environ["QUEUE_URL"],
        MessageGroupId=digest(app_id, handoff["user_id"]),
        MessageDeduplicationId=digest(app_id, handoff["user_id"], handoff["event_id"]),
        MessageBody=json.dumps({"version": 1, "app_id": app_id, "handoff": handoff, "direct": direct}),
    )


class Claim:
    """The right to work on one customer's handoffs, and what is remembered of the customer."""

    def __init__(self, app_id, user_id):
        now = int(time.time())
        self.token = uuid.uuid4().hex
        self.key = f"{app_id}#customer#{hashlib.sha256(user_id.encode()).hexdigest()[:40]}"
        try:
            before = self._update(
                "SET lease_until = :until, lease_token = :token, expires = :expires",
                "attribute_not_exists(lease_until) OR lease_until <= :now",
                {":until": {"N": str(now + LEASE_SECONDS)}, ":now": {"N": str(now)}},
                ReturnValues="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise Busy from None
            raise
        known = before.get("Attributes", {}).get("customer", {}).get("S")
        self.customer = json.loads(known) if known else {"salt": self.token, "id": None, "done": [], "conversations": []}

    def done(self, event_id):
        """The event is remembered; the lease ends with `give_back`."""
        self.customer["done"] = [*self.customer["done"], event_id][-MOST_DONE:]

    def give_back(self):
        """Fails if the lease was lost to somebody else meanwhile."""
        self._update(
            "SET customer = :customer, expires = :expires REMOVE lease_until",
            "lease_token = :token",
            {":customer": {"S": json.dumps(self.customer)}},
        )

    def _update(self, change, condition, values, **options):
        expires = {"N": str(int(time.time()) + REMEMBERED_SECONDS)}
        return DYNAMODB.update_item(
            TableName=os.environ["TABLE_NAME"],
            Key={"pk": {"S": self.key}},
            UpdateExpression=change,
            ConditionExpression=condition,
            ExpressionAttributeValues={":token": {"S": self.token}, ":expires": expires, **values},
            **options,
        )

    def conversation(self, names):
        """What is remembered of the conversation that has one of these names."""
        conversations = self.customer["conversations"]
        for known in conversations:
            if set(known["names"]) & set(names):
                known["names"] = sorted(set(known["names"]) | set(names))
                return known
        new = {"names": names, "ticket": None, "wrote": {}}
        self.customer["conversations"] = [*conversations, new][-MOST_CONVERSATIONS:]
        return new

    def digest(self, value):
        """No value lies in the table."""
        return hashlib.sha256(f"{self.customer['salt']}{value}".encode()).hexdigest()[:16]
