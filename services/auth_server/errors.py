"""The refusals of this server, with their wire codes and their texts for clients and logs."""

from typing import ClassVar


class OAuthError(Exception):
    """A refusal with an error code of OAuth (RFC 6749).

    Attributes:
        code: the `error` value on the wire.
        status: the HTTP status of a JSON response.
        description: a text for the client's developer, without secrets or hints at who exists.
        detail: a text for the logs only.
    """

    code: ClassVar[str] = "server_error"
    status: ClassVar[int] = 400

    def __init__(self, description: str, *, detail: str = "") -> None:
        """Take the texts for the client's developer and for the logs."""
        super().__init__(f"{self.code}: {description}")
        self.description = description
        self.detail = detail


class InvalidRequest(OAuthError):
    """A parameter is missing, repeated or malformed (RFC 6749 §4.1.2.1, §5.2)."""

    code = "invalid_request"


class InvalidDpopProof(OAuthError):
    """The DPoP proof is missing or not valid (RFC 9449 §5)."""

    code = "invalid_dpop_proof"


class UseDpopNonce(OAuthError):
    """The DPoP proof must contain a nonce of this server (RFC 9449 §8).

    Attributes:
        nonce: the nonce to use.
    """

    code = "use_dpop_nonce"

    def __init__(self, nonce: str) -> None:
        """Take the nonce, which is sent in the header `DPoP-Nonce`."""
        super().__init__("make the DPoP proof with the nonce in the header DPoP-Nonce")
        self.nonce = nonce


class UnsupportedMediaType(InvalidRequest):
    """The body has a content coding that this server does not read (RFC 9110 §15.5.16)."""

    status = 415


class InvalidClient(OAuthError):
    """The client is unknown or did not authenticate (RFC 6749 §5.2)."""

    code = "invalid_client"
    status = 401


class InvalidGrant(OAuthError):
    """The code, refresh token or other grant is invalid (RFC 6749 §5.2)."""

    code = "invalid_grant"


class InvalidScope(OAuthError):
    """None of the requested scope can be granted (RFC 6749 §4.1.2.1, §5.2)."""

    code = "invalid_scope"


class InvalidTarget(OAuthError):
    """This server does not issue tokens for the resource (RFC 8707 §2)."""

    code = "invalid_target"


class UnauthorizedClient(OAuthError):
    """The client may not use this grant type (RFC 6749 §5.2)."""

    code = "unauthorized_client"


class UnsupportedGrantType(OAuthError):
    """The grant type is not supported (RFC 6749 §5.2)."""

    code = "unsupported_grant_type"


class UnsupportedResponseType(OAuthError):
    """The response type is not `code` (RFC 6749 §4.1.2.1)."""

    code = "unsupported_response_type"


class AccessDenied(OAuthError):
    """The person or a policy denied the request (RFC 6749 §4.1.2.1)."""

    code = "access_denied"


class AuthorizationPending(OAuthError):
    """The person has not answered a device's request yet (RFC 8628 §3.5)."""

    code = "authorization_pending"


class SlowDown(OAuthError):
    """The device polls too often; it must wait five seconds longer from now on (RFC 8628 §3.5)."""

    code = "slow_down"


class ExpiredToken(OAuthError):
    """The device code has expired before the person answered (RFC 8628 §3.5)."""

    code = "expired_token"


class ConsentRequired(OAuthError):
    """`prompt=none` was sent, but the person has to approve (OpenID Connect Core §3.1.2.6)."""

    code = "consent_required"


class LoginRequired(OAuthError):
    """`prompt=none` was sent, but the person has to sign in (OpenID Connect Core §3.1.2.6)."""

    code = "login_required"


class AccountSelectionRequired(OAuthError):
    """`prompt=none` was sent, and another account is signed in (OpenID Connect Core §3.1.2.6)."""

    code = "account_selection_required"


class InteractionRequired(OAuthError):
    """`prompt=none` was sent, but the person has to see a page (OpenID Connect Core §3.1.2.6)."""

    code = "interaction_required"


class RequestNotSupported(OAuthError):
    """Request objects are not supported (OpenID Connect Core §3.1.2.6)."""

    code = "request_not_supported"


