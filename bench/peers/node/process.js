// One handoff: claim, match, look, create or update, read back, remember.

import { Desk } from "./desk.js";
import { builtIn, cut, match } from "./matching.js";
import { Claim } from "./store.js";

const MOST_TITLE = 100;

/** The answer of the direct route. */
export async function processHandoff(appId, parameters, handoff) {
  const claim = await Claim.acquire(appId, handoff.user_id);
  try {
    if (claim.customer.done.includes(handoff.event_id)) return duplicate(claim, handoff);
    const desk = new Desk(appId, parameters["desk-api-token"]);
    const result = await work(desk, claim, parameters.rules, handoff);
    claim.done(handoff.event_id);
    return result;
  } finally {
    // Also after a failure: what is known by then helps whoever comes next.
    await claim.giveBack();
  }
}

async function work(desk, claim, rules, handoff) {
  const matched = match(rules, handoff);
  const { id, channel_url } = handoff.conversation;
  const known = claim.conversation([id, channel_url].filter(Boolean));
  const title = titleOf(rules, handoff);
  const { ticket: found, others } = await find(desk, claim, handoff, known, title);
  let outcome;
  if (found) {
    outcome = await update(desk, claim, known, matched, found);
  } else {
    claim.customer.id ??= await desk.createCustomer(handoff.user_id);
    const values = Object.fromEntries(matched.values);
    const { priority, team } = matched;
    const ticket = await desk.createTicket(title, claim.customer.id, values, priority, team, channel_url);
    outcome = { status: "created", kept: new Set(), ticket };
  }
  remember(claim, known, matched, outcome.ticket);
  return answer(outcome, handoff, matched, others, desk.calls);
}

function titleOf(rules, handoff) {
  const template = handoff.ticket.title ?? rules.ticket?.title ?? "AI handoff {conversation.id}";
  let title = template.replace(/\{([a-z_.]+)\}/g, (_, name) => builtIn(handoff, `$${name}`) ?? "");
  const conversation = handoff.conversation.id ?? handoff.conversation.channel_url;
  if (!title.includes(conversation)) title += ` (conversation ${conversation})`;
  return cut(title, MOST_TITLE);
}

/** The conversation's open ticket, and the ids of others that are as surely its. */
async function find(desk, claim, handoff, known, title) {
  const { user_id: userId, conversation } = handoff;
  for (const number of [handoff.ticket.id, known.ticket].filter(Boolean)) {
    const ticket = await desk.ticket(number);
    if (ticket && isOpen(ticket) && isOf(ticket, userId)) return { ticket, others: [] };
  }
  const { tickets, customerId } = await desk.lookUp(userId);
  claim.customer.id = customerId;
  const found = tickets.filter(
    (ticket) => isOf(ticket, userId) && isOpen(ticket) && isConversations(ticket, conversation.channel_url, title),
  );
  found.sort((one, other) => one.id - other.id);
  return { ticket: found[0], others: found.slice(1).map((ticket) => ticket.id) };
}

const isOf = (ticket, userId) => ticket.customer?.sendbirdId === userId;

const isOpen = (ticket) =>
  (!ticket.closeStatus || ticket.closeStatus === "NOT_CLOSED") && ticket.status2 !== "CLOSED" && ticket.status !== "CLOSED";

function isConversations(ticket, channelUrl, title) {
  const related = JSON.parse(ticket.relatedChannels || "[]").map((channel) => channel.channel_url);
  return (channelUrl && [ticket.channelUrl, ...related].includes(channelUrl)) || ticket.channelName === title;
}

const fieldsOf = (ticket) => new Map((ticket.customFields ?? []).map(({ key, value }) => [key, value]));

/** Writes what differs, but nothing over what a human wrote. */
async function update(desk, claim, known, matched, found) {
  const held = fieldsOf(found);
  if (known.ticket !== found.id) known.wrote = {};
  const isOurs = (key) => known.wrote[key] === claim.digest(held.get(key));
  const differing = [...matched.values.keys()].filter((key) => held.get(key) !== matched.values.get(key));
  const kept = new Set(differing.filter((key) => held.get(key) && !isOurs(key)));
  const values = Object.fromEntries(differing.filter((key) => !kept.has(key)).map((key) => [key, matched.values.get(key)]));
  const toWrite = Object.keys(values).length > 0;
  let ticket = found;
  let changed = toWrite;
  const isDefault = !found.priority || found.priority === "MEDIUM";
  if (matched.priority && isDefault && found.priority !== matched.priority) {
    await desk.writePriority(found.id, matched.priority);
    changed = true;
  }
  if (matched.team && !found.group?.key && found.status2 === "PENDING") {
    await desk.transfer(found.id, matched.team);
    changed = true;
  }
  if (toWrite) ticket = await desk.writeFields(found.id, values);
  return { status: changed ? "updated" : "unchanged", kept, ticket };
}

function remember(claim, known, matched, ticket) {
  const held = fieldsOf(ticket);
  known.ticket = ticket.id;
  for (const [key, value] of matched.values) {
    if (held.get(key) === value) known.wrote[key] = claim.digest(value);
  }
}

function lineOf(key, matched, held, kept) {
  const target = matched.sources.get(key);
  if (target === undefined) return { key, outcome: matched.outcomes.get(key) };
  if (target.startsWith("$")) return { key, outcome: "written" };
  const isHeld = held.get(target) === matched.values.get(target);
  const outcome = kept.has(target) ? "kept" : isHeld ? "written" : "rejected";
  return target === key ? { key, outcome } : { key, outcome, field: target };
}

function named(handoff) {
  const { id, channel_url } = handoff.conversation;
  return { event_id: handoff.event_id, conversation: { id, channel_url } };
}

function answer({ status, kept, ticket }, handoff, matched, others, calls) {
  const held = fieldsOf(ticket);
  const keys = [...new Set([...matched.sources.keys(), ...matched.outcomes.keys()])].sort();
  const fields = keys.map((key) => lineOf(key, matched, held, kept));
  const filled = fields.filter((line) => line.outcome === "written").length;
  const verb = { created: "was created", updated: "was updated", unchanged: "needed no change" }[status];
  return {
    status,
    action: { created: "create", updated: "update", unchanged: "none" }[status],
    message: `Ticket ${ticket.id} ${verb}; ${filled} of ${fields.length} facts are on it.`,
    ...named(handoff),
    ticket: {
      id: ticket.id,
      channel_url: ticket.channelUrl ?? null,
      status: ticket.status2 ?? ticket.status ?? null,
      priority: ticket.priority ?? null,
      team: ticket.group?.key ?? null,
    },
    fields,
    other_open_tickets: others,
    desk_calls: calls,
    ...(status === "created" ? { opening_message: "not-configured" } : {}),
  };
}

function duplicate(claim, handoff) {
  const { id, channel_url } = handoff.conversation;
  const known = claim.customer.conversations.find((one) => one.names.includes(id) || one.names.includes(channel_url));
  return {
    status: "duplicate",
    action: "none",
    message: "This handoff was done before.",
    ...named(handoff),
    ticket: known ? { id: known.ticket } : null,
    fields: [],
    other_open_tickets: [],
    desk_calls: 0,
  };
}
