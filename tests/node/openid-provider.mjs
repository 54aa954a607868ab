// npm oidc-provider as a company's identity provider: one confidential client, and the person who presses the
// button is Dee. Her claims come from the userinfo endpoint, as this provider does it by default.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { issuer, client, claims, title = 'Acme ID', more = {} } = JSON.parse(process.argv[2]);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const provider = new Provider(issuer, {
  clients: [client],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: 'one' }] },
  cookies: { keys: ['for tests only'] },
  claims: { openid: ['sub'], profile: Object.keys(claims) },
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId, ...claims }) }),
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  ...more,
});

async function finish(request, response) {
  const { params, grantId } = await provider.interactionDetails(request, response);
  const accountId = 'idp-77';
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const result = { login: { accountId }, consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result);
}

let refreshes = 0;
provider.on('grant.success', ({ oidc }) => { refreshes += oidc.params.grant_type === 'refresh_token'; });

const answer = provider.callback();
const page = `<!doctype html><html lang="en"><title>${title}</title><link rel="icon" href="data:,">`
  + `<h1>${title}</h1>`
  + '<form method="post"><button>Sign in as Dee</button></form>';
createServer(async (request, response) => {
  const { pathname } = new URL(request.url, issuer);
  if (pathname === '/healthz') return response.end('ok');
  if (pathname === '/refreshes') return response.end(String(refreshes));
  if (!pathname.startsWith('/interaction/')) return answer(request, response);
  if (request.method === 'POST') return finish(request, response);
  response.setHeader('content-type', 'text/html');
  return response.end(page);
}).listen(Number(new URL(issuer).port), '127.0.0.1');
