"""The claims of a token that fill arguments and that answers are checked against."""

from gatepost.claims import AccessClaims

_DATA_SCOPE = "data_scope."


def resolve_claim(caller: AccessClaims, claim: str) -> str | list[str]:
    """Return one bindable claim, or an empty value if the token does not have it."""
    if claim.startswith(_DATA_SCOPE):
        kind = caller.data_scope[claim.removeprefix(_DATA_SCOPE)]
        return kind[0] if len(kind) == 1 else kind
    match claim:
        case "tenant_id":
            return caller.tenant_id
        case "sub":
            return caller.sub
        case "client_id":
            return caller.client_id
        case _:
            return ""
