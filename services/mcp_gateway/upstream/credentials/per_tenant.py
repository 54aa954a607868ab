"""Get a secret for each tenant from an encrypted file or from the environment."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from gatepost.claims import AccessClaims
from mcp_gateway.apis.credential_settings import TENANT
from mcp_gateway.upstream.credentials.port import NoCredential
from mcp_gateway.upstream.credentials.sealed_file import SealedFile, SealedFileError

log = structlog.get_logger()
# Tenant ids that are valid in a variable's name without escaping, so that tenants never share one.
_PLAIN = re.compile(r"\w+", re.ASCII)


@dataclass(frozen=True, slots=True)
class FromFile:
    """Reads the secret of the caller's tenant from the file, and rereads the file if it changed."""

    file: SealedFile

    async def resolve(self, caller: AccessClaims, *, within: float) -> str:
        """Return the tenant's secret.

        Raises:
            NoCredential: the tenant does not have one, or the file can't be used.
        """
        try:
            secret = self.file.unseal(caller.tenant_id)
        except SealedFileError as problem:
            log.error("credential_file_unreadable", reason=str(problem))
            raise NoCredential(
                "The gateway's credentials for the API can't be read. Nothing was sent. "
                "The operator of this server can see why."
            ) from None
        if secret is None:
            raise none_for_tenant()
        return secret

    def reject(self, caller: AccessClaims, secret: str) -> bool:
        """Return `False`, since there is no other secret to try."""
        return False


@dataclass(frozen=True, slots=True)
class FromEnvironment:
    """Reads the secret of the caller's tenant from a variable whose name has the tenant's id."""

    variable: str
    """A name that ends in `{tenant_id}`."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    async def resolve(self, caller: AccessClaims, *, within: float) -> str:
        """Return the tenant's secret.

        Raises:
            NoCredential: the tenant does not have one, or its id is not valid in a variable's name.
        """
        tenant = caller.tenant_id
        name = self.variable.replace(TENANT, tenant)
        secret = self.environment.get(name) if _PLAIN.fullmatch(tenant) else None
        if not secret:
            raise none_for_tenant()
        return secret

    def reject(self, caller: AccessClaims, secret: str) -> bool:
        """Return `False`, since there is no other secret to try."""
        return False


def none_for_tenant() -> NoCredential:
    """Return the error for a tenant without a secret, which says who can set it up."""
    return NoCredential(
        "Your organisation has not set up its access to the API. Nothing was sent. "
        "Ask your administrator, or the operator of this server, to set it up."
    )
