"""Context keys against ticket fields, exactly, key for key; every key gets an outcome. No network, no clock."""

import re

KEY = re.compile(r"[a-z0-9-]{1,20}\Z")
INTEGER = re.compile(r"[+-]?[0-9]+\Z")
LINK = re.compile(r"https?://\S+\Z", re.IGNORECASE)
CREDENTIAL = re.compile(r"token|secret|passw|authorization|api-?key|jwt|cookie|session-?id", re.IGNORECASE)
MOST_FIELDS = 20
MOST_UNITS = 190
PRIORITIES = {"LOW", "MEDIUM", "HIGH", "URGENT"}


class Match:
    """What is to be sent, and what became of the keys that are not sent."""

    def __init__(self):
        self.values = {}
        self.sources = {}
        self.outcomes = {}
        self.priority = None
        self.team = None


def match(rules, handoff):
    context, result = handoff["context"], Match()
    fields = rules.get("fields")
    defined = {field["key"] for field in fields or []}
    denied = {key for key in context if is_denied(rules, defined, key)}
    aliases = rules.get("aliases") or {}
    ticket = rules.get("ticket") or {}
    choices = {key for key in (chosen_from(ticket, "priority"), chosen_from(ticket, "team")) if key}
    if fields is None:
        # The token alone is enough to start: every legal key is sent, and the answer says what was kept.
        keys = sorted(key for key in context if KEY.match(key) and key not in denied | choices)
        fields = [{"key": key, "type": "text"} for key in keys]

    for field in fields:
        fill(result, field, candidates(field, context, aliases, handoff), denied)
    result.priority = choose(result, ticket, "priority", handoff, denied, PRIORITIES.__contains__)
    result.team = choose(result, ticket, "team", handoff, denied, lambda team: re.match(r"[a-z0-9_-]+\Z", team))
    for key in sorted(context):
        if key in denied:
            result.outcomes[key] = "denied"
        elif key not in result.sources and key not in result.outcomes:
            result.outcomes[key] = "unmatched" if KEY.match(key) else "invalid-key"
    return result


def is_denied(rules, defined, key):
    if key in (rules.get("deny") or []):
        return True
    return rules.get("deny_credentials", True) and key not in defined and bool(CREDENTIAL.search(key))


def chosen_from(ticket, name):
    choice = ticket.get(name)
    return choice.get("from") if isinstance(choice, dict) else None


def built_in(handoff, name):
    conversation = handoff["conversation"]
    return {
        "$conversation.id": conversation["id"],
        "$conversation.channel_url": conversation["channel_url"],
        "$channel_type": conversation.get("channel_type"),
        "$user.id": handoff["user_id"],
        "$language": handoff["language"],
        "$country": handoff["country"],
        "$ai_agent.id": handoff["ai_agent_id"],
        "$handoff_at": handoff["handoff_at"],
        "$event.id": handoff["event_id"],
    }.get(name)


def candidates(field, context, aliases, handoff):
    """Everything that may fill the field, the best first."""
    key, source = field["key"], field.get("from")
    names = [key, *(alias for alias, target in aliases.items() if target == key)]
    if source and not source.startswith("$"):
        names.append(source)
    found = [(name, context[name]) for name in dict.fromkeys(names) if name in context]
    if source and source.startswith("$"):
        found.append((source, built_in(handoff, source)))
    return found


def fill(result, field, found, denied):
    key, filled = field["key"], False
    for name, value in found:
        if name in denied:
            continue
        if value is None or str(value).strip() == "":
            result.outcomes.setdefault(name, "empty")
        elif filled:
            result.outcomes.setdefault(name, "superseded")
        else:
            filled = True
            text, outcome = convert(field, value)
            if outcome is None and len(result.values) == MOST_FIELDS:
                outcome = "over-limit"
            if outcome is None:
                result.values[key] = text
                # A built-in is no key of the context: its line has the field's name.
                result.sources[key if name.startswith("$") else name] = key
            else:
                result.outcomes[name] = outcome


def convert(field, value):
    """The text that Desk takes for this type, or why there is none."""
    if isinstance(value, (dict, list)):
        return None, "not-scalar"
    text = str(value).lower() if isinstance(value, bool) else str(value).strip()
    match field["type"]:
        case "integer" if isinstance(value, bool) or not INTEGER.match(text):
            return None, "wrong-type"
        case "link" if not LINK.match(text) or units(text) > MOST_UNITS:
            return None, "wrong-type"
        case "dropdown" if text not in field["options"]:
            return None, "not-an-option"
    return cut(text, MOST_UNITS), None


def units(text):
    return len(text.encode("utf-16-le")) // 2


def cut(text, most):
    return text if len(text) <= most // 2 else text.encode("utf-16-le")[: 2 * most].decode("utf-16-le", "ignore")


def choose(result, ticket, name, handoff, denied, is_legal):
    """Priority or team: the sender's wish, else what the rules say."""
    choice, source = ticket.get(name), chosen_from(ticket, name)
    said = choice if isinstance(choice, str) else None
    if source:
        said = built_in(handoff, source) if source.startswith("$") else handoff["context"].get(source)
        if said is not None and source in denied:
            said = None
        if said is not None and not is_legal(str(said)):
            result.outcomes.setdefault(source, "not-an-option")
            said = None
        elif said is not None and source in handoff["context"]:
            result.sources.setdefault(source, "$" + name)
    wished = handoff["ticket"][name]
    return wished if wished and is_legal(wished) else said
