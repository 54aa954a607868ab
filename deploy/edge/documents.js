// The public documents of both services: metadata and keys.
// RFC 8414 §3.1, OpenID Connect Discovery 1.0 §4, RFC 9728 §3.1, RFC 7517 §5.

const AGE = 60_000;
// How old a copy may be in which somebody misses something.
export const PAUSE = 10_000;
const KEPT = 24 * 3_600_000;
const PATIENCE = 5_000;
const NAMES = ["oauth-authorization-server", "openid-configuration"];

export const keysUrl = ({ issuer }) => `${issuer}/jwks.json`;

export function metadataUrl({ resource }) {
  const { origin, pathname } = new URL(resource);
  return `${origin}/.well-known/oauth-protected-resource${pathname}`;
}

// Lists the URLs at which clients look for a document.
export function documentUrls({ issuer, resource }) {
  const path = new URL(issuer).pathname.replace(/\/$/, "");
  const issuing = new URL(issuer).origin;
  const serving = new URL(resource).origin;
  return new Set([
    keysUrl({ issuer }),
    ...NAMES.flatMap((name) => [
      `${issuing}/.well-known/${name}`,
      `${issuing}/.well-known/${name}${path}`,
      `${issuing}${path}/.well-known/${name}`,
    ]),
    `${serving}/.well-known/oauth-protected-resource`,
    metadataUrl({ resource }),
    `${serving}/.well-known/jwks.json`,
  ]);
}

// Copies of documents, in the memory of this isolate.
export class Documents {
  #urls;
  #fetch;
  #now;
  #copies = new Map();

  constructor(urls, fetch, now) {
    this.#urls = urls;
    this.#fetch = (...request) => fetch(...request);
    this.#now = now;
  }

  has(url) {
    return this.#urls.has(url);
  }

  // Returns `{document, headers, askedAt}`, or undefined if there is none at the moment.
  //
  // A copy that is older than `oldest` is fetched again. While one request does that, or while the service fails,
  // others get the old copy for up to a day. Nobody waits for another request's fetch: Workers don't allow that.
  async read(url, { oldest = AGE } = {}) {
    const askedAt = this.#now();
    const entry = this.#copies.get(url) ?? { triedAt: -Infinity };
    if (askedAt - entry.triedAt > (entry.copy ? oldest : Math.min(oldest, PAUSE))) {
      this.#copies.set(url, { ...entry, triedAt: askedAt });
      const document = await this.#load(url);
      const latest = this.#copies.get(url);
      // A slow answer must not replace what was asked for later.
      const newer = document && !(latest.copy?.askedAt > askedAt);
      if (newer) this.#copies.set(url, { ...latest, copy: { ...document, askedAt } });
    }
    const { copy } = this.#copies.get(url);
    return copy && this.#now() - copy.askedAt < KEPT ? copy : undefined;
  }

  async #load(url) {
    const headers = { accept: "application/json" };
    // Cloudflare's own cache would keep an old document, if a rule of the zone caches everything.
    const options = { headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE), redirect: "manual" };
    try {
      const answer = await this.#fetch(url, options);
      if (answer.status !== 200) throw new Error(`status ${answer.status}`);
      return { document: await answer.json(), headers: answer.headers };
    } catch (problem) {
      console.warn(`${url} can't be fetched: ${problem.message}`);
    }
  }
}

// Answers a request for a document from the copy.
export async function answerDocument({ request, url, documents, now }) {
  if (request.method !== "GET" || !documents.has(url)) return;
  // The services ask for the keys so, because they keep them themselves (RFC 9111 §5.2.1.4).
  const fresh = /\bno-cache\b/i.test(request.headers.get("cache-control") ?? "");
  const copy = await documents.read(url, fresh ? { oldest: 0 } : {});
  if (!copy) return;
  const headers = new Headers({ "content-type": "application/json", "access-control-allow-origin": "*" });
  for (const name of ["cache-control", "etag"]) {
    if (copy.headers.has(name)) headers.set(name, copy.headers.get(name));
  }
  headers.set("age", String(Math.floor((now() - copy.askedAt) / 1000)));
  const asked = (request.headers.get("if-none-match") ?? "").split(",").map(weaken);
  if (headers.has("etag") && asked.includes(weaken(headers.get("etag")))) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(JSON.stringify(copy.document), { headers });
}

// Tags are compared weakly (RFC 9110 §13.1.2), because Cloudflare weakens that of an answer which it compresses.
const weaken = (tag) => tag.trim().replace(/^W\//, "");