class RequestUriNotSupported(OAuthError):
    """Request objects by reference are not supported (OpenID Connect Core §3.1.2.6)."""

    code = "request_uri_not_supported"


class InvalidRedirectUri(OAuthError):
    """A redirect URI can't be registered (RFC 7591 §3.2.2)."""

    code = "invalid_redirect_uri"


class InvalidClientMetadata(OAuthError):
    """A member of a registration can't be accepted (RFC 7591 §3.2.2)."""

    code = "invalid_client_metadata"


class TemporarilyUnavailable(OAuthError):
    """A part that the request needs is down; the client may retry (RFC 6749 §4.1.2.1)."""

    code = "temporarily_unavailable"
    status = 503
    retry_after = 5
    """Seconds after which the client may retry."""


class TooManyRequests(TemporarilyUnavailable):
    """The client sent too many requests (RFC 6585 §4); RFC 6749 has no better error code."""

    status = 429

    def __init__(self, description: str, *, retry_after: int, setting: str) -> None:
        """Take the description, the seconds to wait, and the setting of the limit for the log."""
        super().__init__(description, detail=f"the limit is the setting {setting}")
        self.retry_after = retry_after
        self.setting = setting


class InvalidToken(OAuthError):
    """The access token is missing, invalid or of another key (RFC 6750 §3.1, RFC 9449 §7.1).

    Attributes:
        scheme: the scheme with which it must be sent, `Bearer` or `DPoP`.
    """

    code = "invalid_token"
    status = 401

    def __init__(self, description: str, *, detail: str = "", scheme: str = "Bearer") -> None:
        """Take the texts, and the scheme."""
        super().__init__(description, detail=detail)
        self.scheme = scheme


class UnprovenToken(InvalidToken):
    """The DPoP proof that comes with an access token is missing or not valid (RFC 9449 §7.1)."""

    code = "invalid_dpop_proof"

    def __init__(self, description: str) -> None:
        """Take the description."""
        super().__init__(description, scheme="DPoP")


class DpopNonceRequired(UseDpopNonce):
    """The same where an access token is sent (RFC 9449 §9)."""

    status = 401


class InsufficientScope(OAuthError):
    """The access token lacks a scope that the endpoint requires (RFC 6750 §3.1)."""

    code = "insufficient_scope"
    status = 403

    def __init__(self, description: str, *, scope: str, scheme: str = "Bearer") -> None:
        """Take the description, the scope to request, and the scheme with which the token came."""
        super().__init__(description)
        self.scope = scope
        self.scheme = scheme


class SignInRequired(Exception):
    """The person must sign in, or sign in again, to see an account page.

    Attributes:
        return_to: the account page that the browser requested.
        second_factor: whether only the person's second factor is missing.
    """

    def __init__(self, return_to: str, *, second_factor: bool = False) -> None:
        """Take the page to return to after a sign-in."""
        super().__init__(return_to)
        self.return_to = return_to
        self.second_factor = second_factor


class OwnProviderRequired(Exception):
    """The tenant requires a sign-in with its own provider; `page` says so and leads there."""

    def __init__(self, page: str) -> None:
        """Take the page, as a path below the issuer's."""
        super().__init__(page)
        self.page = page


class EnrolmentRequired(Exception):
    """The person must set up a second factor first; `page` offers it and then leads back."""

    def __init__(self, page: str) -> None:
        """Take the page, as a path below the issuer's."""
        super().__init__(page)
        self.page = page


class PageError(Exception):
    """A refusal that is shown to a person on a page, and never sent to a client.

    Attributes:
        title: a short summary.
        text: an explanation with the next step for the person.
        status: the HTTP status of the page.
        detail: a text for the logs only.
        retry_after: seconds after which a retry may succeed, or None.
    """

    def __init__(
        self,
        title: str,
        text: str,
        *,
        status: int = 400,
        detail: str = "",
        retry_after: int | None = None,
    ) -> None:
        """Take the texts and the status of the page."""
        super().__init__(title)
        self.title = title
        self.text = text
        self.status = status
        self.detail = detail
        self.retry_after = retry_after
