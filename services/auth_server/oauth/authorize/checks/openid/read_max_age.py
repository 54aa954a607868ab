"""Read how recently the person must have signed in."""

from dataclasses import replace
from datetime import timedelta

from auth_server.errors import InvalidRequest
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest


async def read_max_age(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Read `max_age` (OpenID Connect Core §3.1.2.1), unless `prompt=login` asks for more."""
    max_age = request.parameters.get("max_age")
    if max_age is None or request.signed_in_after is not None:
        return request
    if not (max_age.isascii() and max_age.isdigit() and len(max_age) <= 9):
        raise InvalidRequest("max_age must be a number of seconds")
    after = context.now() - timedelta(seconds=int(max_age))
    return replace(request, signed_in_after=after)
