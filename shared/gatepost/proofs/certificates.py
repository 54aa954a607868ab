"""Client certificates that a proxy has verified and passes on in a header (RFC 8705 §3, RFC 9440)."""

import base64
import binascii
import hashlib
import re
from urllib.parse import unquote

_ARMOUR = re.compile(r"-----(?:BEGIN|END) CERTIFICATE-----|\s")
_LONGEST = 16_384


class UnreadableCertificate(ValueError):
    """The header does not hold one certificate; the message is safe in a header."""


def thumbprint_of(header: str) -> str:
    """Return the `x5t#S256` of a certificate (RFC 8705 §3.1).

    The value may be base64 between colons (RFC 9440), base64 alone, or PEM, with or without percent
    encoding: proxies differ.

    Raises:
        UnreadableCertificate: the value is none of these.
    """
    text = _ARMOUR.sub("", unquote(header)).strip(":") if len(header) <= _LONGEST else ""
    try:
        der = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        der = b""
    # A certificate is a DER sequence. The proxy has verified everything else.
    if der[:1] != b"\x30":
        raise UnreadableCertificate("the header of the proxy does not hold one client certificate")
    digest = hashlib.sha256(der).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
