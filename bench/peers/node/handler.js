// The function: API Gateway's requests, and the queue's messages.

import { DeskError } from "./desk.js";
import { authenticate, Invalid, parse, rawBody } from "./handoff.js";
import { processHandoff } from "./process.js";
import { Busy, parameters, send } from "./store.js";

const APP_IDS = process.env.APP_IDS.split(",");
const TITLES = {
  400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed", 413: "Content Too Large",
  422: "Unprocessable Content", 500: "Internal Server Error", 503: "Service Unavailable",
};

export async function handle(event) {
  if (event.Records) return work(event.Records);
  try {
    return await request(event);
  } catch (error) {
    if (error instanceof Invalid) return problem(event, error.status, error.message);
    notDone(error);
    // What the SDK throws has $metadata. Not its text: it may show an answer, and an answer holds secrets.
    if (error.$metadata) return problem(event, 503, "AWS did not answer.");
    return problem(event, 500, "The handoff was not done.");
  }
}

async function request(event) {
  const { rawPath: path, headers } = event;
  if (path !== "/webhooks/handoff" && path !== "/handoffs") throw new Invalid(404, "There is no such route.");
  if (event.requestContext.http.method !== "POST") throw new Invalid(405, "The method is POST.");
  const raw = rawBody(event);
  const appId = event.queryStringParameters?.app_id ?? (APP_IDS.length === 1 ? APP_IDS[0] : "");
  if (!APP_IDS.includes(appId)) throw new Invalid(404, "There is no such application.");
  const known = await parameters(appId);
  authenticate(raw, headers, known);
  const { category, handoff } = parse(raw, appId);
  if (path === "/handoffs") {
    if (!handoff) throw new Invalid(400, "The body is no handoff.");
    return direct(appId, known, handoff);
  }
  if (!handoff) return reply(200, { status: "ignored", category });
  await send(appId, handoff, false);
  return reply(200, { status: "queued", event_id: handoff.event_id });
}

async function direct(appId, known, handoff) {
  const started = performance.now();
  try {
    const result = await processHandoff(appId, known, handoff);
    record(appId, "direct", result, started);
    return reply(result.status === "created" ? 201 : 200, result);
  } catch (error) {
    if (error instanceof DeskError && error.isFinal) throw new Invalid(422, "Desk refused the handoff.");
    if (!(error instanceof DeskError || error instanceof Busy)) throw error;
    await send(appId, handoff, true);
    return reply(202, { status: "queued", event_id: handoff.event_id });
  }
}

async function work(messages) {
  const failures = [];
  for (const { messageId, body } of messages) {
    const started = performance.now();
    try {
      const { app_id: appId, handoff } = JSON.parse(body);
      record(appId, "queue", await processHandoff(appId, await parameters(appId), handoff), started);
    } catch (error) {
      notDone(error);
      failures.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures: failures };
}

/** The type alone: a text may show what the body holds. */
function notDone(error) {
  console.log(JSON.stringify({ level: "ERROR", message: "not done", error: error.name }));
}

/** One line a handoff, which CloudWatch makes metrics of: no value, no secret. */
function record(appId, route, result, started) {
  const metrics = { Handoffs: 1, DeskCalls: result.desk_calls, Milliseconds: performance.now() - started };
  for (const { outcome } of result.fields) metrics[outcome] = (metrics[outcome] ?? 0) + 1;
  const Metrics = Object.keys(metrics).map((Name) => ({ Name }));
  const definition = { Namespace: "DeskHandoff", Dimensions: [["Route", "Status"]], Metrics };
  console.log(
    JSON.stringify({
      _aws: { Timestamp: Date.now(), CloudWatchMetrics: [definition] },
      Route: route,
      Status: result.status,
      app_id: appId,
      event_id: result.event_id,
      ...metrics,
    }),
  );
}

function reply(statusCode, body, type = "application/json") {
  return { statusCode, headers: { "content-type": type }, body: JSON.stringify(body) };
}

function problem(event, status, detail) {
  const { requestId: request_id } = event.requestContext;
  const body = { type: `urn:desk-handoff:${status}`, title: TITLES[status], status, detail, request_id };
  return reply(status, body, "application/problem+json");
}
