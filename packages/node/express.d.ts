import type { IncomingMessage, ServerResponse } from "node:http";
import type { Caller, Verifier } from "./index";

type Asked = IncomingMessage & { gatepost?: Caller | null };
type Handler = (req: Asked, res: ServerResponse, next: (error?: unknown) => void) => void;

declare global {
  namespace Express {
    interface Request {
      /** The caller; null if the request did not come through the gateway. */
      gatepost?: Caller | null;
    }
  }
}

/** Verify each request that has a `Gatepost-Assertion`, and set `req.gatepost`. Add it before body parsers. */
export function gatepost(verifier: Verifier, options?: { maxBody?: number }): Handler;

/** Answer 401 to requests that did not come through the gateway. */
export const requireCaller: Handler;
