// Writes requests with npm swagger-client: node swagger_client.mjs FOLDER, a JSON line for each.
//
// FOLDER holds node_modules/swagger-client. A line {"document": PATH} chooses the document; each other
// line is {"method", "path", "server", "parameters", "body", "contentType"}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const SwaggerClient = createRequire(`${process.argv[2]}/`)("swagger-client");

let spec;

async function load(path) {
  const text = readFileSync(path, "utf-8");
  const { spec: resolved } = await SwaggerClient.resolve({
    spec: JSON.parse(text),
    // Only references within the document are followed.
    http: () => Promise.reject(new Error("no network")),
  });
  spec = resolved;
}

function operationId(method, path) {
  const operation = spec.paths[path][method.toLowerCase()];
  operation.__originalOperationId = operation.operationId;
  operation.operationId = "operation_of_the_bench";
  return () => {
    operation.operationId = operation.__originalOperationId;
  };
}

async function write({ method, path, server, parameters, body, contentType }) {
  const operation = spec.paths[path][method.toLowerCase()];
  const given = { ...parameters };
  const options = { spec, pathName: path, method: method.toLowerCase(), parameters: given };
  if (spec.swagger) {
    const named = [...(operation.parameters ?? []), ...(spec.paths[path].parameters ?? [])];
    const whole = named.find((one) => one.in === "body");
    if (body !== undefined && whole) given[whole.name] = body;
    else for (const [name, value] of Object.entries(body ?? {})) given[name] = value;
    const url = new URL(server);
    spec.host = url.host;
    spec.schemes = [url.protocol.slice(0, -1)];
    spec.basePath = url.pathname;
  } else {
    options.requestBody = body;
    spec.servers = [{ url: server }];
    delete operation.servers;
    delete spec.paths[path].servers;
  }
  if (contentType) options.requestContentType = contentType;
  const restore = operationId(method, path);
  try {
    options.operationId = "operation_of_the_bench";
    const request = SwaggerClient.buildRequest(options);
    let written = request.body ?? null;
    if (request.form ?? written instanceof FormData) written = [...(request.form ?? written).entries()];
    return { method: request.method, url: request.url, headers: request.headers, body: written };
  } finally {
    restore();
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  let answer;
  try {
    answer = asked.document ? (await load(asked.document), {}) : await write(asked);
  } catch (error) {
    answer = { error: String(error.message ?? error).slice(0, 300) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
