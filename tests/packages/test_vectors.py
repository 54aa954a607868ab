"""The published vectors are those that their script writes, and say what the gateway signs."""

import json
import runpy
from base64 import urlsafe_b64decode
from datetime import UTC, datetime

from joserfc.jwk import ECKey

from gatepost.claims import parse_claims
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.upstream.assertion import AssertionSigner
from support.in_process import tokens
from support.markdown import ROOT

FOLDER = ROOT / "packages/vectors"
PUBLISHED = json.loads((FOLDER / "vectors.json").read_text())


def parts(assertion: str) -> list[dict[str, object]]:
    """The header and the claims."""
    return [json.loads(urlsafe_b64decode(part + "==")) for part in assertion.split(".")[:2]]


def test_the_published_vectors_are_those_that_their_script_writes() -> None:
    made = runpy.run_path(str(FOLDER / "make.py"))["make"]()
    assert made == PUBLISHED


def test_the_first_vector_has_the_form_that_the_gateway_signs() -> None:
    first = PUBLISHED["assertions"][0]
    now = datetime.fromtimestamp(first["now"], UTC)
    signer = AssertionSigner(
        ECKey.generate_key("P-256"),
        resource=PUBLISHED["issuer"],
        audience=PUBLISHED["audience"],
        now=lambda: now,
    )
    request = HttpRequest(first["method"], first["url"], (), b"")
    caller = parse_claims(tokens.claims(now, client_id="client_1", data_scope=""))
    header, claims = parts(signer.sign(request, caller, "list_tasks", "call_1"))
    vector_header, vector_claims = parts(first["assertion"])
    assert claims == vector_claims
    assert {**header, "kid": "gateway-1"} == vector_header
