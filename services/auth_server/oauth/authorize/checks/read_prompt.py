"""Read how recently the person must have signed in, and refuse to skip the pages."""

from dataclasses import replace
from datetime import timedelta

from auth_server.errors import ConsentRequired, InvalidRequest
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest


async def read_prompt(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Read `prompt` and `max_age` (OpenID Connect Core §3.1.2.1).

    `prompt=none` is always refused, because people may have to be asked.
    """
    prompts = set((request.parameters.get("prompt") or "").split())
    if "none" in prompts:
        if len(prompts) > 1:
            raise InvalidRequest("prompt none can't be combined with another value")
        raise ConsentRequired(
            "prompt none is not supported, because the person may have to be asked"
        )
    max_age = request.parameters.get("max_age")
    if "login" in prompts:
        return replace(request, signed_in_after=context.now())
    if max_age is not None:
        if not (max_age.isascii() and max_age.isdigit() and len(max_age) <= 9):
            raise InvalidRequest("max_age must be a number of seconds")
        after = context.now() - timedelta(seconds=int(max_age))
        return replace(request, signed_in_after=after)
    return request
