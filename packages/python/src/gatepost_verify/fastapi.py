"""For FastAPI: add the middleware, and take `GatepostCaller` as a parameter."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request, Security
from fastapi.security import APIKeyHeader

from gatepost_verify.answers import MISSING
from gatepost_verify.asgi import GatepostMiddleware
from gatepost_verify.caller import Caller
from gatepost_verify.verifier import HEADER

__all__ = ["GatepostCaller", "GatepostMiddleware", "current_caller", "require_caller"]

_scheme = APIKeyHeader(
    name=HEADER,
    scheme_name="gatepostAssertion",
    description="The Gatepost gateway's signed statement of who is calling, made for each request.",
    auto_error=False,
)


def current_caller(
    request: Request, _: Annotated[str | None, Security(_scheme)] = None
) -> Caller | None:
    """Return the caller, or None if the request did not come through the gateway."""
    caller = getattr(request.state, "gatepost", None)
    return caller if isinstance(caller, Caller) else None


def require_caller(request: Request, _: Annotated[str | None, Security(_scheme)] = None) -> Caller:
    """Return the caller.

    Raises:
        HTTPException: the request did not come through the gateway (401).
    """
    caller = current_caller(request)
    if caller is None:
        raise HTTPException(401, MISSING, {"WWW-Authenticate": HEADER})
    return caller


GatepostCaller = Annotated[Caller, Depends(require_caller)]
