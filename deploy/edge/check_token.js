// Refuses an access token that is certainly invalid, in the gateway's own words: RFC 9068 §4, RFC 8725 §3.
//
// API keys, proofs and everything else that only the gateway can judge pass. So does a token whose key can't be
// looked up now. Revocations, scopes and tools are not known here.
import { keysUrl, metadataUrl, PAUSE } from "./documents.js";

const LEEWAY = 30;
const LONGEST = 8 * 1024;
const KID = /^[A-Za-z0-9_-]{1,128}$/;
// Whether the caller has the key to which a token is bound is for the gateway to check.
const TYPES = /^(application\/)?(bound\+)?at\+jwt$/;
const CURVE = { name: "ECDSA", namedCurve: "P-256" };

class Refused extends Error {
  // `genuine`: the authorization server may have issued the token, so refusing it is not a sign of an attack.
  constructor(message, { genuine = false } = {}) {
    super(message);
    this.genuine = genuine;
  }
}

export async function checkToken(exchange) {
  const [scheme, token] = readCredential(exchange);
  if (!token) return;
  try {
    exchange.verified = await verify(token, exchange);
    exchange.genuine = true;
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    exchange.genuine = problem.genuine;
    // The gateway challenges clients that have a key (RFC 9449 §7.1).
    if (scheme === "dpop") return;
    if (!problem.genuine) await exchange.refused.count(exchange.address);
    return challenge(problem.message, exchange);
  }
}

// Returns the scheme and the token of a request for a resource, or nothing if the gateway has to judge it.
function readCredential({ request, resource }) {
  const [, scheme, token] = /^(bearer|dpop) +([^ ,]+) *$/i.exec(request.headers.get("authorization") ?? "") ?? [];
  if (!resource || !token || /^mcp_(live|test)_/.test(token) || request.headers.has("x-api-key")) return [];
  return [scheme.toLowerCase(), token];
}

// Returns whether the token was verified, which is false if its key can't be looked up now.
async function verify(token, exchange) {
  const { resource, settings, now } = exchange;
  if (token.length > LONGEST) throw new Refused("the token is too long");
  const kid = readKeyId(token.split(".")[0]);
  const key = await findKey(kid, exchange);
  if (!key) return false;
  const claims = await readClaims(token, key);
  if (claims.iss !== settings.issuer) throw new Refused("the token is from another issuer");
  const [audience, ...others] = [claims.aud].flat();
  if (audience !== resource || others.length) throw new Refused("the token is for another resource", { genuine: true });
  requireCurrent(claims, now() / 1000);
  return true;
}

function readKeyId(segment) {
  const header = readJson(segment, "the token is not a JWT");
  if (!isObject(header) || Object.keys(header).some((name) => !["alg", "typ", "kid"].includes(name))) {
    throw new Refused("the header of the token holds more than alg, typ and kid");
  }
  if (header.alg !== "ES256") throw new Refused("the token is not signed with ES256");
  const type = typeof header.typ === "string" ? header.typ.toLowerCase() : "";
  if (!TYPES.test(type)) throw new Refused("the token is not of type at+jwt");
  if (typeof header.kid !== "string" || !KID.test(header.kid)) throw new Refused("the token does not name a key");
  return header.kid;
}

// Returns undefined if the key may exist although it is not in our copy.
async function findKey(kid, { settings, documents, now }) {
  const asked = now();
  for (const options of [{}, { oldest: PAUSE }]) {
    const copy = await documents.read(keysUrl(settings), options);
    if (!copy) return;
    const key = (await importKeys(copy)).get(kid);
    if (key) return key;
    // Many people's tokens are signed with a key that was withdrawn a moment ago.
    if (copy.askedAt >= asked) throw new Refused("the token is signed with an unknown key", { genuine: true });
  }
}

async function importKeys(copy) {
  if (copy.imported) return copy.imported;
  const keys = new Map();
  for (const { kid, kty, crv, x, y, use, alg = "ES256", d } of copy.document.keys ?? []) {
    if (d !== undefined || kty !== "EC" || crv !== "P-256" || use !== "sig" || alg !== "ES256") continue;
    keys.set(kid, await crypto.subtle.importKey("jwk", { kty, crv, x, y }, CURVE, false, ["verify"]));
  }
  copy.imported = keys;
  return keys;
}

async function readClaims(token, key) {
  const wrong = "the signature or the payload of the token is wrong";
  const parts = token.split(".");
  if (parts.length !== 3) throw new Refused(wrong);
  const [header, payload, signature] = parts;
  const signed = new TextEncoder().encode(`${header}.${payload}`);
  const algorithm = { name: "ECDSA", hash: "SHA-256" };
  if (!(await crypto.subtle.verify(algorithm, key, decode(signature, wrong), signed))) throw new Refused(wrong);
  const claims = readJson(payload, wrong);
  if (!isObject(claims)) throw new Refused("the payload of the token is not an object");
  return claims;
}

// The gateway judges times that are not whole numbers.
function requireCurrent({ iat, nbf, exp }, now) {
  if (Number.isInteger(exp) && now >= exp + LEEWAY) throw new Refused("the token has expired", { genuine: true });
  if ([iat, nbf].some((time) => Number.isInteger(time) && time > now + LEEWAY)) {
    throw new Refused("the token is not valid yet", { genuine: true });
  }
}

// Answers 401 with the gateway's challenge (RFC 6750 §3, RFC 9728 §5.1).
async function challenge(description, { resource, settings, documents }) {
  const copy = settings.challengeScope ? undefined : await documents.read(metadataUrl(settings));
  const scopes = settings.challengeScope || copy?.document.scopes_supported?.join(" ");
  const parts = [
    'error="invalid_token"',
    `resource_metadata="${metadataUrl({ resource })}"`,
    ...(scopes ? [`scope="${scopes}"`] : []),
    // Like the gateway: some clients misread other characters.
    `error_description="${description.replace(/[^A-Za-z0-9 .,:;'@_/()-]+/g, " ")}"`,
  ];
  const headers = {
    "www-authenticate": `Bearer ${parts.join(", ")}`,
    "x-request-id": crypto.randomUUID(),
    // The answer says the same to everybody, so scripts of any site may read it.
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "www-authenticate, x-request-id",
  };
  return Response.json({ error: "invalid_token", error_description: description }, { status: 401, headers });
}

function readJson(segment, problem) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(decode(segment, problem)));
  } catch {
    throw new Refused(problem);
  }
}

function decode(segment, problem) {
  if (!/^[A-Za-z0-9_-]*$/.test(segment)) throw new Refused(problem);
  try {
    return Uint8Array.from(atob(segment.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  } catch {
    throw new Refused(problem);
  }
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
