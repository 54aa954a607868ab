"use strict";
// The checks of an assertion, in their order. Each throws AssertionRefused and returns nothing.
// Claims are quoted in reasons, because they are read only after the signature is verified.

const { createHash, verify } = require("node:crypto");
const { AssertionRefused, DataScopeUnsupported } = require("./errors.js");

const TYPE = "gatepost-assertion+jwt";
const LONGEST = 32 * 1024;
const MOST_SECONDS = 120;
const MOST_ACTORS = 10;
const ENTRY = /^([a-z][a-z0-9_]{0,31}):([A-Za-z0-9._~-]{1,128})$/;

/** @typedef {Record<string, unknown>} Claims */
/** @typedef {{ issuer: string, audience: string, dataKinds: ReadonlySet<string>, leeway: number }} Expected */
/** @typedef {{ method: string, url: string, body: Uint8Array }} Presented */

/**
 * Read the key's id, from a header that can be no other kind of token (RFC 8725 §3.1, §3.11).
 * @param {string} assertion
 */
function readKid(assertion) {
  const parts = assertion.split(".");
  if (assertion.length > LONGEST || parts.length !== 3) {
    throw new AssertionRefused("malformed", "it is not a compact JWS of at most 32 KiB");
  }
  const header = readObject(parts[0]);
  if (header === undefined) throw new AssertionRefused("malformed", "its header is not a JSON object");
  if (header.alg !== "ES256") throw new AssertionRefused("algorithm", "alg is not ES256");
  if (header.typ !== TYPE) throw new AssertionRefused("type", `typ is not ${TYPE}`);
  if ("crit" in header) throw new AssertionRefused("malformed", "its header requires an extension");
  if (typeof header.kid !== "string" || header.kid === "") throw new AssertionRefused("key", "it names no key");
  return header.kid;
}

/**
 * Verify the signature (RFC 7515 §5.2) and read the claims.
 * @param {string} assertion
 * @param {import("node:crypto").KeyObject} key
 * @returns {Claims}
 */
function verifySignature(assertion, key) {
  const [header, payload, signature] = assertion.split(".");
  const signed = Buffer.from(`${header}.${payload}`);
  const bytes = Buffer.from(signature, "base64url");
  // The 64 bytes of RFC 7518 §3.4, not DER. Buffer ignores what is not base64url, such as a second header's comma.
  const exact = bytes.length === 64 && bytes.toString("base64url") === signature;
  if (!exact || !verify("sha256", signed, { key, dsaEncoding: "ieee-p1363" }, bytes)) {
    throw new AssertionRefused("signature", "it is not signed by the key that it names");
  }
  const claims = readObject(payload);
  if (claims === undefined) throw new AssertionRefused("claims", "its payload is not a JSON object");
  return claims;
}

/** @type {((claims: Claims, expected: Expected, presented: Presented, now: number) => void)[]} */
const CHECKS = [
  function checkIssuer(claims, expected) {
    requireEqual("issuer", "iss", claims, expected.issuer);
  },

  function checkAudience(claims, expected) {
    requireEqual("audience", "aud", claims, expected.audience);
  },

  function checkTimes(claims, expected, _, now) {
    const [issued, expires] = [whole(claims, "iat"), whole(claims, "exp")];
    const life = expires - issued;
    if (life <= 0 || life > MOST_SECONDS) throw new AssertionRefused("lifetime", `it is valid for ${life} seconds`);
    if (issued > now + expected.leeway) {
      const ahead = Math.round(issued - now);
      throw new AssertionRefused("not_yet_valid", `it was signed ${ahead} seconds in the future; compare clocks`);
    }
    if (expires <= now - expected.leeway) {
      const ago = Math.round(now - expires);
      throw new AssertionRefused("expired", `it expired ${ago} seconds ago; compare clocks`);
    }
  },

  function checkMethod(claims, _, presented) {
    requireEqual("method", "htm", claims, presented.method);
  },

  function checkUrl(claims, _, presented) {
    const htu = text(claims, "htu", "url");
    if (htu === presented.url) return;
    // Without the queries, which may contain personal data.
    const [signed, here] = [htu.split("?")[0], presented.url.split("?")[0]];
    const differ = signed === here ? "the queries differ" : `this request is for '${here}'`;
    throw new AssertionRefused("url", `htu is for '${signed}', ${differ}`);
  },

  function checkBody(claims, _, presented) {
    const hash = createHash("sha256").update(presented.body).digest("base64url");
    if (text(claims, "body_sha256", "body") !== hash) {
      const length = presented.body.length;
      throw new AssertionRefused("body", `body_sha256 is not the hash of the body of ${length} bytes`);
    }
  },
];

