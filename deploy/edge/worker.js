// A Cloudflare Worker in front of both services. docs/edge.md says what it can and cannot do.
import { RefusedRequests } from "./address_limit.js";
import { answerDocument, Documents, documentUrls } from "./documents.js";
import { checkToken } from "./check_token.js";
import { readSettings, resourceAt } from "./settings.js";

// In this order; the first answer is the client's.
const STEPS = [answerDocument, checkToken, requireFewRefusals, passOn];

// What an isolate remembers between requests, made from the settings of its first one.
let edge;

export default {
  async fetch(request, env) {
    try {
      edge ??= makeEdge(env);
    } catch (problem) {
      console.error(problem.message);
      return Response.json({ error: "temporarily_unavailable", error_description: problem.message }, { status: 503 });
    }
    return serve(request, edge);
  },
};

function makeEdge(env) {
  const settings = readSettings(env);
  const now = () => Date.now();
  const documents = new Documents(documentUrls(settings), fetch, now);
  return { settings, now, documents, refused: new RefusedRequests(settings.limit, now) };
}

// Answers one request. A fault in a check lets the request pass: the services check everything themselves.
async function serve(request, edge) {
  const { origin, pathname } = new URL(request.url);
  const url = origin + pathname;
  const exchange = {
    ...edge,
    request,
    url,
    resource: resourceAt(url, edge.settings),
    address: request.headers.get("cf-connecting-ip"),
    verified: false,
    genuine: false,
  };
  for (const step of STEPS) {
    try {
      const answer = await step(exchange);
      if (answer) return answer;
    } catch (fault) {
      console.error(`${step.name}: ${fault.message}`);
    }
  }
  const text = "the service can't be reached at the moment; try again in 5 seconds";
  const headers = { "retry-after": "5", "cache-control": "no-store" };
  return Response.json({ error: "temporarily_unavailable", error_description: text }, { status: 502, headers });
}

// Refuses an address many of whose requests were refused, unless the request has a valid token.
function requireFewRefusals({ address, verified, refused }) {
  return verified ? undefined : refused.refuse(address);
}

async function passOn(exchange) {
  const answer = await fetch(exchange.request);
  if (isGuess(exchange, answer.status)) await exchange.refused.count(exchange.address);
  return answer;
}

// Programs with valid credentials are refused, too: by limits, while a device waits for its person, for a new nonce.
// And every client begins without a credential.
function isGuess({ request, url, resource, settings, genuine }, status) {
  if (genuine) return false;
  if (resource) return status === 401 && ["authorization", "x-api-key"].some((name) => request.headers.has(name));
  if (url === `${settings.issuer}/token`) return status === 401;
  return status >= 400 && status < 500;
}
