// What the tests of the Node package share: the vectors, and assertions signed for a request.
import { createHash, createPrivateKey, generateKeyPairSync, randomUUID, sign as signBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { KeyCache, Verifier } from "../../../packages/node/index.js";

export const vectors = JSON.parse(readFileSync(new URL("../../../packages/vectors/vectors.json", import.meta.url)));
export const quiet = { warn() {}, error() {} };
export const BASE = "https://api.example.com";

const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwk = { ...pair.publicKey.export({ format: "jwk" }), kid: "k" };
const encode = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** Sign for a request as the gateway does. */
export function sign(method, target, body = "", changed = {}) {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: "https://mcp.example.com/mcp",
    aud: BASE,
    sub: "usr_ada",
    tenant_id: "org_acme",
    data_scope: "",
    client_id: "client_1",
    env: "live",
    tool: "a_tool",
    jti: randomUUID(),
    iat: now,
    exp: now + 60,
    htm: method,
    htu: BASE + target,
    body_sha256: createHash("sha256").update(body).digest("base64url"),
    ...changed,
  };
  const signed = `${encode({ alg: "ES256", typ: "gatepost-assertion+jwt", kid: "k" })}.${encode(claims)}`;
  const key = createPrivateKey(pair.privateKey.export({ format: "pem", type: "pkcs8" }));
  return `${signed}.${signBytes("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

/** A verifier that trusts `sign`. */
export function makeVerifier(options = {}) {
  const keys = new KeyCache("https://mcp.example.com/jwks", { fetch: async () => ({ keys: [jwk] }), log: quiet });
  return new Verifier({ issuer: "https://mcp.example.com/mcp", audience: BASE, keys, log: quiet, ...options });
}

/** Send a request, its body in the chunks that are given. */
export function send(server, method, path, { headers = {}, chunks = [] } = {}) {
  return new Promise((resolve, reject) => {
    const sent = request({ port: server.address().port, method, path, headers }, (answer) => {
      let text = "";
      answer.on("data", (chunk) => (text += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
    });
    sent.on("error", reject);
    const next = () => {
      if (chunks.length === 0) return sent.end();
      sent.write(chunks.shift(), () => setImmediate(next));
    };
    next();
  });
}

/** Send a request with an assertion for it. */
export function call(server, method, path, { body = "", chunks, headers = {}, changed = {} } = {}) {
  const assertion = sign(method, path, body, changed);
  const length = chunks === undefined && body.length > 0 ? { "content-length": Buffer.byteLength(body) } : {};
  const all = { "gatepost-assertion": assertion, ...length, ...headers };
  return send(server, method, path, { headers: all, chunks: chunks ?? (body.length > 0 ? [body] : []) });
}
