"""Require that a caller has the key to which its token is bound (RFC 9449 §7, RFC 8705 §3)."""

from collections.abc import Callable

from gatepost.claims import AccessClaims, Confirmation
from gatepost.clock import Now
from gatepost.proofs.certificates import UnreadableCertificate, thumbprint_of
from gatepost.proofs.dpop import HEADER, InvalidProof, Proof, verify_proof
from gatepost.proofs.nonces import RENEWED, Nonces
from mcp_gateway.auth.challenge import Scheme
from mcp_gateway.possession.used_proofs import UsedProofs

_HEADER = HEADER.encode()
ReadHeader = Callable[[bytes], bytes | None]
"""Returns the value of a header that came once, by its name in lower case, or None."""


class NotProven(Exception):
    """The caller did not prove possession; the message is safe in a header.

    Attributes:
        error: the error code (RFC 6750 §3.1, RFC 9449 §12.2).
        scheme: the scheme with which the token must be sent.
        nonce: the nonce for the next proof, if the proof lacked one.
    """

    def __init__(
        self, error: str, description: str, *, scheme: Scheme = "DPoP", nonce: str | None = None
    ) -> None:
        """Take what the attributes say."""
        super().__init__(description)
        self.error = error
        self.scheme = scheme
        self.nonce = nonce


class Possession:
    """Checks that a caller has the key or the certificate of its token."""

    def __init__(
        self, *, used: UsedProofs, nonces: Nonces | None, certificate_header: str, now: Now
    ) -> None:
        """Take what proofs are compared with.

        Args:
            used: remembers the used proofs.
            nonces: makes and recognises nonces, if proofs need one.
            certificate_header: the header in which a proxy passes on the certificate of a connection;
                empty if there is none.
            now: the clock.
        """
        self._used = used
        self._nonces = nonces
        self._certificate_header = certificate_header.lower().encode()
        self._now = now

    async def require(
        self, caller: AccessClaims, token: bytes, *, scheme: bytes, method: str, read: ReadHeader
    ) -> str | None:
        """Check the proof or the certificate that comes with a token; one that is not bound needs none.

        Args:
            caller: the claims of the token, which has been verified.
            token: the token.
            scheme: the scheme with which it came, in lower case.
            method: the request's method.
            read: reads the request's headers.

        Returns:
            The nonce for the client's next proof, if it needs another one.

        Raises:
            NotProven: the proof or certificate is missing, not valid, or of another key.
            TooManyProofs: no proof can be accepted at the moment.
        """
        bound = caller.confirmation
        if bound is not None and bound.method == "jkt":
            if scheme != b"dpop":
                raise NotProven(
                    "invalid_token",
                    "the token is bound to a key; send it with the scheme DPoP and a proof",
                )
            return await self._require_proof(caller, bound, token, method, read(_HEADER))
        if scheme != b"bearer":
            raise _as_bearer("the token is not bound to a key of DPoP; send it as a Bearer token")
        if bound is not None:
            name = self._certificate_header
            self._require_certificate(bound, read(name) if name else None)
        return None

    async def _require_proof(
        self,
        caller: AccessClaims,
        bound: Confirmation,
        token: bytes,
        method: str,
        given: bytes | None,
    ) -> str | None:
        if given is None:
            raise NotProven("invalid_dpop_proof", "send one proof in the header DPoP")
        try:
            # The audience is the URL at which the request came, as it is configured.
            proof = verify_proof(
                given,
                method=method,
                url=caller.aud,
                now=self._now().timestamp(),
                access_token=token,
            )
        except InvalidProof as problem:
            raise NotProven("invalid_dpop_proof", str(problem)) from None
        if proof.thumbprint != bound.thumbprint:
            raise NotProven(
                "invalid_token", "the token is bound to another key than that of the proof"
            )
        next_nonce = None if self._nonces is None else self._require_nonce(proof, self._nonces)
        if not await self._used.use(proof):
            raise NotProven(
                "invalid_dpop_proof", "the proof was used before; make a new one for each request"
            )
        return next_nonce

    def _require_nonce(self, proof: Proof, nonces: Nonces) -> str | None:
        age = None if proof.nonce is None else nonces.age(proof.nonce)
        if age is None:
            said = "make the proof with the nonce in the header DPoP-Nonce"
            raise NotProven("use_dpop_nonce", said, nonce=nonces.make())
        return nonces.make() if age >= RENEWED else None

    def _require_certificate(self, bound: Confirmation, given: bytes | None) -> None:
        if not given:
            raise _as_bearer(
                "the token is bound to a client certificate; connect with that certificate"
            )
        try:
            thumbprint = thumbprint_of(given.decode("latin-1"))
        except UnreadableCertificate as problem:
            raise _as_bearer(str(problem)) from None
        if thumbprint != bound.thumbprint:
            raise _as_bearer("the token is bound to another client certificate")


def _as_bearer(description: str) -> NotProven:
    return NotProven("invalid_token", description, scheme="Bearer")
