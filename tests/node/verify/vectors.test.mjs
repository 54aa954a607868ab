// The Node package answers every test vector as docs/verify-calls.md says.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import {
  AssertionRefused,
  DataScopeUnsupported,
  InProcessMemory,
  KeyCache,
  VerificationUnavailable,
  Verifier,
  answerFailure,
  fetchJwks,
} from "../../../packages/node/index.js";
import { quiet, vectors } from "./support.mjs";

const cases = new Map(vectors.assertions.map((one) => [one.name, one]));
const inOrder = (one) => [...(one.after ?? []).map((name) => cases.get(name)), one];

function verifierAt(clock, options = {}) {
  const now = () => clock.now;
  const keys = new KeyCache("https://mcp.example.com/jwks", { fetch: async () => vectors.jwks, now, log: quiet });
  const { issuer, audience, leeway, data_kinds: dataKinds } = vectors;
  return new Verifier({ issuer, audience, leeway, dataKinds, keys, now, log: quiet, ...options });
}

async function answer(verifier, { assertion, method, url, body }) {
  try {
    const caller = await verifier.verify(assertion, { method, url, body });
    const { tenantId: tenant_id, clientId: client_id, callId: call_id, dataScope, isTest, ...same } = caller;
    assert.equal(isTest, same.env === "test");
    const data_scope = Object.fromEntries([...dataScope].map(([kind, values]) => [kind, [...values].sort()]));
    return { caller: { ...same, tenant_id, client_id, call_id, data_scope } };
  } catch (error) {
    if (!(error instanceof AssertionRefused)) throw error;
    assert.equal(error instanceof DataScopeUnsupported, error.code === "data_scope");
    assert.equal(error.status, error.code === "data_scope" ? 403 : 401);
    return { refused: error.code };
  }
}

for (const one of cases.values()) {
  test(`vector: ${one.name}`, async () => {
    const clock = { now: 0 };
    const verifier = verifierAt(clock);
    for (const step of inOrder(one)) {
      clock.now = step.now;
      const expected = step.caller ? { caller: step.caller } : { refused: step.refused };
      assert.deepEqual(await answer(verifier, step), expected);
    }
  });
}

for (const { name, steps } of vectors.key_cache) {
  test(`key cache: ${name}`, async () => {
    let [now, published, requests] = [0, null, 0];
    const fetch = async () => {
      requests += 1;
      if (published === null) throw new Error("connection refused");
      return { keys: vectors.keys.filter(({ kid }) => published.includes(kid)) };
    };
    const cache = new KeyCache("https://mcp.example.com/jwks", { fetch, now: () => now, log: quiet });
    for (const step of steps) {
      [now, published] = [step.at, step.published];
      const found = await cache.find(step.kid).then(
        (key) => key !== undefined,
        (error) => error instanceof VerificationUnavailable && "unavailable",
      );
      assert.deepEqual([found, requests], [step.found, step.requests], JSON.stringify(step));
    }
  });
}

test("requests that come together cause one fetch of the keys", async () => {
  let requests = 0;
  const fetch = async () => {
    requests += 1;
    await new Promise(setImmediate);
    return vectors.jwks;
  };
  const cache = new KeyCache("https://mcp.example.com/jwks", { fetch, log: quiet });
  const found = await Promise.all(Array.from({ length: 50 }, () => cache.find("gateway-1")));
  assert.ok(found.every(Boolean));
  assert.equal(requests, 1);
});

test("a slow fetch holds up no request whose key is known", async () => {
  let [now, requests] = [1000, 0];
  let answer = () => {};
  const fetch = () => {
    requests += 1;
    return requests === 1 ? vectors.jwks : new Promise((resolve) => (answer = () => resolve(vectors.jwks)));
  };
  const cache = new KeyCache("https://mcp.example.com/jwks", { fetch, now: () => now, log: quiet });
  assert.ok(await cache.find("gateway-1"));
  now += 600;
  const invented = cache.find("invented");
  assert.ok(await cache.find("gateway-1"));
  answer();
  assert.equal(await invented, undefined);
  assert.equal(requests, 2);
});

for (const [status, body] of [
  [302, "{}"],
  [404, "{}"],
  [200, "<html>"],
  [200, `${" ".repeat(256 * 1024)}{}`],
]) {
  test(`a document that is not taken for keys: ${status} ${body.length} bytes`, async (t) => {
    let asked;
    const server = createServer((req, res) => {
      asked = req.headers["cache-control"];
      res.writeHead(status, { location: "/elsewhere" }).end(body);
    }).listen(0);
    t.after(() => server.close());
    await once(server, "listening");
    await assert.rejects(fetchJwks(`http://127.0.0.1:${server.address().port}/jwks`));
    assert.equal(asked, "no-cache"); // a copy may lack the key
  });
}

test("an API whose keys are out of reach says when to try again, and a value that is not an assertion is refused", async () => {
  assert.equal(answerFailure(new VerificationUnavailable("away")).headers["retry-after"], "5");
  const one = cases.get("a request without a body");
  await assert.rejects(verifierAt({ now: one.now }).verify(undefined, one), { code: "malformed" });
});

test("keys come from http alone", () => {
  for (const url of ["", "file:///etc/passwd", "mcp.example.com"]) assert.throws(() => new KeyCache(url));
});

test("of fifty requests with one assertion, one is accepted", async () => {
  const one = cases.get("a request without a body");
  const verifier = verifierAt({ now: one.now });
  const answers = await Promise.all(Array.from({ length: 50 }, () => answer(verifier, one)));
  assert.equal(answers.filter(({ caller }) => caller).length, 1);
});

test("a refusal tells its reason to the log and the same to every caller", async () => {
  const said = new Set();
  for (const one of cases.values()) {
    if (one.caller || one.refused === "data_scope" || one.after) continue;
    const lines = [];
    const log = { warn: (line) => lines.push(line), error: (line) => lines.push(line) };
    await assert.rejects(verifierAt({ now: one.now }, { log }).verify(one.assertion, one), (error) => {
      said.add(error.message);
      assert.deepEqual(lines, [`gatepost-verify: refused: ${one.refused}: ${error.reason}`]);
      assert.ok(!lines[0].includes("status=todo"), "a query may contain personal data");
      return true;
    });
  }
  assert.deepEqual([...said], ["The Gatepost-Assertion of this request is not accepted."]);
});

test("a full memory accepts nothing more until ids expire", () => {
  let now = 100;
  const memory = new InProcessMemory({ capacity: 2, now: () => now });
  assert.ok(memory.firstUse("a", 10));
  assert.ok(memory.firstUse("b", 20));
  assert.throws(() => memory.firstUse("c", 10), VerificationUnavailable);
  assert.ok(!memory.firstUse("b", 20));
  now = 110;
  assert.ok(memory.firstUse("c", 10));
});

for (const [wrong, named] of [
  [{ audience: "orbit" }, /audience.*baseUrl/],
  [{ baseUrl: "https://api.example.com/" }, /baseUrl/],
  [{ baseUrl: "api.example.com" }, /baseUrl/],
  [{ issuer: "mcp", keys: undefined }, /issuer/],
  [{ issuer: "http://mcp.example.com/mcp", keys: undefined }, /issuer.*https/],
  [{ leeway: 61 }, /leeway/],
  [{ dataKinds: "team" }, /dataKinds/],
]) {
  test(`a setting that can not work is named: ${JSON.stringify(wrong)}`, () => {
    assert.throws(() => verifierAt({ now: 0 }, wrong), named);
  });
}
