// An MCP client written with one of the official TypeScript SDKs, driven by a test.
//
//   node journey.mjs v1|v2 URL MODE FIRST_CALL SECOND_CALL
//
// MODE is v2's version negotiation, `legacy` or `auto`. The calls are JSON, {"name", "arguments"}.
// Each step writes one JSON line to standard output. After {"authorize": URL} it reads one line from
// standard input: the URL that the browser was called back at. Between the two calls it spoils the
// access token, so that the second is refused and the SDK has to refresh.
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline/promises'

const [sdk, url, mode, ...calls] = process.argv.slice(2)
const { Client, StreamableHTTPClientTransport, UnauthorizedError } =
  sdk === 'v1'
    ? {
        ...(await import('@modelcontextprotocol/sdk/client/index.js')),
        ...(await import('@modelcontextprotocol/sdk/client/streamableHttp.js')),
        ...(await import('@modelcontextprotocol/sdk/client/auth.js')),
      }
    : await import('@modelcontextprotocol/client')

const say = (step) => process.stdout.write(`${JSON.stringify(step)}\n`)

class Provider {
  redirectUrl = 'http://127.0.0.1:3999/callback'
  clientMetadata = {
    client_name: 'A TypeScript agent',
    redirect_uris: [this.redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
  }
  #kept = { state: randomUUID() }

  state = () => this.#kept.state
  clientInformation = () => this.#kept.client
  saveClientInformation = (client) => void (this.#kept.client = client)
  tokens = () => this.#kept.tokens
  saveTokens = (tokens) => void (this.#kept.tokens = tokens)
  codeVerifier = () => this.#kept.verifier
  saveCodeVerifier = (verifier) => void (this.#kept.verifier = verifier)
  discoveryState = () => this.#kept.discovery
  saveDiscoveryState = (discovery) => void (this.#kept.discovery = discovery)
  redirectToAuthorization = (authorize) => say({ authorize: authorize.href })
}

const sent = []
const noted = async (input, init) => {
  const response = await fetch(input, init)
  sent.push([init?.method ?? 'GET', new URL(input).pathname, response.status])
  return response
}

const provider = new Provider()
const open = async () => {
  const options = sdk === 'v1' ? {} : { versionNegotiation: { mode } }
  const client = new Client({ name: 'journey', version: '1.0.0' }, options)
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    authProvider: provider,
    fetch: noted,
  })
  return { client, transport, connected: client.connect(transport) }
}

const first = await open()
try {
  await first.connected
  throw new Error('connected without a token')
} catch (error) {
  if (!(error instanceof UnauthorizedError)) throw error
}

const lines = createInterface({ input: process.stdin })
const callback = new URL((await lines[Symbol.asyncIterator]().next()).value)
lines.close()
if (callback.searchParams.get('state') !== provider.state()) throw new Error('a foreign state')
await first.transport.finishAuth(
  sdk === 'v1' ? callback.searchParams.get('code') : callback.searchParams,
)

const { client, transport, connected } = await open()
await connected
const protocol =
  sdk === 'v1' ? transport.protocolVersion : client.getNegotiatedProtocolVersion()
say({ sent: sent.splice(0), protocol })
say({ tools: (await client.listTools()).tools })
say({ result: await client.callTool(JSON.parse(calls[0])) })

const before = provider.tokens()
provider.saveTokens({ ...before, access_token: 'spoilt' })
sent.length = 0
say({ result: await client.callTool(JSON.parse(calls[1])) })
const after = provider.tokens()
say({ sent, tokens: [before.access_token, after.access_token] })
await transport.close()
