"""Refusals: `{"error": {"type", "message", "param"}}`."""

from starlette.responses import JSONResponse


class Refused(Exception):
    """A request that is not carried out; the message is for the caller."""

    def __init__(self, status: int, kind: str, message: str, param: str | None = None) -> None:
        """Take the status, the kind of error, the message, and the parameter to change."""
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.param = param


def invalid(message: str, param: str) -> Refused:
    """Refuse a parameter."""
    return Refused(400, "invalid_request", message, param)


def not_found(kind: str, number: str) -> Refused:
    """Refuse an id that does not exist, or that the caller may not know."""
    return Refused(404, "not_found", f"There is no {kind} {number[:64]}.")


def answer_refusal(refused: Refused) -> JSONResponse:
    """Write a refusal."""
    error = {"type": refused.kind, "message": str(refused)}
    if refused.param is not None:
        error["param"] = refused.param
    return JSONResponse({"error": error}, refused.status)
