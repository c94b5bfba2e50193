// Desk's API: connections that stay open, and one method a call.

const BASE = process.env.DESK_BASE_URL ?? "https://desk-api-{app_id}.sendbird.com/platform/v1";
const PATIENCE_MILLISECONDS = 5000;
// Only what changes nothing is repeated.
const MOST_TRIES = { GET: 3, POST: 1, PATCH: 1 };
const WORTH_ANOTHER_TRY = new Set([0, 429, 502, 503, 504]);

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** No usable answer. Holds nothing of the answer, which may hold a customer's data. */
export class DeskError extends Error {
  constructor(status) {
    super(`Desk answered ${status}`);
    this.status = status;
  }

  get isFinal() {
    return ![0, 401, 403, 429].includes(this.status) && this.status < 500;
  }
}

export class Desk {
  constructor(appId, token) {
    this.base = BASE.replace("{app_id}", appId);
    this.headers = { SENDBIRDDESKAPITOKEN: token, "content-type": "application/json" };
    this.calls = 0;
  }

  async call(method, path, body) {
    this.calls += 1;
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.request(method, path, body);
      } catch (error) {
        if (tries === MOST_TRIES[method] || !WORTH_ANOTHER_TRY.has(error.status)) throw error;
        await sleep(200 * tries);
      }
    }
  }

  async request(method, path, body) {
    let status = 0;
    try {
      // Node's fetch has a pool and keeps its connections.
      const answer = await fetch(this.base + path, {
        method,
        headers: this.headers,
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(PATIENCE_MILLISECONDS),
      });
      ({ status } = answer);
      const told = await answer.text();
      if (answer.ok) return JSON.parse(told);
    } catch {
      status = 0;
    }
    throw new DeskError(status);
  }

  /** The customer's tickets, and the customer: asked at once. */
  async lookUp(userId) {
    const user = encodeURIComponent(userId);
    const paths = [`/tickets?sendbird_id=${user}&limit=100`, `/customers?sendbird_id=${user}`];
    const [tickets, customers] = await Promise.all(paths.map((path) => this.call("GET", path)));
    // A filter that Desk does not know is ignored, and everybody's come back.
    const customer = customers.results.find((one) => one.sendbirdId === userId);
    return { tickets: tickets.results, customerId: customer?.id ?? null };
  }

  async ticket(number) {
    try {
      return await this.call("GET", `/tickets/${number}`);
    } catch (error) {
      if (error.status === 404) return null;
      throw error;
    }
  }

  async createCustomer(userId) {
    return (await this.call("POST", "/customers", { sendbirdId: userId })).id;
  }

  createTicket(title, customerId, values, priority, team, channelUrl) {
    return this.call("POST", "/tickets", {
      channelName: title,
      customerId,
      customFields: JSON.stringify(values),
      priority: priority ?? undefined,
      groupKey: team ?? undefined,
      relatedChannelUrls: channelUrl ?? undefined,
    });
  }

  writeFields(number, values) {
    return this.call("PATCH", `/tickets/${number}/custom_fields`, { customFields: JSON.stringify(values) });
  }

  writePriority(number, priority) {
    return this.call("PATCH", `/tickets/${number}`, { priority });
  }

  transfer(number, team) {
    return this.call("POST", "/tickets/transfer_to_group", { tickets: [number], status: "PENDING", groupKey: team });
  }
}
