"""Read how strong a sign-in the app prefers."""

from dataclasses import replace

from auth_server.oauth.authorize.request import CheckContext, CheckedRequest
from auth_server.tokens.authentication_context import ACR_VALUES


async def read_acr_values(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Keep the first supported value of `acr_values` (OpenID Connect Core §3.1.2.1).

    It is a wish, which never fails the request: the `acr` of the ID token says what became of it.
    """
    asked = (request.parameters.get("acr_values") or "").split()
    wanted = next((value for value in asked if value in ACR_VALUES), None)
    return replace(request, wanted_class=wanted)
