// Checked by tsc, never run: an API in TypeScript with both adapters.
import express from "express";
import Fastify from "fastify";
import { AssertionRefused, KeyCache, RedisMemory, Verifier, verifyRequest, type Caller } from "gatepost-verify";
import * as forExpress from "gatepost-verify/express";
import * as forFastify from "gatepost-verify/fastify";

const verifier = new Verifier({
  issuer: "https://mcp.example.com/mcp",
  audience: "https://api.example.com",
  dataKinds: ["team"],
  memory: new RedisMemory({}),
  keys: new KeyCache("https://mcp.example.com/jwks", { maxAge: 60 }),
});
// @ts-expect-error the audience is missing
new Verifier({ issuer: "https://mcp.example.com/mcp" });
// @ts-expect-error kinds are a list
new Verifier({ issuer: "a", audience: "b", dataKinds: "team" });

const app = express();
app.use(forExpress.gatepost(verifier, { maxBody: 1000 }));
app.get("/me", forExpress.requireCaller, (req, res) => {
  const tenant: string | undefined = req.gatepost?.tenantId;
  const caller: Caller | null | undefined = req.gatepost;
  // @ts-expect-error a person may be null
  const person: string = req.gatepost!.person;
  res.json({ tenant, caller, person, request: verifyRequest(verifier, req) });
});

const server = Fastify();
server.register(forFastify.gatepost, { verifier });
server.get("/me", { onRequest: forFastify.requireCaller }, async (request) => {
  const teams: ReadonlySet<string> | undefined = request.gatepost?.dataScope.get("team");
  return { teams, tool: request.gatepost?.tool };
});

export const code = (error: unknown) => (error instanceof AssertionRefused ? error.code : undefined);
