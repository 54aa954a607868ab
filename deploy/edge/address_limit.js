// How many refused requests one address may send.
//
// Only refused requests count, because thousands of people who use an app in a cloud share its few addresses,
// and so do the calls of one program. Cloudflare's own rules limit floods of other requests.

const BLOCKED = 60_000;
const MOST = 10_000;

export class RefusedRequests {
  #limit;
  #now;
  #blocked = new Map();

  // `limit` is a rate limiting binding of Cloudflare; without one, nothing is refused.
  constructor(limit, now) {
    this.#limit = limit;
    this.#now = now;
  }

  // Answers 429 if the address sent too many in the last minute (RFC 6585 §4).
  refuse(address) {
    const until = this.#blocked.get(countAs(address)) ?? 0;
    if (until <= this.#now()) return;
    const seconds = Math.ceil((until - this.#now()) / 1000);
    const text = `too many requests from this address were refused; try again in ${seconds} seconds`;
    const headers = { "retry-after": String(seconds), "cache-control": "no-store", "access-control-allow-origin": "*" };
    return Response.json({ error: "temporarily_unavailable", error_description: text }, { status: 429, headers });
  }

  // Counts a refused request. If that fails, nothing is limited.
  async count(address) {
    if (!this.#limit || !address) return;
    const key = countAs(address);
    try {
      const { success } = await this.#limit.limit({ key });
      if (success) return;
    } catch (fault) {
      console.error(`the limit can't be counted: ${fault.message}`);
      return;
    }
    this.#blocked.delete(key);
    this.#blocked.set(key, this.#now() + BLOCKED);
    if (this.#blocked.size > MOST) this.#blocked.delete(this.#blocked.keys().next().value);
  }
}

// Returns the address, or the /64 of an IPv6 address, which usually belongs to one customer.
function countAs(address) {
  if (!address?.includes(":")) return address;
  const [head, tail] = address.split("::").map((half) => (half ? half.split(":") : []));
  const filled = tail ? [...head, ...Array(Math.max(8 - head.length - tail.length, 0)).fill("0"), ...tail] : head;
  return `${filled.slice(0, 4).map((group) => parseInt(group, 16).toString(16)).join(":")}::/64`;
}