/**
 * Read who is calling; somebody and a tenant must be named.
 * @param {Claims} claims
 * @param {Expected} expected
 * @returns {import("../index").Caller}
 */
function readCaller(claims, expected) {
  const env = text(claims, "env");
  if (env !== "live" && env !== "test") throw new AssertionRefused("claims", `env is '${env}', neither live nor test`);
  const dataScope = readDataScope(claims.data_scope);
  const unsupported = [...dataScope.keys()].filter((kind) => !expected.dataKinds.has(kind));
  if (unsupported.length > 0) {
    const kinds = unsupported.sort().join(", ");
    throw new DataScopeUnsupported(`dataKinds does not name ${kinds}, by which the connection is restricted`);
  }
  const [sub, clientId] = [text(claims, "sub"), text(claims, "client_id")];
  return Object.freeze({
    sub,
    person: sub === clientId ? null : sub,
    tenantId: text(claims, "tenant_id"),
    dataScope,
    clientId,
    tool: text(claims, "tool"),
    // The gateway appends the attempt to the id, as in `ID.2`, when it repeats a request.
    callId: text(claims, "jti").split(".")[0],
    env,
    isTest: env === "test",
    actors: readActors(claims),
  });
}

/**
 * Read the chain of actors, the current one first (RFC 8693 §4.1).
 * @param {Claims} claims
 * @returns {readonly string[]}
 */
function readActors(claims) {
  const actors = [];
  for (let holder = claims; Object.hasOwn(holder, "act"); ) {
    const { act } = holder;
    if (typeof act !== "object" || act === null || Array.isArray(act) || actors.length === MOST_ACTORS) {
      throw new AssertionRefused("claims", "act is not an object, or is nested too deeply");
    }
    holder = /** @type {Claims} */ (act);
    actors.push(text(holder, "sub"));
  }
  return Object.freeze(actors);
}

/**
 * @param {unknown} value
 * @returns {ReadonlyMap<string, ReadonlySet<string>>}
 */
function readDataScope(value) {
  const kinds = new Map();
  const entries = typeof value === "string" ? value.split(/\s+/).filter(Boolean) : [""];
  for (const entry of entries) {
    const found = ENTRY.exec(entry);
    if (found === null) throw new AssertionRefused("claims", "data_scope is not a list of kind:value");
    const [, kind, one] = found;
    kinds.set(kind, (kinds.get(kind) ?? new Set()).add(one));
  }
  return kinds;
}

/**
 * Count the seconds in which the assertion could be used again.
 * @param {Claims} claims
 * @param {Expected} expected
 * @param {number} now
 */
function rememberFor(claims, expected, now) {
  return Math.max(1, Math.ceil(whole(claims, "exp") + expected.leeway - now));
}

/**
 * @param {string} part
 * @returns {Claims | undefined}
 */
function readObject(part) {
  try {
    const value = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {import("../index").Code} code
 * @param {string} name
 * @param {Claims} claims
 * @param {string} value
 */
function requireEqual(code, name, claims, value) {
  if (claims[name] !== value) {
    throw new AssertionRefused(code, `${name} is ${JSON.stringify(claims[name])}, expected '${value}'`);
  }
}

/**
 * @param {Claims} claims
 * @param {string} name
 * @param {import("../index").Code} [code]
 */
function text(claims, name, code = "claims") {
  const value = claims[name];
  if (typeof value !== "string" || value === "") {
    throw new AssertionRefused(code, `${name} is missing, empty or not a string`);
  }
  return value;
}

/**
 * @param {Claims} claims
 * @param {string} name
 * @returns {number}
 */
function whole(claims, name) {
  const value = claims[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value)) {
    throw new AssertionRefused("claims", `${name} is missing or not a whole number`);
  }
  return value;
}

module.exports = { CHECKS, readCaller, readKid, rememberFor, verifySignature };
