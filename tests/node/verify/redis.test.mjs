// The memory in Redis, with both clients, against the server that the test run started.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import Redis from "ioredis";
import { createClient } from "redis";
import { RedisMemory, VerificationUnavailable } from "../../../packages/node/index.js";

const url = process.env.REDIS_URL;
const clients = {
  redis: async () => {
    const client = createClient({ url });
    await client.connect();
    return [client, () => client.destroy()];
  },
  ioredis: async () => {
    const client = new Redis(url);
    return [client, () => client.disconnect()];
  },
};

for (const [name, open] of Object.entries(clients)) {
  test(`of fifty processes that ask ${name} about one id, one is told yes`, async () => {
    const [client, close] = await open();
    const memory = new RedisMemory(client, { prefix: `${name}:` });
    const said = await Promise.all(Array.from({ length: 50 }, () => memory.firstUse("call_1", 90)));
    assert.equal(said.filter(Boolean).length, 1);
    assert.equal(await memory.firstUse("call_2", 90), true);
    const left = await (client.call?.("TTL", `${name}:call_1`) ?? client.sendCommand(["TTL", `${name}:call_1`]));
    assert.ok(left > 80 && left <= 90);
    close();
    await assert.rejects(memory.firstUse("call_3", 90), VerificationUnavailable);
  });
}

test("a Redis that takes connections and does not answer is not waited for", async () => {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const client = new Redis(silent.address().port, "127.0.0.1");
  await assert.rejects(new RedisMemory(client).firstUse("call_1", 90), VerificationUnavailable);
  client.disconnect();
  silent.close();
});
