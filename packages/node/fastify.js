"use strict";
// For Fastify: the plugin verifies each request, `requireCaller` closes routes to all others.

const { answerFailure, missing } = require("./lib/answers.js");
const { VerificationFailed } = require("./lib/errors.js");
const { verifyRequest } = require("./lib/http.js");

/**
 * Verify each request that has a `Gatepost-Assertion`, and set `request.gatepost`.
 * @type {typeof import("./fastify").gatepost}
 */
async function gatepost(app, { verifier, maxBody }) {
  app.decorateRequest("gatepost", null);
  app.addHook("onRequest", async (request, reply) => {
    try {
      request.gatepost = await verifyRequest(verifier, request.raw, { maxBody });
    } catch (error) {
      if (!(error instanceof VerificationFailed)) throw error;
      return refuse(reply, error);
    }
  });
}
// Its hook counts for the whole app, not only for this plugin, as with `fastify-plugin`.
Object.assign(gatepost, { [Symbol.for("skip-override")]: true });

/**
 * Answer 401 to requests that did not come through the gateway: an `onRequest` hook of a route.
 * @type {typeof import("./fastify").requireCaller}
 */
async function requireCaller(request, reply) {
  if (!request.gatepost) return refuse(reply, missing());
}

/**
 * @param {import("fastify").FastifyReply} reply
 * @param {import("./index").VerificationFailed} error
 */
function refuse(reply, error) {
  const { status, headers, body } = answerFailure(error);
  return reply.code(status).headers(headers).send(body);
}

module.exports = { gatepost, requireCaller };
