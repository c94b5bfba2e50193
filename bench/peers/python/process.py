"""One handoff: claim, match, look, create or update, read back, remember."""

import json

from desk import Desk
from matching import built_in, cut, match
from store import Claim

MOST_TITLE = 100


def process(app_id, parameters, handoff):
    """The answer of the direct route."""
    claim = Claim(app_id, handoff["user_id"])
    try:
        if handoff["event_id"] in claim.customer["done"]:
            return duplicate(claim, handoff)
        desk = Desk(app_id, parameters["desk-api-token"])
        answer = work(desk, claim, parameters["rules"], handoff)
        claim.done(handoff["event_id"])
        return answer
    finally:
        # Also after a failure: what is known by then helps whoever comes next.
        claim.give_back()


def work(desk, claim, rules, handoff):
    matched = match(rules, handoff)
    channel_url = handoff["conversation"]["channel_url"]
    known = claim.conversation([name for name in (handoff["conversation"]["id"], channel_url) if name])
    title = title_of(rules, handoff)
    ticket, others = find(desk, claim, handoff, known, title)
    if ticket is None:
        customer_id = claim.customer["id"] or desk.create_customer(handoff["user_id"])
        claim.customer["id"] = customer_id
        ticket = desk.create_ticket(title, customer_id, matched.values, matched.priority, matched.team, channel_url)
        status, kept = "created", set()
    else:
        status, kept, ticket = update(desk, claim, known, matched, ticket)
    remember(claim, known, matched, ticket)
    return answer(status, handoff, matched, ticket, kept, others, desk.calls)


def title_of(rules, handoff):
    title = (rules.get("ticket") or {}).get("title", "AI handoff {conversation.id}")
    if handoff["ticket"]["title"]:
        title = handoff["ticket"]["title"]
    for name in ("conversation.id", "conversation.channel_url", "user.id", "language", "country"):
        title = title.replace("{" + name + "}", built_in(handoff, "$" + name) or "")
    conversation = handoff["conversation"]["id"] or handoff["conversation"]["channel_url"]
    if conversation not in title:
        title += f" (conversation {conversation})"
    return cut(title, MOST_TITLE)


def find(desk, claim, handoff, known, title):
    """The conversation's open ticket, and the ids of others that are as surely its."""
    user_id, channel_url = handoff["user_id"], handoff["conversation"]["channel_url"]
    for number in filter(None, (handoff["ticket"]["id"], known["ticket"])):
        ticket = desk.ticket(number)
        if ticket and is_open(ticket) and is_of(ticket, user_id):
            return ticket, []
    tickets, customer_id = desk.look_up(user_id)
    claim.customer["id"] = customer_id
    found = [
        ticket for ticket in tickets
        if is_of(ticket, user_id) and is_open(ticket) and is_conversations(ticket, channel_url, title)
    ]
    found.sort(key=lambda ticket: ticket["id"])
    return (found[0] if found else None), [ticket["id"] for ticket in found[1:]]


def is_of(ticket, user_id):
    return (ticket.get("customer") or {}).get("sendbirdId") == user_id


def is_open(ticket):
    return ticket.get("closeStatus") in (None, "", "NOT_CLOSED") and "CLOSED" not in (ticket.get("status2"), ticket.get("status"))


def is_conversations(ticket, channel_url, title):
    related = json.loads(ticket.get("relatedChannels") or "[]")
    channels = {ticket.get("channelUrl"), *(channel.get("channel_url") for channel in related)}
    return (channel_url is not None and channel_url in channels) or ticket.get("channelName") == title


def fields_of(ticket):
    return {field["key"]: field["value"] for field in ticket.get("customFields") or []}


def update(desk, claim, known, matched, ticket):
    """Writes what differs, but nothing over what a human wrote."""
    held = fields_of(ticket)
    if known["ticket"] != ticket["id"]:
        known["wrote"] = {}
    is_ours = lambda key: known["wrote"].get(key) == claim.digest(held[key])
    differing = {key for key, value in matched.values.items() if held.get(key) != value}
    kept = {key for key in differing if held.get(key) and not is_ours(key)}
    values = {key: matched.values[key] for key in matched.values if key in differing - kept}
    changed = bool(values)
    if matched.priority and ticket.get("priority") in (None, "", "MEDIUM") and ticket.get("priority") != matched.priority:
        desk.write_priority(ticket["id"], matched.priority)
        changed = True
    if matched.team and not (ticket.get("group") or {}).get("key") and ticket.get("status2") == "PENDING":
        desk.transfer(ticket["id"], matched.team)
        changed = True
    if values:
        ticket = desk.write_fields(ticket["id"], values)
    return "updated" if changed else "unchanged", kept, ticket


def remember(claim, known, matched, ticket):
    held = fields_of(ticket)
    known["ticket"] = ticket["id"]
    for key, value in matched.values.items():
        if held.get(key) == value:
            known["wrote"][key] = claim.digest(value)


def answer(status, handoff, matched, ticket, kept, others, calls):
    held, lines = fields_of(ticket), []
    for key in sorted({*matched.sources, *matched.outcomes}):
        line = {"key": key, "outcome": matched.outcomes.get(key)}
        if key in matched.sources:
            target = matched.sources[key]
            if target in kept:
                line["outcome"] = "kept"
            elif target.startswith("$") or held.get(target) == matched.values[target]:
                line["outcome"] = "written"
            else:
                line["outcome"] = "rejected"
            if target != key and not target.startswith("$"):
                line["field"] = target
        lines.append(line)
    filled = sum(line["outcome"] == "written" for line in lines)
    verb = {"created": "was created", "updated": "was updated", "unchanged": "needed no change"}[status]
    result = {
        "status": status,
        "action": {"created": "create", "updated": "update", "unchanged": "none"}[status],
        "message": f"Ticket {ticket['id']} {verb}; {filled} of {len(lines)} facts are on it.",
        "event_id": handoff["event_id"],
        "conversation": {name: handoff["conversation"][name] for name in ("id", "channel_url")},
        "ticket": {
            "id": ticket["id"],
            "channel_url": ticket.get("channelUrl"),
            "status": ticket.get("status2") or ticket.get("status"),
            "priority": ticket.get("priority"),
            "team": (ticket.get("group") or {}).get("key"),
        },
        "fields": lines,
        "other_open_tickets": others,
        "desk_calls": calls,
    }
    if status == "created":
        result["opening_message"] = "not-configured"
    return result


def duplicate(claim, handoff):
    names = {handoff["conversation"]["id"], handoff["conversation"]["channel_url"]}
    tickets = [known["ticket"] for known in claim.customer["conversations"] if names & set(known["names"])]
    return {
        "status": "duplicate",
        "action": "none",
        "message": "This handoff was done before.",
        "event_id": handoff["event_id"],
        "conversation": {name: handoff["conversation"][name] for name in ("id", "channel_url")},
        "ticket": {"id": tickets[0]} if tickets else None,
        "fields": [],
        "other_open_tickets": [],
        "desk_calls": 0,
    }
