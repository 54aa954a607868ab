"use strict";
// Verify an assertion against its request.

const { CHECKS, readCaller, readKid, rememberFor, verifySignature } = require("./checks.js");
const { AssertionRefused, VerificationFailed } = require("./errors.js");
const { KeyCache } = require("./keys.js");
const { InProcessMemory } = require("./memory.js");

const HEADER = "Gatepost-Assertion";
const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);

class Verifier {
  #expected;
  #keys;
  #memory;
  #now;
  #log;

  /** @param {import("../index").VerifierOptions} options */
  constructor({ issuer, audience, baseUrl, dataKinds = [], keys, memory, leeway = 30, now, log = console }) {
    if (!Array.isArray(dataKinds)) throw new TypeError("dataKinds: give a list of kinds, such as ['team']");
    if (!(leeway >= 0 && leeway <= 60)) throw new RangeError("leeway: give 0 to 60 seconds");
    this.baseUrl = baseUrl === undefined ? originOf("audience", audience) : readBaseUrl(baseUrl);
    this.#now = now ?? (() => Date.now() / 1000);
    this.#log = log;
    this.#expected = { issuer, audience, dataKinds: new Set(dataKinds), leeway };
    this.#keys = keys ?? new KeyCache(keysOf(issuer), { now: this.#now, log });
    this.#memory = memory ?? new InProcessMemory({ now: this.#now });
  }

  /**
   * Return who makes the request.
   * @param {string} assertion
   * @param {{ method: string, url: string, body?: import("../index").Body }} request
   * @returns {Promise<import("../index").Caller>}
   */
  async verify(assertion, { method, url, body = "" }) {
    try {
      if (typeof assertion !== "string") throw new AssertionRefused("malformed", "it is not a string");
      const key = await this.#keys.find(readKid(assertion));
      if (key === undefined) {
        throw new AssertionRefused("key", "the gateway does not publish the key that it names");
      }
      const claims = verifySignature(assertion, key);
      // A body is read only if the gateway signed the request.
      const bytes = typeof body === "function" ? await body() : body;
      const presented = { method, url, body: typeof bytes === "string" ? Buffer.from(bytes) : bytes };
      const now = this.#now();
      for (const check of CHECKS) check(claims, this.#expected, presented, now);
      const caller = readCaller(claims, this.#expected);
      // The last check, so that a refused assertion does not use its id up.
      const jti = /** @type {string} */ (claims.jti);
      if ((await this.#memory.firstUse(jti, rememberFor(claims, this.#expected, now))) !== true) {
        throw new AssertionRefused("replay", `jti '${jti}' was used before`);
      }
      return caller;
    } catch (error) {
      if (error instanceof AssertionRefused) {
        this.#log.warn(`gatepost-verify: refused: ${error.code}: ${error.reason}`);
      } else if (error instanceof VerificationFailed) {
        this.#log.error(`gatepost-verify: not verified: ${error.reason}`);
      }
      throw error;
    }
  }
}

/**
 * @param {string} name
 * @param {string} text
 */
function originOf(name, text) {
  let url;
  try {
    url = new URL(text);
  } catch {
    url = undefined;
  }
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    const instead = name === "audience" ? "; or give baseUrl" : "";
    throw new TypeError(`${name}: give an http or https URL with a host${instead}`);
  }
  return url.origin;
}

/**
 * Return where a gateway publishes its keys; whoever could change that answer could be anybody.
 * @param {string} issuer
 */
function keysOf(issuer) {
  const origin = originOf("issuer", issuer);
  if (origin.startsWith("http:") && !LOOPBACK.has(new URL(origin).hostname)) {
    throw new TypeError("issuer: give an https URL; http is allowed on loopback only");
  }
  return `${origin}/.well-known/jwks.json`;
}

/** @param {string} text */
function readBaseUrl(text) {
  originOf("baseUrl", text);
  if (/\/$|[?#]/.test(text)) {
    throw new TypeError("baseUrl: remove the trailing slash, the query and the fragment");
  }
  return text;
}

module.exports = { HEADER, Verifier };
