"""A request becomes a handoff: who sent it, and what it says. No network, no clock."""

import base64
import hashlib
import hmac
import json

LARGEST = 256 * 1024
RESERVED = {"conversation_id", "channel_url", "user_id", "language", "country", "title", "priority", "team", "ticket_id", "event_id"}


class Invalid(Exception):
    """The request cannot be taken; the status says why, and nothing of its content is repeated."""

    def __init__(self, status, detail):
        super().__init__(detail)
        self.status = status


def raw_body(event):
    """The bytes that were signed."""
    body = event.get("body") or ""
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    if len(raw) > LARGEST:
        raise Invalid(413, "The body is larger than 256 KiB.")
    return raw


def authenticate(raw, headers, parameters):
    """Compares with every secret, each time to the end, so that the time tells nothing."""
    signature = headers.get("x-sendbird-signature", "").encode()
    bearer = headers.get("authorization", "").removeprefix("Bearer ").encode()
    genuine = False
    for secret in parameters.get("signing-secret", "").split():
        expected = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest().encode()
        genuine |= hmac.compare_digest(expected, signature)
    for token in parameters.get("bearer-token", "").split():
        genuine |= hmac.compare_digest(token.encode(), bearer)
    if not genuine:
        raise Invalid(401, "The request is not authenticated.")


def parse(raw, app_id):
    """The handoff in the body, or None and the category of an event that is none."""
    try:
        body = json.loads(raw)
    except ValueError:
        raise Invalid(400, "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Invalid(400, "The body is not an object.")
    if body.get("app_id", app_id) != app_id:
        raise Invalid(400, "The body is for another application.")
    if "category" in body:
        if body["category"] != "handoff":
            return None, body["category"]
        handoff = from_envelope(body)
    elif "conversation" in body:
        handoff = from_nested(body)
    else:
        handoff = from_flat(body)
    if not handoff["event_id"]:
        handoff["event_id"] = hashlib.sha256(raw).hexdigest()
    if not handoff["user_id"] or not any(handoff["conversation"].values()):
        raise Invalid(400, "The body names no user, or no conversation.")
    return handoff, "handoff"


def from_envelope(body):
    data = part(body, "data")
    conversation = part(data, "conversation")
    told = part(conversation, "ai_agent_context")
    nested = {**told, "event_id": body.get("id"), "conversation": conversation}
    about = {name: text(data.get(name)) for name in ("ai_agent_id", "handoff_at")}
    # An event says nothing of a ticket.
    return {**from_nested(nested), **about, "ticket": wish({})}


def from_nested(body):
    conversation = part(body, "conversation")
    return {
        "event_id": text(body.get("event_id")),
        "conversation": {name: text(conversation.get(name)) for name in ("id", "channel_url", "channel_type")},
        "user_id": text(conversation.get("user_id")),
        "context": part(body, "context"),
        "language": text(body.get("language")),
        "country": text(body.get("country")),
        "ai_agent_id": None,
        "handoff_at": None,
        "ticket": wish(part(body, "ticket")),
    }


def from_flat(body):
    return from_nested({
        "event_id": body.get("event_id"),
        "conversation": {"id": body.get("conversation_id"), "channel_url": body.get("channel_url"), "user_id": body.get("user_id")},
        "context": {key: value for key, value in body.items() if key not in RESERVED},
        "language": body.get("language"),
        "country": body.get("country"),
        "ticket": {**body, "id": body.get("ticket_id")},
    })


def wish(ticket):
    number = text(ticket.get("id"))
    return {
        "id": int(number) if number and number.isdecimal() else None,
        **{name: text(ticket.get(name)) for name in ("title", "priority", "team")},
    }


def part(value, name):
    """An object inside another; one that is missing or of a wrong type is an empty one."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def text(value):
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return str(value).strip() or None
