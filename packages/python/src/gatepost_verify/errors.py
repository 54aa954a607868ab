"""Why a request is not served. `str(error)` is for the caller, `error.reason` is for the log."""

from typing import Literal

Code = Literal[
    "malformed",
    "algorithm",
    "type",
    "key",
    "signature",
    "issuer",
    "audience",
    "lifetime",
    "not_yet_valid",
    "expired",
    "method",
    "url",
    "body",
    "claims",
    "data_scope",
    "replay",
]


class VerificationFailed(Exception):
    """The request must not be served as a request of the gateway."""

    status: int
    """The HTTP status to answer with."""

    def __init__(self, told: str, reason: str) -> None:
        """Take the sentence for the caller, and the reason for the log."""
        super().__init__(told)
        self.reason = reason


class AssertionRefused(VerificationFailed):
    """A check failed. Every refusal says the same to the caller, so that nobody can try out forgeries."""

    status = 401

    def __init__(self, code: Code, reason: str) -> None:
        """Take the failed check and the reason."""
        super().__init__("The Gatepost-Assertion of this request is not accepted.", reason)
        self.code: Code = code


class DataScopeUnsupported(AssertionRefused):
    """The connection is restricted to data of a kind that this API does not enforce."""

    status = 403

    def __init__(self, reason: str) -> None:
        """Take the reason."""
        super().__init__("data_scope", reason)
        self.args = ("This connection is restricted in a way that this API does not support.",)


class VerificationUnavailable(VerificationFailed):
    """Nothing can be verified now: the gateway's keys or the memory of used ids can't be reached."""

    status = 503

    def __init__(self, reason: str) -> None:
        """Take the reason."""
        super().__init__("Requests of the gateway can't be verified now; try again.", reason)
