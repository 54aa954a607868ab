"use strict";
// The memory of used ids: each assertion is accepted once.

const { VerificationUnavailable } = require("./errors.js");

const WAIT_MS = 2000;

// Several processes of an API need RedisMemory.
class InProcessMemory {
  /** @type {Map<string, number>} */
  #until = new Map();
  #capacity;
  #now;

  /** @param {{ capacity?: number, now?: () => number }} [options] */
  constructor({ capacity = 100_000, now = () => Date.now() / 1000 } = {}) {
    this.#capacity = capacity;
    this.#now = now;
  }

  /**
   * Return true once for each id.
   * @param {string} jti
   * @param {number} seconds
   */
  firstUse(jti, seconds) {
    const now = this.#now();
    // All have about the same lifetime, so the oldest entries expire first.
    for (const [old, until] of this.#until) {
      if (until > now) break;
      this.#until.delete(old);
    }
    if (this.#until.has(jti)) return false;
    if (this.#until.size >= this.#capacity) {
      throw new VerificationUnavailable(`more than ${this.#capacity} ids are in use`);
    }
    this.#until.set(jti, now + seconds);
    return true;
  }
}

// For all processes of an API. Takes a connected client of `redis` or `ioredis`.
class RedisMemory {
  #client;
  #prefix;

  /**
   * @param {any} client
   * @param {{ prefix?: string }} [options]
   */
  constructor(client, { prefix = "gatepost:jti:" } = {}) {
    this.#client = client;
    this.#prefix = prefix;
  }

  /**
   * Return true once for each id.
   * @param {string} jti
   * @param {number} seconds
   */
  async firstUse(jti, seconds) {
    const command = ["SET", this.#prefix + jti, "1", "NX", "EX", String(seconds)];
    const client = this.#client;
    let timer;
    // Both clients keep commands for a server that is away, and wait for it.
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("no answer")), WAIT_MS);
    });
    try {
      const said = typeof client.call === "function" ? client.call(...command) : client.sendCommand(command);
      return (await Promise.race([said, late])) === "OK";
    } catch (error) {
      // The message of a client may contain the address with its password.
      const kind = error instanceof Error ? error.name : "unknown error";
      throw new VerificationUnavailable(`the memory of used ids failed: ${kind}`);
    } finally {
      clearTimeout(timer);
    }
  }
}

module.exports = { InProcessMemory, RedisMemory };
