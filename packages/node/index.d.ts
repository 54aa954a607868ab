import type { IncomingMessage } from "node:http";
import type { KeyObject } from "node:crypto";

/** Who makes a request: a person or a service client, in one tenant, through one tool. */
export interface Caller {
  /** The person by your own id, or the id of a service client. */
  readonly sub: string;
  /** The person's id; null for a service client, which acts without a person. */
  readonly person: string | null;
  /** The only tenant whose data this request may touch. */
  readonly tenantId: string;
  /** For each restricted kind of data, the values that may be seen; empty: no restriction. */
  readonly dataScope: ReadonlyMap<string, ReadonlySet<string>>;
  /** The app that the person connected. */
  readonly clientId: string;
  readonly tool: string;
  /** The id of the tool call in the gateway's log. Repeated requests of one call share it. */
  readonly callId: string;
  readonly env: "live" | "test";
  /** Whether the call was made with a test key. */
  readonly isTest: boolean;
  /** The sub-agents that act for the app, the one that makes the call first; empty: the app itself. */
  readonly actors: readonly string[];
}

/** The check that failed. */
export type Code =
  | "malformed"
  | "algorithm"
  | "type"
  | "key"
  | "signature"
  | "issuer"
  | "audience"
  | "lifetime"
  | "not_yet_valid"
  | "expired"
  | "method"
  | "url"
  | "body"
  | "claims"
  | "data_scope"
  | "replay";

/** Takes reasons; `console` and most loggers will do. */
export interface Log {
  warn(message: string): void;
  error(message: string): void;
}

/** Remembers used ids. Throw `VerificationUnavailable` if it can't. */
export interface Memory {
  /** Return true once for each id, and remember it for that many seconds. */
  firstUse(jti: string, seconds: number): boolean | Promise<boolean>;
}

export interface KeyCacheOptions {
  /** Gets the JSON document at a URL. */
  fetch?: (url: string) => Promise<unknown>;
  /** Returns Unix seconds. */
  now?: () => number;
  log?: Log;
  /** Seconds after which keys are fetched again, and for which a withdrawn key is still valid. */
  maxAge?: number;
  /** Seconds for which keys stay valid while they can't be fetched. */
  staleFor?: number;
  /** Seconds between two requests for keys, at least. */
  refetchEvery?: number;
}

export interface VerifierOptions {
  /** The gateway's resource, such as `https://mcp.example.com/mcp`. */
  issuer: string;
  /** This API, as the gateway's `upstream_audience` or `upstream_url` names it. */
  audience: string;
  /** The URL before the path that your server sees; by default the origin of `audience`. */
  baseUrl?: string;
  /** The kinds of the data scope that you enforce; connections that are restricted by another kind are refused. */
  dataKinds?: readonly string[];
  /** The gateway's keys; by default those at the issuer's `/.well-known/jwks.json`. */
  keys?: KeyCache;
  /** Remembers used ids; by default in this process. */
  memory?: Memory;
  /** How many seconds the gateway's clock and yours may differ; 60 at most. */
  leeway?: number;
  /** Returns Unix seconds. */
  now?: () => number;
  log?: Log;
}

/** A body's bytes, or the function that reads them. */
export type Body = Uint8Array | string | (() => Promise<Uint8Array>);

/** The name of the header. */
export const HEADER: "Gatepost-Assertion";

/** Accepts each assertion of one gateway for one API once. */
export class Verifier {
  constructor(options: VerifierOptions);
  readonly baseUrl: string;
  /**
   * Return who makes the request.
   * @param assertion the value of the header `Gatepost-Assertion`
   * @param request the method, the URL as the gateway called it (encoded as it came), and the body's bytes
   * @throws {AssertionRefused} a check failed
   * @throws {VerificationUnavailable} nothing can be verified now
   */
  verify(
    assertion: string,
    request: { method: string; url: string; body?: Body },
  ): Promise<Caller>;
}

/** Verify a request of node:http; null if it has no assertion. The body can still be read afterwards. */
export function verifyRequest(
  verifier: Verifier,
  request: IncomingMessage,
  options?: { maxBody?: number | undefined },
): Promise<Caller | null>;

/** Write the answer to a request that was not accepted. */
export function answerFailure(error: VerificationFailed): {
  status: number;
  headers: Record<string, string>;
  body: string;
};

/** Finds the gateway's keys, fetches them when needed and keeps them. */
export class KeyCache {
  constructor(url: string, options?: KeyCacheOptions);
  /** Return the key, or undefined if the gateway does not publish it. */
  find(kid: string): Promise<KeyObject | undefined>;
}

/** Get a JWKS over HTTP within five seconds, without following redirects. */
export function fetchJwks(url: string): Promise<unknown>;

/** Remembers used ids in this process. */
export class InProcessMemory implements Memory {
  constructor(options?: { capacity?: number; now?: () => number });
  firstUse(jti: string, seconds: number): boolean;
}

/** Remembers used ids in Redis, for all processes of an API. Takes a connected client of `redis` or `ioredis`. */
export class RedisMemory implements Memory {
  constructor(client: object, options?: { prefix?: string });
  firstUse(jti: string, seconds: number): Promise<boolean>;
}

/** The request must not be served as a request of the gateway. `message` is for the caller. */
export class VerificationFailed extends Error {
  constructor(status: number, told: string, reason: string);
  /** The HTTP status to answer with. */
  readonly status: number;
  /** What is wrong, for the log. */
  readonly reason: string;
}

/** A check failed. Every refusal says the same to the caller. */
export class AssertionRefused extends VerificationFailed {
  constructor(code: Code, reason: string);
  readonly code: Code;
}

/** The connection is restricted to data of a kind that this API does not enforce. */
export class DataScopeUnsupported extends AssertionRefused {
  constructor(reason: string);
}

/** Nothing can be verified now: the gateway's keys or the memory of used ids can't be reached. */
export class VerificationUnavailable extends VerificationFailed {
  constructor(reason: string);
}
