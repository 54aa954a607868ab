"""A client's certificate, as a proxy that has verified it passes it on."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from support.in_process.tokens import encode


class ClientCertificate:
    """A certificate that signs itself."""

    def __init__(self) -> None:
        """Make a key and its certificate."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "agent")])
        builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
        self._certificate = builder.sign(key, SHA256())

    @property
    def pem(self) -> str:
        """The certificate as a file has it."""
        return self._certificate.public_bytes(Encoding.PEM).decode()

    @property
    def header(self) -> str:
        """The certificate in base64, without line ends."""
        return base64.b64encode(self._certificate.public_bytes(Encoding.DER)).decode()

    @property
    def thumbprint(self) -> str:
        """Its `x5t#S256` (RFC 8705 §3.1)."""
        return encode(hashlib.sha256(self._certificate.public_bytes(Encoding.DER)).digest())
