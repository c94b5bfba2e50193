// A request becomes a handoff: who sent it, and what it says. No network, no clock.

import { createHash, createHmac, timingSafeEqual } from "node:crypto";

const LARGEST = 256 * 1024;
const RESERVED = new Set([
  "conversation_id", "channel_url", "user_id", "language", "country", "title", "priority", "team", "ticket_id", "event_id",
]);

/** The request cannot be taken; the status says why, and nothing of its content is repeated. */
export class Invalid extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** The bytes that were signed. */
export function rawBody(event) {
  const raw = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
  if (raw.length > LARGEST) throw new Invalid(413, "The body is larger than 256 KiB.");
  return raw;
}

const lines = (text) => (text ?? "").split(/\s+/).filter(Boolean);

/** timingSafeEqual wants equal lengths; the digests of both have them. */
function equal(one, other) {
  const digest = (text) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}

/** Compares with every secret, each time to the end, so that the time tells nothing. */
export function authenticate(raw, headers, parameters) {
  const signature = headers["x-sendbird-signature"] ?? "";
  const bearer = (headers.authorization ?? "").replace(/^Bearer /, "");
  let genuine = false;
  for (const secret of lines(parameters["signing-secret"])) {
    genuine = equal(createHmac("sha256", secret).update(raw).digest("hex"), signature) || genuine;
  }
  for (const token of lines(parameters["bearer-token"])) {
    genuine = equal(token, bearer) || genuine;
  }
  if (!genuine) throw new Invalid(401, "The request is not authenticated.");
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** An object inside another; one that is missing or of a wrong type is an empty one. */
const part = (value, name) => (isObject(value[name]) ? value[name] : {});

const text = (value) => (["string", "number"].includes(typeof value) ? String(value).trim() || null : null);

/** The handoff in the body, or the category of an event that is none. */
export function parse(raw, appId) {
  let body;
  try {
    body = JSON.parse(raw.toString());
  } catch {
    throw new Invalid(400, "The body is not JSON.");
  }
  if (!isObject(body)) throw new Invalid(400, "The body is not an object.");
  if ((body.app_id ?? appId) !== appId) throw new Invalid(400, "The body is for another application.");
  if (body.category !== undefined && body.category !== "handoff") return { category: body.category };
  const read = body.category === "handoff" ? fromEnvelope : body.conversation !== undefined ? fromNested : fromFlat;
  const handoff = read(body);
  handoff.event_id ??= createHash("sha256").update(raw).digest("hex");
  const { id, channel_url } = handoff.conversation;
  if (!handoff.user_id || !(id ?? channel_url)) throw new Invalid(400, "The body names no user, or no conversation.");
  return { category: "handoff", handoff };
}

function named(conversation) {
  return { id: text(conversation.id), channel_url: text(conversation.channel_url), channel_type: text(conversation.channel_type) };
}

function wish(ticket) {
  const number = text(ticket.id);
  return {
    id: number && /^[0-9]+$/.test(number) ? Number(number) : null,
    title: text(ticket.title),
    priority: text(ticket.priority),
    team: text(ticket.team),
  };
}

function fromEnvelope(body) {
  const data = part(body, "data");
  const conversation = part(data, "conversation");
  const told = part(conversation, "ai_agent_context");
  const nested = { ...told, event_id: body.id, conversation };
  const about = { ai_agent_id: text(data.ai_agent_id), handoff_at: text(data.handoff_at) };
  // An event says nothing of a ticket.
  return { ...fromNested(nested), ...about, ticket: wish({}) };
}

function fromNested(body) {
  const conversation = part(body, "conversation");
  return {
    event_id: text(body.event_id),
    conversation: named(conversation),
    user_id: text(conversation.user_id),
    context: part(body, "context"),
    language: text(body.language),
    country: text(body.country),
    ai_agent_id: null,
    handoff_at: null,
    ticket: wish(part(body, "ticket")),
  };
}

function fromFlat(body) {
  return fromNested({
    event_id: body.event_id,
    conversation: { id: body.conversation_id, channel_url: body.channel_url, user_id: body.user_id },
    context: Object.fromEntries(Object.entries(body).filter(([key]) => !RESERVED.has(key))),
    language: body.language,
    country: body.country,
    ticket: { ...body, id: body.ticket_id },
  });
}
