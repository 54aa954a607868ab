"""Read a provider's claims as an identity. The functions are pure and refuse malformed claims."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from auth_server.connectors.port import AssertedIdentity, AssertedMembership, SignInRefused
from auth_server.sign_in_settings import TEMPLATE, ClaimMapping
from gatepost.data_scope import DataScope, MalformedDataScope, parse_data_scope

MEMBER, ADMIN = "member", "admin"
_LONGEST_ID, _LONGEST_NAME, _LONGEST_EMAIL, _LONGEST_ROLE = 255, 200, 320, 32
_MOST_TENANTS, _LONGEST_DATA_SCOPE = 200, 4096
_MOST_VALUES = 10_000
"""How many tenants, roles and values of claims are looked at, a shared one for each tenant."""
_KINDS_OF_PROOF = (
    frozenset({"pwd", "pin", "kba"}),
    frozenset({"hwk", "swk", "otp", "sms", "tel", "sc"}),
    frozenset({"face", "fpt", "iris", "retina", "vbm"}),
)
"""What a person knows, has and is, as authentication methods name it (RFC 8176 §2)."""


def read_claims(claims: Mapping[str, Any], mapping: ClaimMapping) -> AssertedIdentity:
    """Read an identity from claims whose signature, issuer and audience are verified.

    Raises:
        SignInRefused: the subject or the person's id is missing or invalid, or there are too many
            tenants or values.
    """
    return AssertedIdentity(
        issuer=_text(claims, "iss", longest=512),
        subject=_text(claims, "sub", longest=_LONGEST_ID),
        person_id=_text(claims, mapping.person_id, longest=_LONGEST_ID),
        name=_name(find_claim(claims, mapping.name)) or _text(claims, mapping.person_id),
        email=_email(claims, mapping),
        memberships=_memberships(claims, mapping),
        two_factors=_proves_two_factors(set(_texts(claims.get("amr")))),
    )


def _proves_two_factors(methods: Collection[str]) -> bool:
    # Two methods of one kind, such as a code by text message and a key, can be stolen together.
    return "mfa" in methods or sum(not kind.isdisjoint(methods) for kind in _KINDS_OF_PROOF) > 1


def find_claim(claims: Any, path: str) -> Any:
    """Find the value at a dotted path, or None.

    A member whose name contains dots, such as a URL, matches the path as a whole.
    """
    if not isinstance(claims, dict):
        return None
    if path in claims:
        return claims[path]
    parts = path.split(".")
    for count in range(len(parts) - 1, 0, -1):
        inner = claims.get(".".join(parts[:count]))
        if inner is not None:
            return find_claim(inner, ".".join(parts[count:]))
    return None


@dataclass(slots=True)
class _Budget:
    left: int

    def spend(self, values: int) -> None:
        self.left -= values
        if self.left < 0:
            raise SignInRefused("the claims name too many tenants, roles or values")


def _memberships(
    claims: Mapping[str, Any], mapping: ClaimMapping
) -> tuple[AssertedMembership, ...] | None:
    if mapping.tenant is None and mapping.tenants is None:
        return None
    found: dict[str, AssertedMembership] = {}
    budget = _Budget(_MOST_VALUES)
    for entry in _entries(claims, mapping):
        if len(found) == _MOST_TENANTS:
            break
        budget.spend(1)
        tenant_id = find_claim(entry, mapping.tenant_id)
        if isinstance(tenant_id, int) and not isinstance(tenant_id, bool):
            tenant_id = str(tenant_id)
        if not isinstance(tenant_id, str) or not _is_usable(tenant_id, _LONGEST_ID):
            continue
        if not mapping.covers(tenant_id):
            continue
        data_scope = _data_scope(entry, claims, mapping, budget)
        if data_scope is not None:
            name = _name(find_claim(entry, mapping.tenant_name))
            role = _role(entry, claims, mapping, budget)
            found[tenant_id] = AssertedMembership(tenant_id, name or tenant_id, role, data_scope)
    return tuple(found.values())


def _entries(claims: Mapping[str, Any], mapping: ClaimMapping) -> Iterator[Any]:
    """Yield the tenants as objects, whichever of the usual formats the claim has."""
    if mapping.tenant is not None:
        yield {mapping.tenant_id: mapping.tenant}
        return
    listed = find_claim(claims, mapping.tenants or "")
    if isinstance(listed, dict) and find_claim(listed, mapping.tenant_id) is None:
        # Keycloak writes organisations as an object with their names as keys.
        for name, entry in listed.items():
            yield {mapping.tenant_id: name, **(entry if isinstance(entry, dict) else {})}
        return
    for entry in listed if isinstance(listed, list) else [listed]:
        yield entry if isinstance(entry, dict) else {mapping.tenant_id: entry}


def _role(entry: Any, claims: Mapping[str, Any], mapping: ClaimMapping, budget: _Budget) -> str:
    given = _texts(_near(entry, claims, mapping.role))
    budget.spend(len(given))
    ours = [mapping.roles[role] for role in given if role in mapping.roles]
    if ADMIN in ours:
        return ADMIN
    return ours[0][:_LONGEST_ROLE] if ours else MEMBER


def _data_scope(
    entry: Any, claims: Mapping[str, Any], mapping: ClaimMapping, budget: _Budget
) -> DataScope | None:
    """Fill the templates; None if a value is missing, since dropping a restriction widens access.

    Also None if the data scope would be too long to store.
    """
    parts = []
    for template in mapping.data_scope:
        place = TEMPLATE.search(template)
        if place is None:
            parts.append(template)
            continue
        values = _texts(_near(entry, claims, place[1]))
        if not values:
            return None
        budget.spend(len(values))
        kind = template.partition(":")[0]
        for value in values:
            part = template.replace(place[0], value)
            try:
                read = parse_data_scope(part)
            except MalformedDataScope:
                return None
            # Each value must give exactly one entry: a space in it must not start another.
            if set(read.kinds) != {kind} or len(read[kind]) != 1 or str(read) != part:
                return None
            parts.append(part)
    data_scope = parse_data_scope(" ".join(parts))
    return data_scope if len(str(data_scope)) <= _LONGEST_DATA_SCOPE else None


def _near(entry: Any, claims: Mapping[str, Any], path: str | None) -> Any:
    if path is None:
        return None
    own = find_claim(entry, path)
    return find_claim(claims, path) if own is None else own


def _email(claims: Mapping[str, Any], mapping: ClaimMapping) -> str | None:
    email = find_claim(claims, mapping.email)
    verified = find_claim(claims, mapping.email_verified) is True
    if not verified or not isinstance(email, str) or not _is_usable(email, _LONGEST_EMAIL):
        return None
    return email.strip().lower() if "@" in email else None


def _text(claims: Mapping[str, Any], path: str, *, longest: int = _LONGEST_ID) -> str:
    value = find_claim(claims, path)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not _is_usable(value, longest):
        raise SignInRefused(f"the claim {path} is missing or unusable")
    return value


def _name(value: object) -> str:
    if not isinstance(value, str):
        return ""
    shown = "".join(character for character in value if character.isprintable())
    return " ".join(shown.split())[:_LONGEST_NAME]


def _texts(value: object) -> list[str]:
    """List the strings of a claim that is a string or a list of strings."""
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, str) and item]


def _is_usable(value: str, longest: int) -> bool:
    return 0 < len(value) <= longest and value.isprintable() and value == value.strip()
