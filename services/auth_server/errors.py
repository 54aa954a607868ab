"""Refusals as classes: the wire code, what the client may read, what only the logs read."""

from typing import ClassVar


class OAuthError(Exception):
    """A refusal in the words of RFC 6749.

    Attributes:
        code: the `error` value on the wire.
        status: HTTP status where it is answered as JSON.
        description: for the client's developer; never holds a secret or says who exists.
        detail: for the logs.
    """

    code: ClassVar[str] = "server_error"
    status: ClassVar[int] = 400

    def __init__(self, description: str, *, detail: str = "") -> None:
        """Refuse, saying why."""
        super().__init__(f"{self.code}: {description}")
        self.description = description
        self.detail = detail


class InvalidRequest(OAuthError):
    """A parameter is missing, repeated or malformed (RFC 6749 §4.1.2.1, §5.2)."""

    code = "invalid_request"


class InvalidClient(OAuthError):
    """The client is unknown or did not authenticate (RFC 6749 §5.2)."""

    code = "invalid_client"
    status = 401


class InvalidGrant(OAuthError):
    """The code or refresh token does not serve (RFC 6749 §5.2)."""

    code = "invalid_grant"


class InvalidScope(OAuthError):
    """Nothing of the asked scope can be granted (RFC 6749 §4.1.2.1, §5.2)."""

    code = "invalid_scope"


class InvalidTarget(OAuthError):
    """The resource is not one that tokens are issued for here (RFC 8707 §2)."""

    code = "invalid_target"


class UnauthorizedClient(OAuthError):
    """The client may not use this grant type (RFC 6749 §5.2)."""

    code = "unauthorized_client"


class UnsupportedGrantType(OAuthError):
    """The grant type is not served (RFC 6749 §5.2)."""

    code = "unsupported_grant_type"


class UnsupportedResponseType(OAuthError):
    """Only `code` is served (RFC 6749 §4.1.2.1)."""

    code = "unsupported_response_type"


class AccessDenied(OAuthError):
    """The person, or a rule, said no (RFC 6749 §4.1.2.1)."""

    code = "access_denied"


class ConsentRequired(OAuthError):
    """`prompt=none` and a person has to be asked (OpenID Connect Core §3.1.2.6)."""

    code = "consent_required"


class RequestNotSupported(OAuthError):
    """Request objects are not served (OpenID Connect Core §3.1.2.6)."""

    code = "request_not_supported"


class RequestUriNotSupported(OAuthError):
    """Request objects by reference are not served (OpenID Connect Core §3.1.2.6)."""

    code = "request_uri_not_supported"


class InvalidRedirectUri(OAuthError):
    """A redirect URI can't be registered (RFC 7591 §3.2.2)."""

    code = "invalid_redirect_uri"


class InvalidClientMetadata(OAuthError):
    """A member of a registration can't be accepted (RFC 7591 §3.2.2)."""

    code = "invalid_client_metadata"


class TemporarilyUnavailable(OAuthError):
    """A part this answer needs is down; try again (RFC 6749 §4.1.2.1)."""

    code = "temporarily_unavailable"
    status = 503
    retry_after = 5
    """Seconds."""


class TooManyRequests(TemporarilyUnavailable):
    """Whoever asks has asked too often (RFC 6585 §4); RFC 6749 has no word for it but this."""

    status = 429

    def __init__(self, description: str, *, retry_after: int) -> None:
        """Refuse, saying after how many seconds to try again."""
        super().__init__(description)
        self.retry_after = retry_after


class InvalidToken(OAuthError):
    """The bearer token is missing or does not serve here (RFC 6750 §3.1)."""

    code = "invalid_token"
    status = 401


class SignInRequired(Exception):
    """Nobody is signed in; `return_to` is the path of ours that they wanted."""

    def __init__(self, return_to: str) -> None:
        """Ask for a sign-in that leads back there."""
        super().__init__(return_to)
        self.return_to = return_to


class PageError(Exception):
    """A refusal that a person reads on a page of ours, never sent on to a client.

    Attributes:
        title: what happened, in a few words.
        text: what it means and what to do.
        status: the HTTP status of the page.
        retry_after: after how many seconds it may be tried again, where that would help.
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
        """Refuse on a page, saying why."""
        super().__init__(title)
        self.title = title
        self.text = text
        self.status = status
        self.detail = detail
        self.retry_after = retry_after
