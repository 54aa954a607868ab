"use strict";
// The gateway's public keys (RFC 7517), fetched when needed and cached.

const { createPublicKey } = require("node:crypto");
const { VerificationUnavailable } = require("./errors.js");

const MOST_BYTES = 256 * 1024;

/**
 * Get a JWKS over HTTP within five seconds, without following redirects.
 * @param {string} url
 * @returns {Promise<unknown>}
 */
async function fetchJwks(url) {
  // A cache on the way must not answer: a key that has just appeared may be wanted.
  const headers = { "cache-control": "no-cache" };
  const answer = await fetch(url, { headers, redirect: "error", signal: AbortSignal.timeout(5000) });
  if (answer.status !== 200 || answer.body === null) throw new Error(`the status is ${answer.status}`);
  const chunks = [];
  let length = 0;
  for await (const chunk of answer.body) {
    length += chunk.length;
    if (length > MOST_BYTES) throw new Error("the document is larger than 256 KiB");
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}

/**
 * Read the keys of a JWKS that may sign assertions; others are left out.
 * @param {any} document
 * @returns {Map<string, import("node:crypto").KeyObject>}
 */
function readKeys(document) {
  const keys = new Map();
  const listed = document?.keys;
  for (const jwk of Array.isArray(listed) ? listed : []) {
    const { kty, crv, kid, x, y, use = "sig", alg = "ES256" } = jwk ?? {};
    if (typeof kid !== "string" || kty !== "EC" || crv !== "P-256" || use !== "sig" || alg !== "ES256") continue;
    try {
      keys.set(kid, createPublicKey({ key: { kty, crv, x, y }, format: "jwk" }));
    } catch {
      continue; // not a point of the curve
    }
  }
  if (keys.size === 0) throw new Error("the document contains no P-256 key for signatures");
  return keys;
}

// Keys are fetched again after `maxAge` seconds, and at once for an unknown `kid`, but never more often than
// every `refetchEvery` seconds: anybody can send unknown ids. A key that the gateway withdrew is accepted for
// `maxAge` seconds after it was last published, so that gateways can change their key one after the other. While
// the document can't be fetched, the keys of the last one stay valid for `staleFor` seconds more.
class KeyCache {
  /** @type {Map<string, { key: import("node:crypto").KeyObject, seenAt: number }>} */
  #keys = new Map();
  /** @type {number | undefined} */
  #fetchedAt;
  /** @type {number | undefined} */
  #triedAt;
  /** @type {Promise<void> | undefined} */
  #running;
  #url;
  #options;

  /**
   * @param {string} url
   * @param {import("../index").KeyCacheOptions} [options]
   */
  constructor(url, options = {}) {
    if (!/^https?:$/.test(new URL(url).protocol)) {
      throw new TypeError("the URL of the gateway's keys must be an http or https URL");
    }
    this.#url = url;
    this.#options = {
      fetch: fetchJwks,
      now: () => Date.now() / 1000,
      log: console,
      maxAge: 600,
      staleFor: 4 * 3600,
      refetchEvery: 10,
      ...options,
    };
  }

  /**
   * Return the key, or undefined if the gateway does not publish it.
   * @param {string} kid
   */
  async find(kid) {
    if (!this.#isReady(kid)) {
      // One request fetches; others wait for it only if they know no key.
      const known = this.#valid(kid) !== undefined;
      if (!this.#running) {
        this.#running = this.#refresh().finally(() => {
          this.#running = undefined;
        });
        await this.#running;
      } else if (!known) await this.#running;
    }
    const key = this.#valid(kid);
    if (key === undefined && this.#fetchedAt !== this.#triedAt) {
      throw new VerificationUnavailable(`the gateway's keys can't be fetched from ${this.#url}`);
    }
    return key;
  }

  /** @param {string} kid */
  #isReady(kid) {
    const now = this.#options.now();
    const within = (/** @type {number | undefined} */ at, /** @type {number} */ seconds) =>
      at !== undefined && now - at >= 0 && now - at < seconds;
    if (!this.#running && within(this.#triedAt, this.#options.refetchEvery)) return true;
    return within(this.#fetchedAt, this.#options.maxAge) && this.#valid(kid) !== undefined;
  }

  /** @param {string} kid */
  #valid(kid) {
    const found = this.#keys.get(kid);
    if (found === undefined) return undefined;
    const last = found.seenAt === this.#fetchedAt;
    const allowed = this.#options.maxAge + (last ? this.#options.staleFor : 0);
    return this.#options.now() - found.seenAt < allowed ? found.key : undefined;
  }

  async #refresh() {
    const now = (this.#triedAt = this.#options.now());
    let found;
    try {
      found = readKeys(await this.#options.fetch(this.#url));
    } catch (error) {
      this.#options.log.warn(`gatepost-verify: the gateway's keys can't be fetched from ${this.#url}: ${error}`);
      return;
    }
    for (const [kid, { seenAt }] of this.#keys) {
      if (now - seenAt >= this.#options.maxAge) this.#keys.delete(kid);
    }
    for (const [kid, key] of found) this.#keys.set(kid, { key, seenAt: now });
    this.#fetchedAt = now;
  }
}

module.exports = { KeyCache, fetchJwks };
