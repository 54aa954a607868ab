import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Caller, Verifier } from "./index";

declare module "fastify" {
  interface FastifyRequest {
    /** The caller; null if the request did not come through the gateway. */
    gatepost: Caller | null;
  }
}

/** The plugin: verify each request that has a `Gatepost-Assertion`, and set `request.gatepost`. */
export function gatepost(app: FastifyInstance, options: { verifier: Verifier; maxBody?: number }): Promise<void>;

/** Answer 401 to requests that did not come through the gateway: an `onRequest` hook of a route. */
export function requireCaller(request: FastifyRequest, reply: FastifyReply): Promise<unknown>;
