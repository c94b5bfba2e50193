// Context keys against ticket fields, exactly, key for key; every key gets an outcome. No network, no clock.

const KEY = /^[a-z0-9-]{1,20}$/;
const INTEGER = /^[+-]?[0-9]+$/;
const LINK = /^https?:\/\/\S+$/i;
const TEAM = /^[a-z0-9_-]+$/;
const CREDENTIAL = /token|secret|passw|authorization|api-?key|jwt|cookie|session-?id/i;
const MOST_FIELDS = 20;
const MOST_UNITS = 190;
const PRIORITIES = new Set(["LOW", "MEDIUM", "HIGH", "URGENT"]);

/** What is to be sent, and what became of the keys that are not sent. */
export function match(rules, handoff) {
  const { context } = handoff;
  const result = { values: new Map(), sources: new Map(), outcomes: new Map(), priority: null, team: null };
  const defined = new Set((rules.fields ?? []).map((field) => field.key));
  const isDenied = (key) =>
    (rules.deny ?? []).includes(key) || ((rules.deny_credentials ?? true) && !defined.has(key) && CREDENTIAL.test(key));
  const denied = new Set(Object.keys(context).filter(isDenied));
  const ticket = rules.ticket ?? {};
  // The token alone is enough to start: without a list every legal key is sent, and the answer says what was kept.
  const fields = rules.fields ?? everyLegalKey(context, denied, ticket);

  for (const field of fields) fill(result, field, candidates(field, handoff, rules.aliases ?? {}), denied);
  result.priority = choose(result, ticket.priority, handoff, "priority", denied, (name) => PRIORITIES.has(name));
  result.team = choose(result, ticket.team, handoff, "team", denied, (name) => TEAM.test(name));
  for (const key of Object.keys(context)) {
    if (denied.has(key)) result.outcomes.set(key, "denied");
    else if (!result.sources.has(key) && !result.outcomes.has(key)) {
      result.outcomes.set(key, KEY.test(key) ? "unmatched" : "invalid-key");
    }
  }
  return result;
}

function everyLegalKey(context, denied, ticket) {
  const choices = [ticket.priority?.from, ticket.team?.from];
  const keys = Object.keys(context).filter((key) => KEY.test(key) && !denied.has(key) && !choices.includes(key));
  return keys.sort().map((key) => ({ key, type: "text" }));
}

export function builtIn(handoff, name) {
  const { conversation } = handoff;
  const known = {
    "$conversation.id": conversation.id,
    "$conversation.channel_url": conversation.channel_url,
    "$channel_type": conversation.channel_type,
    "$user.id": handoff.user_id,
    "$language": handoff.language,
    "$country": handoff.country,
    "$ai_agent.id": handoff.ai_agent_id,
    "$handoff_at": handoff.handoff_at,
    "$event.id": handoff.event_id,
  };
  return known[name] ?? null;
}

/** Everything that may fill the field, the best first. */
function candidates({ key, from }, handoff, aliases) {
  const names = [key, ...Object.keys(aliases).filter((alias) => aliases[alias] === key)];
  if (from && !from.startsWith("$")) names.push(from);
  const found = [...new Set(names)].filter((name) => name in handoff.context).map((name) => [name, handoff.context[name]]);
  if (from?.startsWith("$")) found.push([from, builtIn(handoff, from)]);
  return found;
}

function setDefault(map, key, value) {
  if (!map.has(key)) map.set(key, value);
}

function fill(result, field, found, denied) {
  let filled = false;
  for (const [name, value] of found.filter(([name]) => !denied.has(name))) {
    if (value === null || String(value).trim() === "") setDefault(result.outcomes, name, "empty");
    else if (filled) setDefault(result.outcomes, name, "superseded");
    else {
      filled = true;
      const { text, outcome } = result.values.size < MOST_FIELDS ? convert(field, value) : { outcome: "over-limit" };
      if (outcome) result.outcomes.set(name, outcome);
      else {
        result.values.set(field.key, text);
        // A built-in is no key of the context: its line has the field's name.
        result.sources.set(name.startsWith("$") ? field.key : name, field.key);
      }
    }
  }
}

/** The text that Desk takes for this type, or why there is none. */
function convert(field, value) {
  if (typeof value === "object") return { outcome: "not-scalar" };
  const text = String(value).trim();
  if (field.type === "integer" && (typeof value === "boolean" || !INTEGER.test(text))) return { outcome: "wrong-type" };
  if (field.type === "link" && (!LINK.test(text) || text.length > MOST_UNITS)) return { outcome: "wrong-type" };
  if (field.type === "dropdown" && !field.options.includes(text)) return { outcome: "not-an-option" };
  return { text: cut(text, MOST_UNITS) };
}

/** At most so many UTF-16 units, and no half of a character. */
export function cut(text, most) {
  if (text.length <= most) return text;
  const isHalf = /[\ud800-\udbff]/.test(text[most - 1]);
  return text.slice(0, isHalf ? most - 1 : most);
}

/** Priority or team: the sender's wish, else what the rules say. */
function choose(result, choice, handoff, name, denied, isLegal) {
  const source = choice?.from;
  let said = typeof choice === "string" ? choice : null;
  if (source) {
    said = source.startsWith("$") ? builtIn(handoff, source) : (handoff.context[source] ?? null);
    if (denied.has(source)) said = null;
    if (said !== null && !isLegal(String(said))) {
      setDefault(result.outcomes, source, "not-an-option");
      said = null;
    } else if (said !== null && source in handoff.context) setDefault(result.sources, source, `$${name}`);
  }
  const wished = handoff.ticket[name];
  return wished && isLegal(wished) ? wished : said;
}
