// The settings, from the Worker's variables and bindings.

// Like `has_address` of the services.
const ORGANISATION = /^\/o\/[A-Za-z0-9_][A-Za-z0-9._~-]{0,127}$/;

// Throws an Error that names the variable and what it must be.
export function readSettings(env) {
  return {
    issuer: requireUrl(env, "ISSUER", "the setting `issuer` of the authorization server"),
    resource: requireUrl(env, "RESOURCE", "the setting `resource` of the gateway"),
    challengeScope: env.CHALLENGE_SCOPE,
    // Without the binding there is no limit.
    limit: env.REFUSED_REQUESTS,
  };
}

// Returns the resource at a URL, which is the gateway's own or the address of an organisation; undefined at others.
export function resourceAt(url, { resource }) {
  const address = url.replace(/\/$/, "");
  if (address === resource) return address;
  if (address.startsWith(resource) && ORGANISATION.test(address.slice(resource.length))) return address;
}

function requireUrl(env, name, meaning) {
  const value = env[name];
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : undefined;
  if (!/^https?:$/.test(url?.protocol ?? "") || /[?#]/.test(value)) {
    throw new Error(`set the variable ${name} of the Worker to ${meaning}, byte for byte`);
  }
  return value;
}
