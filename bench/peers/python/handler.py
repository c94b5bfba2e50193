"""The function: API Gateway's requests, and the queue's messages."""

import json
import os
import time
from collections import Counter

from botocore.exceptions import BotoCoreError, ClientError

import store
from desk import DeskError
from handoff import Invalid, authenticate, parse, raw_body
from process import process

APP_IDS = os.environ["APP_IDS"].split(",")
TITLES = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed", 413: "Content Too Large",
          422: "Unprocessable Content", 500: "Internal Server Error", 503: "Service Unavailable"}


def handle(event, context):
    if "Records" in event:
        return work(event["Records"])
    try:
        return request(event)
    except Invalid as refusal:
        return problem(event, refusal.status, str(refusal))
    except (BotoCoreError, ClientError):
        # Not the SDK's own text: it may show an answer, and an answer holds secrets.
        return problem(event, 503, "AWS did not answer.")
    except Exception as error:
        # The type alone, here and below: a text may show what the body holds.
        print(json.dumps({"level": "ERROR", "message": "not done", "error": type(error).__name__}))
        return problem(event, 500, "The handoff was not done.")


def request(event):
    asked = event["requestContext"]["http"]
    if event["rawPath"] not in ("/webhooks/handoff", "/handoffs"):
        raise Invalid(404, "There is no such route.")
    if asked["method"] != "POST":
        raise Invalid(405, "The method is POST.")
    raw = raw_body(event)
    app_id = (event.get("queryStringParameters") or {}).get("app_id") or (APP_IDS[0] if len(APP_IDS) == 1 else "")
    if app_id not in APP_IDS:
        raise Invalid(404, "There is no such application.")
    parameters = store.parameters(app_id)
    authenticate(raw, event["headers"], parameters)
    handoff, category = parse(raw, app_id)
    if event["rawPath"] == "/handoffs":
        if handoff is None:
            raise Invalid(400, "The body is no handoff.")
        return direct(app_id, parameters, handoff)
    if handoff is None:
        return reply(200, {"status": "ignored", "category": category})
    store.send(app_id, handoff, False)
    return reply(200, {"status": "queued", "event_id": handoff["event_id"]})


def direct(app_id, parameters, handoff):
    started = time.perf_counter()
    try:
        result = process(app_id, parameters, handoff)
    except DeskError as error:
        if error.is_final:
            raise Invalid(422, "Desk refused the handoff.") from None
        return put_off(app_id, handoff)
    except store.Busy:
        return put_off(app_id, handoff)
    record(app_id, "direct", result, started)
    return reply(201 if result["status"] == "created" else 200, result)


def put_off(app_id, handoff):
    store.send(app_id, handoff, True)
    return reply(202, {"status": "queued", "event_id": handoff["event_id"]})


def work(records):
    failures = []
    for message in records:
        started = time.perf_counter()
        try:
            body = json.loads(message["body"])
            app_id = body["app_id"]
            record(app_id, "queue", process(app_id, store.parameters(app_id), body["handoff"]), started)
        except Exception as error:
            print(json.dumps({"level": "ERROR", "message": "not done", "error": type(error).__name__}))
            failures.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failures}


def record(app_id, route, result, started):
    """One line a handoff, which CloudWatch makes metrics of: no value, no secret."""
    outcomes = Counter(line["outcome"] for line in result["fields"])
    metrics = {"Handoffs": 1, "DeskCalls": result["desk_calls"], "Milliseconds": (time.perf_counter() - started) * 1000, **outcomes}
    definition = {"Namespace": "DeskHandoff", "Dimensions": [["Route", "Status"]], "Metrics": [{"Name": name} for name in metrics]}
    print(json.dumps({
        "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [definition]},
        "Route": route,
        "Status": result["status"],
        "app_id": app_id,
        "event_id": result["event_id"],
        **metrics,
    }))


def reply(status, body, content_type="application/json"):
    return {"statusCode": status, "headers": {"content-type": content_type}, "body": json.dumps(body)}


def problem(event, status, detail):
    body = {
        "type": f"urn:desk-handoff:{status}",
        "title": TITLES[status],
        "status": status,
        "detail": detail,
        "request_id": event["requestContext"]["requestId"],
    }
    return reply(status, body, "application/problem+json")
