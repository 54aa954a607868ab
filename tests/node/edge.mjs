// Runs the Worker of deploy/edge in miniflare, Cloudflare's own simulator, on a loopback port.
// Arguments: the port, and JSON with `bindings`, `limit` and, if requests go to one server whatever their host
// is, its `origin`. The host `unset.example` leads to a Worker without variables, and `other.example` to one with
// another challenge and a limit that fails.
import { readdirSync, readFileSync } from "node:fs";
import { Miniflare } from "miniflare";

// Lets a request of a test set the Worker's clock, in milliseconds.
const CLOCK = `
import worker from "./worker.js";
const now = Date.now;
export default {
  fetch(request, env) {
    if (new URL(request.url).pathname === "/test-ready") return new Response("ready");
    const headers = new Headers(request.headers);
    const time = headers.get("test-now");
    Date.now = time ? () => Number(time) : now;
    headers.delete("test-now");
    return worker.fetch(new Request(request, { headers }), env);
  },
};
`;

const [port, json] = process.argv.slice(2);
const { bindings, limit, origin } = JSON.parse(json);
const root = new URL("../../deploy/edge/", import.meta.url).pathname;
const files = readdirSync(root).filter((name) => name.endsWith(".js"));
const worker = {
  modulesRoot: root,
  modules: [
    { type: "ESModule", path: `${root}clock.js`, contents: CLOCK },
    ...files.map((name) => ({ type: "ESModule", path: root + name, contents: readFileSync(root + name, "utf-8") })),
  ],
  compatibilityDate: "2026-07-01",
  ...(origin && { outboundService: { external: { address: origin, http: {} } } }),
};
const otherBindings = {
  ...bindings,
  RESOURCE: "http://other.example/mcp",
  CHALLENGE_SCOPE: "mcp:read",
  REFUSED_REQUESTS: "no binding",
};

const edge = new Miniflare({
  host: "127.0.0.1",
  port: Number(port),
  cf: false, // Nothing is fetched from the internet.
  workers: [
    {
      ...worker,
      name: "edge",
      bindings,
      ratelimits: { REFUSED_REQUESTS: { namespace_id: "1", simple: { limit, period: 60 } } },
    },
    { ...worker, name: "other", routes: ["other.example/*"], bindings: otherBindings },
    { ...worker, name: "unset", routes: ["unset.example/*"] },
  ],
});
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => edge.dispose().then(() => process.exit(0)));
}
