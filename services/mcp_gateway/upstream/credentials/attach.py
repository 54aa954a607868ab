"""Decide which credentials each tool's requests carry, once when the catalogue is loaded.

A credential with the name of a security scheme is sent with the operations that require that scheme;
any other that has a place is sent with every request. A tool that fills an argument with a credential
sends it only there. Credentials go only to the upstream's own origin and to hosts
that the settings list.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gatepost.settings import SettingsError
from mcp_gateway.apis.api import Api, Headers
from mcp_gateway.apis.credential_settings import AnyCredential, StaticCredential
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.security_scheme import SecurityScheme
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.http_client.origin import origin_of
from mcp_gateway.http_client.port import ASSERTION_HEADER
from mcp_gateway.upstream.credentials.linked_account import ByLinkedAccount
from mcp_gateway.upstream.credentials.location import CredentialLocation
from mcp_gateway.upstream.credentials.port import CredentialSource, NoCredential
from mcp_gateway.upstream.credentials.static import Static

# Headers that an argument must not set: credentials, identity, framing and routing.
_RESERVED = frozenset(
    {
        "authorization",
        "proxy-authorization",
        ASSERTION_HEADER.lower(),
        "connection",
        "content-length",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    }
)
_HEADERS = {"header", "cookie"}
_ALWAYS_WRITTEN = {"accept", "content-type"}
_NONE: frozenset[str] = frozenset()
_SECRET = re.compile("auth|cookie|key|pass|secret|token", re.IGNORECASE)
"""Matches names of headers whose values a model must not read."""


@dataclass(frozen=True, slots=True)
class Attached:
    """The credentials of one tool's requests."""

    headers: Headers = field(default=(), repr=False)
    """Headers that are the same for every request."""
    sources: tuple[tuple[CredentialLocation, CredentialSource], ...] = ()
    """Sources of secrets that depend on the caller, change, or are not sent in a header."""
    filled: tuple[tuple[str, CredentialSource], ...] = ()
    """Arguments with the source of the secret that fills each."""
    taken: frozenset[str] = frozenset()
    """Headers, in lower case, that replace those of the operation."""
    links: tuple[ByLinkedAccount, ...] = ()
    """Those of the sources for which the person must have linked an account."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Secrets in `headers` to hide from answers, in every form in which they are sent."""


