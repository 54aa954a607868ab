"""What the adapters for WSGI frameworks share."""

from collections.abc import Mapping
from typing import Any

from gatepost_verify.caller import Caller
from gatepost_verify.presented import DecodedUrl
from gatepost_verify.verifier import Verifier

ENVIRON_NAME = "HTTP_GATEPOST_ASSERTION"


def verify_environ(
    verifier: Verifier, environ: Mapping[str, Any], body: bytes, *, encoding: str = "latin-1"
) -> Caller | None:
    """Verify a request by its WSGI environment (PEP 3333); None if it has no assertion.

    `encoding` is the one in which the environment holds the path's bytes.

    Raises:
        AssertionRefused: as for `Verifier.verify`.
        VerificationUnavailable: as for `Verifier.verify`.
    """
    assertion = environ.get(ENVIRON_NAME)
    if assertion is None:
        return None
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    url = DecodedUrl(
        verifier.base_url, path.encode(encoding, "replace"), environ.get("QUERY_STRING", "")
    )
    return verifier.verify(assertion, method=environ["REQUEST_METHOD"], url=url, body=body)
