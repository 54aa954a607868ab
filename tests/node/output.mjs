// Call tools with one of the official TypeScript SDKs, which checks structured content after a list.
//
//   node output.mjs v1|v2 URL TOKEN
//
// Each line of standard input is the name of a tool. Its result, or the client's own error, is a line of
// standard output.
import { createInterface } from 'node:readline/promises'

const [sdk, url, token] = process.argv.slice(2)
const { Client, StreamableHTTPClientTransport } =
  sdk === 'v1'
    ? {
        ...(await import('@modelcontextprotocol/sdk/client/index.js')),
        ...(await import('@modelcontextprotocol/sdk/client/streamableHttp.js')),
      }
    : await import('@modelcontextprotocol/client')

const client = new Client({ name: 'output', version: '1.0.0' })
const headers = { authorization: `Bearer ${token}` }
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
await client.listTools()
for await (const name of createInterface({ input: process.stdin })) {
  const said = await client.callTool({ name, arguments: {} }).catch((error) => ({ error: String(error) }))
  process.stdout.write(`${JSON.stringify(said)}\n`)
}
await client.close()
