"use strict";
// Why a request is not served. `message` is for the caller, `reason` is for the log.

class VerificationFailed extends Error {
  /**
   * @param {number} status
   * @param {string} told
   * @param {string} reason
   */
  constructor(status, told, reason) {
    super(told);
    this.name = new.target.name;
    this.status = status;
    this.reason = reason;
  }
}

// Every refusal says the same to the caller, so that nobody can try out forgeries.
class AssertionRefused extends VerificationFailed {
  /**
   * @param {import("../index").Code} code
   * @param {string} reason
   */
  constructor(code, reason, status = 401, told = "The Gatepost-Assertion of this request is not accepted.") {
    super(status, told, reason);
    this.code = code;
  }
}

class DataScopeUnsupported extends AssertionRefused {
  /** @param {string} reason */
  constructor(reason) {
    super("data_scope", reason, 403, "This connection is restricted in a way that this API does not support.");
  }
}

class VerificationUnavailable extends VerificationFailed {
  /** @param {string} reason */
  constructor(reason) {
    super(503, "Requests of the gateway can't be verified now; try again.", reason);
  }
}

module.exports = { AssertionRefused, DataScopeUnsupported, VerificationFailed, VerificationUnavailable };
