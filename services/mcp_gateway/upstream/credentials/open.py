"""Open the credentials that the settings configure for each API."""

from collections.abc import Iterable, Mapping

from gatepost.clock import Now
from gatepost.settings import SettingsError
from mcp_gateway.apis.api import Api
from mcp_gateway.apis.credential_settings import (
    TENANT,
    AnyCredential,
    ClientCredentials,
    LinkedAccount,
    PerTenantCredential,
    StaticCredential,
)
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.http_client.port import HttpClient
from mcp_gateway.upstream.credentials.attach import locate_credentials
from mcp_gateway.upstream.credentials.client_credentials import ByClientCredentials
from mcp_gateway.upstream.credentials.linked_account import ByLinkedAccount, FetchLinkedToken
from mcp_gateway.upstream.credentials.per_tenant import FromEnvironment, FromFile
from mcp_gateway.upstream.credentials.port import CredentialSource
from mcp_gateway.upstream.credentials.sealed_file import SealedFile, SealedFileError
from mcp_gateway.upstream.credentials.static import Static
from mcp_gateway.upstream.credentials.token_exchange import ByTokenExchange, SignSubject


def open_sources(
    configured: Mapping[str, AnyCredential],
    *,
    http: HttpClient,
    sign: SignSubject,
    fetch_linked_token: FetchLinkedToken,
    now: Now,
) -> Mapping[str, CredentialSource]:
    """Return the source of each credential by its name."""

    def opened(name: str, settings: AnyCredential) -> CredentialSource:
        match settings:
            case StaticCredential(value=value):
                return Static(value.get_secret_value())
            case PerTenantCredential(file=None, variable=variable):
                return FromEnvironment(variable)
            case PerTenantCredential():
                return FromFile(sealed_file(name, settings))
            case ClientCredentials():
                return ByClientCredentials(settings, http, now)
            case LinkedAccount(provider=provider):
                return ByLinkedAccount(provider, fetch_linked_token, now)
            case _:
                return ByTokenExchange(settings, http, sign, now)

    return {name: opened(name, settings) for name, settings in configured.items()}


def sealed_file(name: str, settings: PerTenantCredential) -> SealedFile:
    """Open the file of a `per_tenant` credential that has one."""
    assert settings.file is not None  # noqa: S101 - the settings check it
    assert settings.key is not None  # noqa: S101
    return SealedFile(settings.file, settings.key.get_secret_value(), name=name)


def require_usable(apis: Iterable[Api], catalogue: Catalogue) -> None:
    """Check that every credential has a location, and that secrets of tenants can be told apart.

    Every file must open under its key.

    Raises:
        SettingsError: a credential can't be used; the message names it and the problem.
    """
    variables: dict[str, str] = {}
    for api in apis:
        locate_credentials(api, catalogue)
        for name, settings in api.credentials.items():
            if isinstance(settings, PerTenantCredential) and settings.variable:
                where = f"{api.setting('credentials')}.{name}.variable"
                variables[where] = settings.variable.removesuffix(TENANT)
            if isinstance(settings, PerTenantCredential) and settings.file is not None:
                file = sealed_file(name, settings)
                try:
                    for tenant in file.tenants():
                        file.unseal(tenant)
                except SealedFileError as error:
                    raise SettingsError(f"{api.setting('credentials')}.{name}: {error}") from None
    for where, begins in variables.items():
        for other, longer in variables.items():
            if longer != begins and longer.startswith(begins):
                raise SettingsError(
                    f"{where}: the variables of {other} begin with {begins} too, so a tenant with a "
                    "fitting id would get another's secret; rename one of them"
                )
