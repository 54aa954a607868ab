// npm oidc-provider with its in-memory adapter, set up for what the token bench compares: a public
// client, rotated refresh tokens, ES256 JWT access tokens of one resource with the same claims.
// GET /fill?kind=…&count=… makes refresh tokens or codes, each with its own grant.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { issuer, clientId, redirectUri, resource, scope, challenge, claims } = JSON.parse(process.argv[2]);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const provider = new Provider(issuer, {
  clients: [{
    client_id: clientId,
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: [redirectUri],
    application_type: 'native',
    id_token_signed_response_alg: 'ES256',
  }],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'bench' }] },
  cookies: { keys: ['not used: no browser comes here'] },
  scopes: ['offline_access'],
  rotateRefreshToken: true,
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  extraTokenClaims: () => claims,
  ttl: { AccessToken: 600, AuthorizationCode: 600, Grant: 86400, RefreshToken: 86400 },
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope,
        audience: resource,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 600,
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});

async function make(kind) {
  const accountId = 'usr_ada';
  const grant = new provider.Grant({ accountId, clientId });
  grant.addResourceScope(resource, scope);
  grant.addOIDCScope('offline_access');
  const issued = {
    accountId,
    client: await provider.Client.find(clientId),
    grantId: await grant.save(),
    resource,
    scope: `offline_access ${scope}`,
    expiresWithSession: false,
  };
  if (kind === 'refresh_token') {
    return new provider.RefreshToken({ ...issued, gty: 'authorization_code' }).save();
  }
  const pkce = { codeChallenge: challenge, codeChallengeMethod: 'S256' };
  return new provider.AuthorizationCode({ ...issued, ...pkce, redirectUri }).save();
}

const answer = provider.callback();
const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, issuer);
  if (pathname !== '/fill') return answer(request, response);
  const made = [];
  for (let count = Number(searchParams.get('count')); count; count -= 1) {
    made.push(await make(searchParams.get('kind')));
  }
  return response.end(JSON.stringify(made));
});
server.listen(Number(new URL(issuer).port), '127.0.0.1');
