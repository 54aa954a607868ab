"use strict";
// Requests of node:http, on which Express and Fastify are built.

const { VerificationFailed, VerificationUnavailable, AssertionRefused } = require("./errors.js");

const NAME = "gatepost-assertion";
const MOST_BYTES = 10 * 1024 * 1024;

class BodyTooLarge extends VerificationFailed {
  /** @param {number} most */
  constructor(most) {
    super(413, `Send at most ${most} bytes.`, `the body has more than ${most} bytes`);
  }
}

/**
 * Return the caller, or null if the request has no assertion.
 * @param {import("../index").Verifier} verifier
 * @param {import("node:http").IncomingMessage & { originalUrl?: string }} request
 * @param {{ maxBody?: number | undefined }} [options]
 */
async function verifyRequest(verifier, request, { maxBody = MOST_BYTES } = {}) {
  const sent = request.headersDistinct[NAME];
  if (sent === undefined) return null;
  const body = () => readBody(request, maxBody);
  const url = verifier.baseUrl + (request.originalUrl ?? request.url);
  // Two headers become a text that is not a compact JWS.
  return verifier.verify(sent.join(", "), { method: request.method ?? "", url, body });
}

/**
 * Read the body and put it back, so that whoever comes next reads it again.
 *
 * `read` is not called after the last byte, because that would end the stream, and an ended stream takes nothing
 * back (`readable.unshift` of node:stream).
 * @param {import("node:http").IncomingMessage} request
 * @param {number} most
 * @returns {Promise<Buffer>}
 */
async function readBody(request, most) {
  if (request.readableDidRead || request.readableEnded) {
    const kept = /** @type {any} */ (request).rawBody;
    if (Buffer.isBuffer(kept)) return kept;
    if (hasNoBody(request)) return Buffer.alloc(0);
    throw new VerificationUnavailable("the body was read before: verify requests before a body parser reads them");
  }
  if (hasNoBody(request)) return Buffer.alloc(0);
  /** @type {Buffer[]} */
  const chunks = [];
  let length = 0;
  await new Promise((resolve, reject) => {
    const take = () => {
      while (request.readableLength > 0) {
        const chunk = request.read();
        if (chunk === null) break;
        chunks.push(chunk);
        length += chunk.length;
      }
      if (length > most) stop(() => reject(new BodyTooLarge(most)));
      else if (request.complete && request.readableLength === 0) stop(() => resolve(undefined));
    };
    const left = () => stop(() => reject(new AssertionRefused("body", "the client left before the body's end")));
    const stop = (/** @type {() => void} */ then) => {
      request.off("readable", take).off("close", left).off("error", left);
      then();
    };
    request.on("readable", take).on("close", left).on("error", left);
    take();
  });
  const body = Buffer.concat(chunks);
  if (length > 0) request.unshift(body);
  return body;
}

/** @param {import("node:http").IncomingMessage} request */
function hasNoBody(request) {
  // RFC 9112 §6.3
  return request.headers["transfer-encoding"] === undefined && !Number(request.headers["content-length"]);
}

module.exports = { NAME, readBody, verifyRequest };
