// AWS: the parameters, the queue, and the claims table with one item a customer.

import { createHash, randomUUID } from "node:crypto";
import { ConditionalCheckFailedException, DynamoDBClient, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { GetParametersByPathCommand, SSMClient } from "@aws-sdk/client-ssm";

const config = { maxAttempts: 3, requestHandler: { connectionTimeout: 2000, requestTimeout: 2000 } };
// Made while the function starts, when Lambda gives it a whole processor.
const ssm = new SSMClient(config);
const sqs = new SQSClient(config);
const dynamodb = new DynamoDBClient(config);
const PREFIX = process.env.PARAMETER_PREFIX ?? "/desk-handoff";
const KEPT_MILLISECONDS = 5 * 60 * 1000;
const LEASE_SECONDS = 30;
const REMEMBERED_SECONDS = 30 * 24 * 60 * 60;
const MOST_DONE = 100;
const MOST_CONVERSATIONS = 8;

const kept = new Map();
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const seconds = () => Math.floor(Date.now() / 1000);

/** Somebody else is at this customer. */
export class Busy extends Error {}

/** Name to value, with the rules read; at most five minutes old, older only if SSM does not answer. */
export async function parameters(appId) {
  const known = kept.get(appId);
  if (known && performance.now() < known.until) return known.found;
  let found = {};
  try {
    let NextToken;
    do {
      const query = { Path: `${PREFIX}/${appId}/`, WithDecryption: true, NextToken };
      const page = await ssm.send(new GetParametersByPathCommand(query));
      for (const { Name, Value } of page.Parameters) found[Name.split("/").pop()] = Value;
      ({ NextToken } = page);
    } while (NextToken);
    found.rules = JSON.parse(found.fields ?? "{}");
  } catch (error) {
    if (!known) throw error;
    ({ found } = known);
  }
  kept.set(appId, { found, until: performance.now() + KEPT_MILLISECONDS });
  return found;
}

/** Onto the queue: one group a customer, one message an event. */
export async function send(appId, handoff, direct) {
  const digest = (...parts) => sha256(parts.join("\n"));
  const message = {
    QueueUrl: process.env.QUEUE_URL,
    MessageGroupId: digest(appId, handoff.user_id),
    MessageDeduplicationId: digest(appId, handoff.user_id, handoff.event_id),
    MessageBody: JSON.stringify({ version: 1, app_id: appId, handoff, direct }),
  };
  await sqs.send(new SendMessageCommand(message));
}

/** The right to work on one customer's handoffs, and what is remembered of the customer. */
export class Claim {
  static async acquire(appId, userId) {
    const claim = new Claim();
    const now = seconds();
    claim.token = randomUUID();
    claim.key = `${appId}#customer#${sha256(userId).slice(0, 40)}`;
    let before;
    try {
      before = await claim.update(
        "SET lease_until = :until, lease_token = :token, expires = :expires",
        "attribute_not_exists(lease_until) OR lease_until <= :now",
        { ":until": { N: String(now + LEASE_SECONDS) }, ":now": { N: String(now) } },
        { ReturnValues: "ALL_OLD" },
      );
    } catch (error) {
      throw error instanceof ConditionalCheckFailedException ? new Busy() : error;
    }
    const known = before.Attributes?.customer?.S;
    claim.customer = known ? JSON.parse(known) : { salt: claim.token, id: null, done: [], conversations: [] };
    return claim;
  }

  /** The event is remembered; the lease ends with `giveBack`. */
  done(eventId) {
    this.customer.done = [...this.customer.done, eventId].slice(-MOST_DONE);
  }

  /** Fails if the lease was lost to somebody else meanwhile. */
  async giveBack() {
    await this.update("SET customer = :customer, expires = :expires REMOVE lease_until", "lease_token = :token", {
      ":customer": { S: JSON.stringify(this.customer) },
    });
  }

  update(change, condition, values, options = {}) {
    const expires = { N: String(seconds() + REMEMBERED_SECONDS) };
    const write = {
      TableName: process.env.TABLE_NAME,
      Key: { pk: { S: this.key } },
      UpdateExpression: change,
      ConditionExpression: condition,
      ExpressionAttributeValues: { ":token": { S: this.token }, ":expires": expires, ...values },
      ...options,
    };
    return dynamodb.send(new UpdateItemCommand(write));
  }

  /** What is remembered of the conversation that has one of these names. */
  conversation(names) {
    const { conversations } = this.customer;
    const known = conversations.find((one) => one.names.some((name) => names.includes(name)));
    if (known) {
      known.names = [...new Set([...known.names, ...names])];
      return known;
    }
    const added = { names, ticket: null, wrote: {} };
    this.customer.conversations = [...conversations, added].slice(-MOST_CONVERSATIONS);
    return added;
  }

  /** No value lies in the table. */
  digest(value) {
    return sha256(this.customer.salt + value).slice(0, 16);
  }
}
