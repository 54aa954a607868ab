"""The access token's claims, which the authorization server signs and the gateway reads.

This is the contract between the two services (RFC 9068 profile, header `typ: at+jwt`, ES256). A token
that is bound to a key has another type, so that a gateway of a release which does not know `cnf` refuses
it instead of taking it from anybody.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from gatepost.allowed_tools import MalformedAllowedTools, parse_allowed_tools
from gatepost.approvals import ApprovalRule, parse_approval_rule
from gatepost.data_scope import DataScope, MalformedDataScope, parse_data_scope
from gatepost.scopes import MalformedScope, format_scope, parse_scope

TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type (RFC 9068 §2.1), not a secret
BOUND_TOKEN_TYPE = "bound+at+jwt"  # noqa: S105 - a media type, not a secret
ALGORITHM = "ES256"
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
MOST_ACTORS = 3
"""How many sub-agents one below the other a token may name."""
LONGEST_ACTOR = 1100
"""Characters of an actor: a client id, `#`, and the name of a part of the client."""


class MalformedClaims(ValueError):
    """A claim is missing or has the wrong type; the message names the claim, never its value."""


class Confirmation(NamedTuple):
    """The key to which a token is bound: claim `cnf` (RFC 7800 §3.1).

    `method` is `jkt` for a DPoP key (RFC 9449 §6.1), `x5t#S256` for a client certificate (RFC 8705 §3.1).
    """

    method: Literal["jkt", "x5t#S256"]
    thumbprint: str

    def __str__(self) -> str:
        """Write it as one word, to be stored and compared."""
        return f"{self.method}:{self.thumbprint}"


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """The caller, the tenant and the permissions of a token. Times are Unix seconds.

    With `confirmation`, only who proves possession of that key may use the token.
    """

    iss: str
    aud: str
    sub: str
    client_id: str
    jti: str
    iat: int
    exp: int
    scopes: frozenset[str]
    tenant_id: str
    allowed_tools: frozenset[str]
    data_scope: DataScope
    rate_limit_tier: str
    grant_id: str
    grant_version: int
    env: str
    confirmation: Confirmation | None = None
    approval: ApprovalRule = "none"
    """The calls that an admin must approve; the token has no such claim if there are none."""
    actors: tuple[str, ...] = ()
    """The `sub` of each `act`, the current actor first; empty if the client acts itself."""

    def to_json(self) -> dict[str, Any]:
        """Write the claims as the token's payload."""
        bound = self.confirmation
        payload: dict[str, Any] = {
            "iss": self.iss,
            "aud": self.aud,
            "sub": self.sub,
            "client_id": self.client_id,
            "jti": self.jti,
            "iat": self.iat,
            "exp": self.exp,
            "scope": format_scope(self.scopes),
            "tenant_id": self.tenant_id,
            "allowed_tools": sorted(self.allowed_tools),
            "data_scope": str(self.data_scope),
            "rate_limit_tier": self.rate_limit_tier,
            "grant_id": self.grant_id,
            "grant_version": self.grant_version,
            "env": self.env,
            **({} if bound is None else {"cnf": {bound.method: bound.thumbprint}}),
            **({} if self.approval == "none" else {"approval": self.approval}),
        }
        if self.actors:
            payload["act"] = write_actors(self.actors)
        return payload


def write_actors(actors: tuple[str, ...]) -> dict[str, Any]:
    """Write an `act` claim, in which each actor contains the one before it (RFC 8693 §4.1)."""
    act: dict[str, Any] = {}
    for actor in reversed(actors):
        act = {"sub": actor, "act": act} if act else {"sub": actor}
    return act


def parse_claims(payload: Mapping[str, Any]) -> AccessClaims:
    """Read a verified token's payload strictly: every claim must be present and have its type.

    The verifier compares issuer, audience and time; this function does not.

    Raises:
        MalformedClaims: the message names the first claim that is missing or has another type.
    """

    def text(name: str, *, empty: bool = False, longest: int = 2048) -> str:
        value = payload.get(name)
        if not isinstance(value, str) or not (value or empty) or len(value) > longest:
            raise MalformedClaims(f"claim {name} is missing, too long or not a string")
        return value

    def whole(name: str) -> int:
        value = payload.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 53:
            raise MalformedClaims(f"claim {name} is missing or not a whole number")
        return value

    try:
        return AccessClaims(
            iss=text("iss"),
            aud=text("aud"),
            sub=text("sub"),
            client_id=text("client_id"),
            jti=text("jti"),
            iat=whole("iat"),
            exp=whole("exp"),
            scopes=parse_scope(text("scope", empty=True)),
            tenant_id=text("tenant_id", empty=True),
            allowed_tools=parse_allowed_tools(payload.get("allowed_tools")),
            data_scope=parse_data_scope(text("data_scope", empty=True, longest=4096)),
            rate_limit_tier=text("rate_limit_tier", empty=True),
            grant_id=text("grant_id", empty=True),
            grant_version=whole("grant_version"),
            env=text("env"),
            confirmation=_read_confirmation(payload.get("cnf")),
            approval=_read_approval(payload.get("approval", "none")),
            actors=_parse_actors(payload["act"]) if "act" in payload else (),
        )
    except (MalformedScope, MalformedAllowedTools, MalformedDataScope) as error:
        raise MalformedClaims(str(error)) from error


def _read_confirmation(cnf: object) -> Confirmation | None:
    # A method that is not known here can't be checked, so such a token is not valid here.
    if cnf is None:
        return None
    members = list(cnf.items()) if isinstance(cnf, dict) else []
    for method, thumbprint in members if len(members) == 1 else ():
        if not isinstance(thumbprint, str) or not _THUMBPRINT.fullmatch(thumbprint):
            break
        if method == "jkt" or method == "x5t#S256":
            return Confirmation(method, thumbprint)
    raise MalformedClaims("claim cnf is not one jkt or x5t#S256")


def _read_approval(value: object) -> ApprovalRule:
    if (rule := parse_approval_rule(value)) is None:
        raise MalformedClaims("claim approval is unknown")
    return rule


def _parse_actors(act: object) -> tuple[str, ...]:
    actors: list[str] = []
    while isinstance(act, dict) and len(actors) < MOST_ACTORS:
        actor = act.get("sub")
        if not isinstance(actor, str) or not 1 <= len(actor) <= LONGEST_ACTOR:
            break
        actors.append(actor)
        if "act" not in act:
            return tuple(actors)
        act = act["act"]
    raise MalformedClaims("claim act is not an object with sub, or is nested too deeply")
