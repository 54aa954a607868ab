"use strict";
// The answers to requests that are not served: problem documents (RFC 9457) that tell no secrets.

const { STATUS_CODES } = require("node:http");
const { VerificationFailed } = require("./errors.js");

const MISSING = "Call this through the Gatepost gateway: the request has no Gatepost-Assertion.";

/**
 * Write the answer to a request whose assertion was not accepted, or that has none.
 * @param {import("../index").VerificationFailed} error
 * @returns {{ status: number, headers: Record<string, string>, body: string }}
 */
function answerFailure(error) {
  const { status, message: detail } = error;
  /** @type {Record<string, string>} */
  const headers = { "content-type": "application/problem+json", "cache-control": "no-store" };
  if (status === 401) headers["www-authenticate"] = "Gatepost-Assertion"; // RFC 9110 §11.6.1
  if (status === 503) headers["retry-after"] = "5";
  const body = JSON.stringify({ type: "about:blank", title: STATUS_CODES[status], status, detail });
  return { status, headers, body };
}

const missing = () => new VerificationFailed(401, MISSING, "the request has no assertion");

module.exports = { answerFailure, missing };
