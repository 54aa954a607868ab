"""Read which pages the app wants or does not want the person to see."""

from dataclasses import replace

from auth_server.errors import InvalidRequest
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest


async def read_prompt(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Read `prompt` (OpenID Connect Core §3.1.2.1); unknown values are ignored."""
    prompts = frozenset((request.parameters.get("prompt") or "").split())
    if "none" in prompts and len(prompts) > 1:
        raise InvalidRequest("prompt none can't be combined with another value")
    after = context.now() if "login" in prompts else None
    return replace(request, prompts=prompts, signed_in_after=after)
