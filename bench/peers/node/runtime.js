// The Lambda runtime API: take an event, hand it to the function, give its answer back.
//
// In the place of aws-lambda-ric, which compiles curl and needs cmake, autoconf and libtool for it.

import http from "node:http";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const request = http.request({ host, port, method, path: `/2018-06-01/runtime/${path}`, agent, headers }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(parts).toString() }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

export async function run(handle) {
  for (;;) {
    const { headers, body } = await call("GET", "invocation/next");
    const invocation = `invocation/${headers["lambda-runtime-aws-request-id"]}`;
    try {
      await call("POST", `${invocation}/response`, JSON.stringify(await handle(JSON.parse(body))));
    } catch (error) {
      // The type alone: a text may show what the event holds.
      await call("POST", `${invocation}/error`, JSON.stringify({ errorType: error.name, errorMessage: "not done" }));
    }
  }
}
