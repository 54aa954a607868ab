"""Client metadata, as a registration or a client's own document states it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args
from urllib.parse import urlsplit

from auth_server.errors import InvalidClientMetadata, InvalidRedirectUri
from auth_server.jwks import UnusableKeySet, format_jwk_set, parse_jwk_set
from auth_server.records.clients.invisible import strip_invisible
from auth_server.records.clients.redirect_uris import (
    Kind,
    UnusableRedirectUri,
    require_redirect_uri,
)
from auth_server.records.clients.table import AuthMethod
from gatepost.api_keys import TOKEN_EXCHANGE

MUST_PUSH = "require_pushed_authorization_requests"
"""RFC 9126 §6."""
GRANT_TYPES = ("authorization_code", "refresh_token", TOKEN_EXCHANGE)
_MOST_POST_LOGOUT_URIS = 10
_METHODS: tuple[AuthMethod, ...] = get_args(AuthMethod)
# Members for settings that only an operator may change, in the spellings servers have used.
_PRIVILEGED = frozenset(
    {
        "allowed_tools",
        "allowedtools",
        "data_scope",
        "datascope",
        "first_party",
        "firstparty",
        "managed",
        "require_pkce",
        "requirepkce",
        "skip_consent",
        "skipconsent",
        "source",
        "tenant_id",
        "tenantid",
        "trusted",
    }
)


@dataclass(frozen=True, slots=True)
class ClientMetadata:
    """The accepted part of a registration."""

    name: str
    client_uri: str | None
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    token_endpoint_auth_method: AuthMethod
    application_type: str
    jwks: dict[str, Any] | None
    jwks_uri: str | None
    dpop_bound_access_tokens: bool = False
    tls_client_certificate_bound_access_tokens: bool = False
    must_push: bool = False


def parse_client_metadata(
    document: object, *, private_use_schemes: Collection[str], most_redirect_uris: int = 10
) -> ClientMetadata:
    """Read client metadata (RFC 7591 §2).

    Unknown members are ignored. Of the requested grant types, the server keeps those that a dynamic
    client may have.

    Raises:
        InvalidRedirectUri: with the URI's index in the list and the rule it breaks.
        InvalidClientMetadata: with the member and the values it allows.
    """
    if not isinstance(document, dict):
        raise InvalidClientMetadata("the body must be a JSON object")
    members = cast("Mapping[str, Any]", document)
    for member in members:
        if member.lower() in _PRIVILEGED:
            raise InvalidClientMetadata(f"{member} can't be set by a registration: leave it out")
    uris, kinds = _read_redirect_uris(
        members.get("redirect_uris"), private_use_schemes, most=most_redirect_uris
    )
    if "code" not in _strings(members, "response_types", default=["code"]):
        raise InvalidClientMetadata("response_types must hold code")
    grant_types = _strings(members, "grant_types", default=["authorization_code"])
    if "authorization_code" not in grant_types:
        raise InvalidClientMetadata("grant_types must hold authorization_code")
    native = _read_application_type(members.get("application_type"), kinds)
    method = _read_method(members.get("token_endpoint_auth_method"), native=native)
    jwks, jwks_uri = read_keys(members) if method == "private_key_jwt" else (None, None)
    return ClientMetadata(
        name=_read_name(members.get("client_name"), uris),
        client_uri=_read_web_address(members.get("client_uri")),
        redirect_uris=uris,
        post_logout_redirect_uris=_read_post_logout_uris(members, private_use_schemes),
        grant_types=tuple(grant for grant in GRANT_TYPES if grant in grant_types),
        token_endpoint_auth_method=method,
        application_type="native" if native else "web",
        jwks=jwks,
        jwks_uri=jwks_uri,
        dpop_bound_access_tokens=_read_flag(members, "dpop_bound_access_tokens"),
        tls_client_certificate_bound_access_tokens=_read_flag(
            members, "tls_client_certificate_bound_access_tokens"
        ),
        must_push=_read_flag(members, MUST_PUSH),
    )


def read_keys(members: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
    """Read a client's public keys in `jwks`, or their address in `jwks_uri`.

    Raises:
        InvalidClientMetadata: neither or both are present, or the keys can't be used.
    """
    jwks, uri = members.get("jwks"), members.get("jwks_uri")
    if (jwks is None) == (uri is None):
        raise InvalidClientMetadata("private_key_jwt needs one of jwks and jwks_uri")
    if uri is not None:
        if _read_web_address(uri) is None:
            raise InvalidClientMetadata("jwks_uri must be an https URL")
        return None, uri
    try:
        return format_jwk_set(parse_jwk_set(jwks)), None
    except UnusableKeySet as error:
        raise InvalidClientMetadata(f"jwks {error}") from None


def _read_redirect_uris(
    value: object, private_use_schemes: Collection[str], *, most: int
) -> tuple[tuple[str, ...], set[Kind]]:
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise InvalidRedirectUri(f"redirect_uris must be a list of 1 to {most} URIs")
    uris: list[str] = []
    kinds: set[Kind] = set()
    for place, uri in enumerate(value):
        if not isinstance(uri, str):
            raise InvalidRedirectUri(f"redirect_uris[{place}] must be a string")
        try:
            kinds.add(require_redirect_uri(uri, private_use_schemes=private_use_schemes))
        except UnusableRedirectUri as error:
            raise InvalidRedirectUri(f"redirect_uris[{place}] {error}") from None
        uris.append(uri)
    return tuple(dict.fromkeys(uris)), kinds


def _read_post_logout_uris(
    members: Mapping[str, Any], private_use_schemes: Collection[str]
) -> tuple[str, ...]:
    """Read where people may return to after signing out (RP-Initiated Logout §3.1)."""
    name = "post_logout_redirect_uris"
    uris = _strings(members, name, default=[])
    if len(uris) > _MOST_POST_LOGOUT_URIS:
        raise InvalidClientMetadata(f"{name} must be at most {_MOST_POST_LOGOUT_URIS} URIs")
    for place, uri in enumerate(uris):
        try:
            require_redirect_uri(uri, private_use_schemes=private_use_schemes)
        except UnusableRedirectUri as error:
            raise InvalidClientMetadata(f"{name}[{place}] {error}") from None
    return tuple(dict.fromkeys(uris))


def _strings(members: Mapping[str, Any], name: str, *, default: list[str]) -> list[str]:
    value = members.get(name, default)
    if value is None:
        return default
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise InvalidClientMetadata(f"{name} must be a list of strings")
    return value


def _read_flag(members: Mapping[str, Any], name: str) -> bool:
    value = members.get(name, False)
    if not isinstance(value, bool):
        raise InvalidClientMetadata(f"{name} must be true or false")
    return value


def _read_application_type(value: object, kinds: set[Kind]) -> bool:
    if value not in (None, "web", "native"):
        raise InvalidClientMetadata("application_type must be web or native")
    # Clients that omit the type, or send `web` by default, still register loopback and custom
    # schemes. The redirect URIs say whether a client can keep a secret.
    return value == "native" or bool(kinds & {"loopback", "private-use"})


def _read_method(value: object, *, native: bool) -> AuthMethod:
    if value is None:
        # An app on a person's own device can't keep a secret.
        return "none" if native else "client_secret_basic"
    for method in _METHODS:
        if value == method:
            return method
    raise InvalidClientMetadata(f"token_endpoint_auth_method must be one of {', '.join(_METHODS)}")


def _read_name(value: object, uris: tuple[str, ...]) -> str:
    if value is None:
        return urlsplit(uris[0]).hostname or urlsplit(uris[0]).scheme
    if not isinstance(value, str):
        raise InvalidClientMetadata("client_name must be a string")
    # Direction overrides and zero-width characters make one name look like another.
    name = " ".join(strip_invisible(value).split())
    if not 1 <= len(name) <= 100:
        raise InvalidClientMetadata("client_name must be 1 to 100 visible characters")
    return name


def _read_web_address(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > 2048 or not value.startswith("https://"):
        # It is only shown to people, never fetched, so a bad one does not fail the registration.
        return None
    return value if value.isascii() and value.isprintable() else None