class Attachments:
    """The credentials of one API's tools, which no tool of another API gets."""

    def __init__(
        self, catalogue: Catalogue, api: Api, sources: Mapping[str, CredentialSource]
    ) -> None:
        """Decide for every tool of the API.

        Args:
            catalogue: the tools, and the security schemes that their documents describe.
            api: the API, with its own credentials by the name of their security scheme.
            sources: the open sources of these credentials, by the same names.

        Raises:
            SettingsError: as for `locate_credentials`.
        """
        self._api = api
        self._own = origin_of(api.url)
        self._headers = api.headers
        self._configured = api.credentials
        self._sources = sources
        self._locations = locate_credentials(api, catalogue)
        schemes = catalogue.schemes_of(api.name)
        self._everywhere = [n for n in self._locations if n not in schemes]
        self._tools = {tool.name: self._attach(tool) for tool in catalogue.tools_of(api.name)}
        for tool in catalogue.tools.values():
            if tool.api == api.name and tool.composite is not None:
                links = [link for one in tool.composite.calls for link in self.of(one.tool).links]
                self._tools[tool.name] = Attached(links=tuple(dict.fromkeys(links)))

    def of(self, tool: Tool) -> Attached:
        """Return the credentials of a tool's requests."""
        return self._tools[tool.name]

    def _attach(self, tool: Tool) -> Attached:
        origin = origin_of(tool.operation.base_url or "") if tool.operation.base_url else self._own
        fills = tool.credentials
        asked = [*self._asked(tool.operation.security), *self._everywhere]
        headers = self._headers if origin == self._own else ()
        sources: list[tuple[CredentialLocation, CredentialSource]] = []
        secrets = [value for name, value in headers if _SECRET.search(name)]
        for name in dict.fromkeys(asked):
            if name in fills.values() or not self._may_go(name, origin):
                continue
            location, source = self._locations[name], self._sources[name]
            if isinstance(source, Static) and location.kind in {"bearer", "basic", "header"}:
                headers = (*headers, (location.header, location.write(source.secret)))
                secrets += location.forms(source.secret)
            else:
                sources.append((location, source))
        ours = [name for name, _ in headers]
        # Cookies from arguments are kept in addition to ours.
        ours += [
            location.header for location, _ in sources if location.kind not in {"query", "cookie"}
        ]
        names = {name.lower() for name in ours}
        written = {parameter.location for parameter in tool.operation.parameters} & _HEADERS
        taken = _RESERVED | names if written or names & _ALWAYS_WRITTEN else _NONE
        filled = [(key, self._source(tool, key, name, origin)) for key, name in fills.items()]
        used = [source for _, source in (*sources, *filled)]
        links = tuple(source for source in used if isinstance(source, ByLinkedAccount))
        return Attached(headers, tuple(sources), tuple(filled), taken, links, tuple(secrets))

    def _source(
        self, tool: Tool, argument: str, name: str, origin: tuple[str, str]
    ) -> CredentialSource:
        if not self._may_go(name, origin):
            raise SettingsError(
                f"{self._api.setting('credentials')}.{name}.hosts: add {origin[1]}, to which the manifest sends it "
                f"(tools.{tool.name}.fill.{argument}); to another host it goes only over HTTPS"
            )
        return self._sources[name]

    def _may_go(self, name: str, origin: tuple[str, str]) -> bool:
        """Tell whether a credential may go to an origin; to other hosts only over HTTPS."""
        scheme, host = origin
        listed = host in self._configured[name].hosts
        return origin == self._own or (listed and scheme in {"https", self._own[0]})

    def _asked(self, alternatives: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
        """Return the schemes of the first alternative that is met, or partly met."""
        known = self._configured.keys()
        met = [a for a in alternatives if known >= set(a)] or [
            a for a in alternatives if known & set(a)
        ]
        return tuple(name for name in met[0] if name in known) if met else ()


def locate_credentials(api: Api, catalogue: Catalogue) -> dict[str, CredentialLocation]:
    """Return the location of each credential of an API: from the settings, else from its security scheme.

    A credential that only fills arguments does not have a location.

    Raises:
        SettingsError: a location is unknown, a static secret is not valid there, or a tool fills an
            argument with a credential that is not configured.
    """
    filled = {
        name: f"tools.{tool.name}.fill.{argument}"
        for tool in catalogue.tools_of(api.name)
        for argument, name in tool.credentials.items()
    }
    where, schemes = api.setting("credentials"), catalogue.schemes_of(api.name)
    for name, place in filled.items():
        if name not in api.credentials:
            raise SettingsError(f"{where}.{name}: missing; the manifest uses it ({place})")
    return {
        name: _locate(f"{where}.{name}", name, settings, schemes)
        for name, settings in api.credentials.items()
        if settings.place or name in schemes or name not in filled
    }


def _locate(
    where: str, name: str, settings: AnyCredential, schemes: Mapping[str, SecurityScheme]
) -> CredentialLocation:
    if settings.place:
        location = CredentialLocation.of(settings.place)
    elif name in schemes:
        location = CredentialLocation.of_scheme(schemes[name])
    else:
        near = difflib.get_close_matches(name, schemes, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(schemes) or 'none'}"
        raise SettingsError(
            f"{where}: the OpenAPI document does not have a security scheme of "
            f"that name ({hint}); use the name of one, or set place"
        )
    if isinstance(settings, StaticCredential):
        try:
            location.write(settings.value.get_secret_value())
        except NoCredential:
            raise SettingsError(f"{where}.value: is not valid in a {location.kind}") from None
    return location
