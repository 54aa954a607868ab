// An MCP client written with one of the official TypeScript SDKs that listens on its GET stream.
//
//   node listen.mjs v1|v2 URL TOKEN URI
//
// It subscribes to the resource, writes {"listening": SESSION} once its stream is open, and then each
// notification as one JSON line. It ends after it has heard that the resource changed.
const [sdk, url, token, uri] = process.argv.slice(2)
const { Client, StreamableHTTPClientTransport } =
  sdk === 'v1'
    ? {
        ...(await import('@modelcontextprotocol/sdk/client/index.js')),
        ...(await import('@modelcontextprotocol/sdk/client/streamableHttp.js')),
      }
    : await import('@modelcontextprotocol/client')

const say = (step) => process.stdout.write(`${JSON.stringify(step)}\n`)
const options = sdk === 'v1' ? {} : { versionNegotiation: { mode: 'legacy' } }
const client = new Client({ name: 'listener', version: '1.0.0' }, options)
const opened = Promise.withResolvers()
const updated = Promise.withResolvers()
client.fallbackNotificationHandler = async (notification) => {
  say({ heard: notification })
  if (notification.method === 'notifications/resources/updated') updated.resolve()
}
const transport = new StreamableHTTPClientTransport(new URL(url), {
  requestInit: { headers: { authorization: `Bearer ${token}` } },
  fetch: async (input, init) => {
    const response = await fetch(input, init)
    if (init?.method === 'GET') opened.resolve(response.status)
    return response
  },
})
await client.connect(transport)
await client.subscribeResource({ uri })
say({ listening: await opened.promise })
await updated.promise
await client.close()
