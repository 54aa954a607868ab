"""Read the client certificate that the operator's proxy has verified."""

from starlette.requests import Request

from auth_server.errors import InvalidRequest
from auth_server.records.clients.facts import ClientFacts
from auth_server.settings import AuthServerSettings
from gatepost.claims import Confirmation
from gatepost.proofs.certificates import UnreadableCertificate, thumbprint_of


def read_certificate(
    request: Request, client: ClientFacts, settings: AuthServerSettings
) -> Confirmation | None:
    """Return the certificate to which tokens are bound, if the client registered for that (RFC 8705 §3).

    Raises:
        InvalidRequest: the certificate is missing or unreadable.
    """
    if not settings.client_certificate_header:
        return None
    if not client.tls_client_certificate_bound_access_tokens:
        return None
    thumbprint = thumbprint_of_connection(request, settings)
    if thumbprint is None:
        raise InvalidRequest(
            "this client registered for tokens bound to its certificate; connect with the certificate"
        )
    return Confirmation("x5t#S256", thumbprint)


def thumbprint_of_connection(request: Request, settings: AuthServerSettings) -> str | None:
    """Return the thumbprint of the one certificate in the proxy's header, or None."""
    header = settings.client_certificate_header
    given = request.headers.getlist(header) if header else []
    try:
        return thumbprint_of(given[0]) if len(given) == 1 else None
    except UnreadableCertificate:
        return None
