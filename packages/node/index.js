"use strict";
// Verifies the assertion of a Gatepost gateway, so that an API knows who is calling.

const { AssertionRefused, DataScopeUnsupported, VerificationFailed, VerificationUnavailable } = require("./lib/errors.js");
const { KeyCache, fetchJwks } = require("./lib/keys.js");
const { InProcessMemory, RedisMemory } = require("./lib/memory.js");
const { Verifier, HEADER } = require("./lib/verifier.js");
const { verifyRequest } = require("./lib/http.js");
const { answerFailure } = require("./lib/answers.js");

module.exports = {
  HEADER,
  AssertionRefused,
  DataScopeUnsupported,
  InProcessMemory,
  KeyCache,
  RedisMemory,
  VerificationFailed,
  VerificationUnavailable,
  Verifier,
  answerFailure,
  fetchJwks,
  verifyRequest,
};
