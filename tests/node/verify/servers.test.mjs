// Each adapter: the body is verified, and the app still reads it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import express from "express";
import Fastify from "fastify";
import { VerificationFailed, answerFailure, verifyRequest } from "../../../packages/node/index.js";
import * as forExpress from "../../../packages/node/express.js";
import * as forFastify from "../../../packages/node/fastify.js";
import { call, makeVerifier, send, sign } from "./support.mjs";

const MOST = 200_000;

async function plain() {
  const verifier = makeVerifier();
  const server = createServer(async (req, res) => {
    try {
      const caller = await verifyRequest(verifier, req, { maxBody: MOST });
      if (caller === null && req.url !== "/open") return res.writeHead(401).end();
      const chunks = [];
      for await (const chunk of req) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString();
      res.end(JSON.stringify({ person: caller?.person ?? null, body: text ? JSON.parse(text) : null }));
    } catch (error) {
      if (!(error instanceof VerificationFailed)) throw error;
      const { status, headers, body } = answerFailure(error);
      res.writeHead(status, headers).end(body);
    }
  });
  return server.listen(0);
}

async function withExpress() {
  const app = express();
  app.use(forExpress.gatepost(makeVerifier(), { maxBody: MOST }));
  app.use(express.json({ limit: "1mb" }));
  app.all("/open", (req, res) => res.json({ person: req.gatepost?.person ?? null, body: req.body ?? null }));
  app.use(forExpress.requireCaller, (req, res) => res.json({ person: req.gatepost.person, body: req.body ?? null }));
  return app.listen(0);
}

async function withFastify() {
  const app = Fastify({ bodyLimit: 1e6 });
  await app.register(forFastify.gatepost, { verifier: makeVerifier(), maxBody: MOST });
  const answer = async (request) => ({ person: request.gatepost?.person ?? null, body: request.body ?? null });
  const methods = ["GET", "POST"];
  app.route({ method: methods, url: "/open", handler: answer });
  app.route({ method: methods, url: "/*", onRequest: forFastify.requireCaller, handler: answer });
  await app.listen({ port: 0 });
  return app.server;
}

const JSON_TYPE = { "content-type": "application/json" };
const refusal = "The Gatepost-Assertion of this request is not accepted.";

