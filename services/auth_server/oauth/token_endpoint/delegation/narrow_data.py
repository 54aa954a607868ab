"""Narrow a delegation to the data that the request names."""

from dataclasses import replace

from auth_server.errors import InvalidRequest, InvalidScope
from auth_server.oauth.token_endpoint.delegation.delegated import CheckedDelegation
from auth_server.oauth.token_endpoint.request import TokenRequest
from gatepost.data_scope import MalformedDataScope, narrow_data_scope, parse_data_scope

_LONGEST = 4096  # of the claim


async def narrow_data(checked: CheckedDelegation, request: TokenRequest) -> CheckedDelegation:
    """Keep the data of `data_scope`; a kind that it leaves out stays as in the subject token.

    Raises:
        InvalidRequest: `data_scope` is malformed or too long.
        InvalidScope: it goes beyond the subject token.
    """
    allowed = checked.known_entitlement()
    try:
        asked = parse_data_scope(request.form.get("data_scope") or "")
    except MalformedDataScope as error:
        raise InvalidRequest(f"data_scope: {error}") from None
    for kind, values in asked.kinds.items():
        if kind in allowed.data_scope.kinds and not values <= allowed.data_scope.kinds[kind]:
            raise InvalidScope(f"data_scope: subject_token does not allow all of {kind}")
    data_scope = narrow_data_scope(allowed.data_scope, asked)
    if data_scope is None or len(str(data_scope)) > _LONGEST:
        raise InvalidRequest(f"data_scope must be at most {_LONGEST} characters")
    return replace(checked, entitlement=allowed._replace(data_scope=data_scope))
