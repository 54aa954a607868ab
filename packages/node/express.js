"use strict";
// For Express: `gatepost` verifies each request, `requireCaller` closes routes to all others.

const { answerFailure, missing } = require("./lib/answers.js");
const { VerificationFailed } = require("./lib/errors.js");
const { verifyRequest } = require("./lib/http.js");

/**
 * Verify each request that has a `Gatepost-Assertion`, and set `req.gatepost`. Add it before body parsers.
 * @type {typeof import("./express").gatepost}
 */
function gatepost(verifier, options) {
  return (req, res, next) => {
    verifyRequest(verifier, req, options).then(
      (caller) => {
        req.gatepost = caller;
        next();
      },
      (error) => (error instanceof VerificationFailed ? refuse(res, error) : next(error)),
    );
  };
}

/**
 * Answer 401 to requests that did not come through the gateway.
 * @type {typeof import("./express").requireCaller}
 */
function requireCaller(req, res, next) {
  if (req.gatepost) next();
  else refuse(res, missing());
}

/**
 * @param {import("node:http").ServerResponse} res
 * @param {import("./index").VerificationFailed} error
 */
function refuse(res, error) {
  const { status, headers, body } = answerFailure(error);
  res.writeHead(status, headers).end(body);
}

module.exports = { gatepost, requireCaller };
