"""The answers to requests that are not served: problem documents (RFC 9457) that tell no secrets."""

import json
from dataclasses import dataclass
from http import HTTPStatus

from gatepost_verify.errors import VerificationFailed

MISSING = "Call this through the Gatepost gateway: the request has no Gatepost-Assertion."
_RETRY_AFTER = "5"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def answer_failure(error: VerificationFailed) -> Answer:
    """Answer a request whose assertion was not accepted."""
    return answer(error.status, str(error))


def answer(status: int, detail: str) -> Answer:
    """Write a problem document."""
    headers = [("Content-Type", "application/problem+json"), ("Cache-Control", "no-store")]
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append(("WWW-Authenticate", "Gatepost-Assertion"))  # RFC 9110 §11.6.1
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(("Retry-After", _RETRY_AFTER))
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return Answer(status, tuple(headers), json.dumps(problem).encode())