for (const [name, start] of Object.entries({ plain, withExpress, withFastify })) {
  describe(name, () => {
    let server;
    before(async () => {
      server = await start();
      if (!server.listening) await once(server, "listening");
    });
    after(() => server.close());

    test("a request without a body", async () => {
      const answer = await call(server, "GET", "/v1/a%2Fb?q=%C3%BC&empty=");
      assert.deepEqual(JSON.parse(answer.text), { person: "usr_ada", body: null });
    });

    test("a body in one piece, and in many", async () => {
      const body = JSON.stringify({ title: "x".repeat(150_000) });
      for (const chunks of [undefined, body.match(/.{1,7000}/gs), [body.slice(0, 1), body.slice(1)]]) {
        const answer = await call(server, "POST", "/v1/tasks", { body, chunks, headers: JSON_TYPE });
        assert.equal(answer.status, 200);
        assert.equal(JSON.parse(answer.text).body.title.length, 150_000);
      }
    });

    test("an empty chunked body", async () => {
      const headers = { "transfer-encoding": "chunked", "content-type": "text/plain" };
      const answer = await call(server, "POST", "/v1/tasks", { headers });
      assert.equal(answer.status, 200, answer.text);
    });

    test("another body, URL or method than was signed is refused with the same words", async () => {
      const other = { body: '{"a":1}', chunks: ['{"a":2}'], headers: JSON_TYPE };
      for (const answer of [
        await call(server, "POST", "/v1/tasks", other),
        await call(server, "GET", "/v1/tasks", { changed: { htu: "https://api.example.com/v1/tasks?x=1" } }),
        await call(server, "GET", "/v1/tasks", { changed: { htm: "POST" } }),
        await send(server, "GET", "/v1/tasks", { headers: { "gatepost-assertion": "x" } }),
        await send(server, "GET", "/open", { headers: { "gatepost-assertion": "" } }),
      ]) {
        assert.equal(answer.status, 401);
        assert.match(answer.headers["content-type"], /^application\/problem\+json/);
        assert.equal(answer.headers["www-authenticate"], "Gatepost-Assertion");
        assert.equal(JSON.parse(answer.text).detail, refusal);
      }
    });

    test("two assertions are refused", async () => {
      const two = [sign("GET", "/v1/tasks"), sign("GET", "/v1/tasks")];
      const answer = await send(server, "GET", "/v1/tasks", { headers: { "gatepost-assertion": two } });
      assert.equal(answer.status, 401);
    });

    test("a restriction that the API does not enforce is refused with 403", async () => {
      const answer = await call(server, "GET", "/v1/tasks", { changed: { data_scope: "team:design" } });
      assert.equal(answer.status, 403);
      assert.match(JSON.parse(answer.text).detail, /restricted/);
    });

    test("an assertion is accepted once", async () => {
      const headers = { "gatepost-assertion": sign("GET", "/v1/tasks") };
      assert.equal((await send(server, "GET", "/v1/tasks", { headers })).status, 200);
      assert.equal((await send(server, "GET", "/v1/tasks", { headers })).status, 401);
    });

    test("a request without an assertion is passed on, and refused where a caller is required", async () => {
      const body = '{"a":1}';
      const headers = { ...JSON_TYPE, "content-length": body.length };
      const open = await send(server, "POST", "/open", { headers, chunks: [body] });
      assert.deepEqual(JSON.parse(open.text), { person: null, body: { a: 1 } });
      assert.equal((await send(server, "GET", "/v1/tasks")).status, 401);
    });

    test("a body above the limit is refused", async () => {
      const body = JSON.stringify("x".repeat(MOST));
      const answer = await call(server, "POST", "/v1/tasks", { body, headers: JSON_TYPE }).catch(({ code }) => code);
      assert.ok(answer.status === 413 || ["ECONNRESET", "EPIPE"].includes(answer), JSON.stringify(answer));
    });

    test("a client that leaves within the body does no harm", async () => {
      const socket = connect(server.address().port);
      const assertion = sign("POST", "/v1/tasks", "{}");
      socket.write(`POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nGatepost-Assertion: ${assertion}\r\n\r\n{`);
      await new Promise((resolve) => setImmediate(resolve));
      socket.destroy();
      assert.equal((await call(server, "GET", "/v1/tasks")).status, 200);
    });

    test("kept connections go on working", async () => {
      const socket = connect(server.address().port);
      let text = "";
      socket.on("data", (chunk) => (text += chunk));
      const body = '{"a":1}';
      for (let count = 1; count <= 3; count += 1) {
        const assertion = sign("POST", "/v1/tasks", body);
        socket.write(
          `POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 7\r\n` +
            `Gatepost-Assertion: ${assertion}\r\n\r\n${body}`,
        );
        while (text.split("HTTP/1.1 200").length <= count) await once(socket, "data");
      }
      socket.end();
    });
  });
}

test("Express: after a body parser that kept nothing, nothing is verified", async (t) => {
  const lines = [];
  const log = { warn: (line) => lines.push(line), error: (line) => lines.push(line) };
  const app = express();
  app.use(express.json());
  app.use(forExpress.gatepost(makeVerifier({ log })));
  app.use((req, res) => res.json({}));
  const server = app.listen(0);
  t.after(() => server.close());
  await once(server, "listening");
  const answer = await call(server, "POST", "/", { body: '{"a":1}', headers: JSON_TYPE });
  assert.equal(answer.status, 503);
  assert.match(lines.join(), /before a body parser/);
  assert.equal((await call(server, "GET", "/")).status, 200);
});

test("Express: after a body parser that kept the bytes, they are verified", async (t) => {
  const app = express();
  app.use(express.json({ verify: (req, res, bytes) => (req.rawBody = bytes) }));
  app.use(forExpress.gatepost(makeVerifier()));
  app.use((req, res) => res.json({}));
  const server = app.listen(0);
  t.after(() => server.close());
  await once(server, "listening");
  assert.equal((await call(server, "POST", "/", { body: '{"a":1}', headers: JSON_TYPE })).status, 200);
});
