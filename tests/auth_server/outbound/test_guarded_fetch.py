"""The guarded fetch, against real servers and hostile name servers."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from auth_server.outbound import guarded_fetch as fetching
from auth_server.outbound.guarded_fetch import LIMIT, FetchRefused, GuardedFetch
from gatepost.network.public_address import is_public_address

HOST = "app.example"
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for `app.example`, its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "app.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + built.public_bytes(serialization.Encoding.PEM)
    )
    return path


def http(status: str = "200 OK", body: bytes = b"{}", headers: str = "") -> Answer:
    """Answer every request alike."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    return answer


class Site:
    """A TLS server on loopback that believes it is `app.example`."""

    def __init__(self, port: int, tls: ssl.SSLContext) -> None:
        """Take the port and the certificate authority that a client has to trust."""
        self.port = port
        self.tls = tls
        self.resolved: list[str] = []

    def fetch(self, *answers: list[str]) -> GuardedFetch:
        """Make a fetch whose name server gives these answers, one after the other."""
        remaining = list(answers)

        async def resolve(host: str, port: int) -> list[str]:
            self.resolved.append(host)
            return remaining.pop(0) if len(remaining) > 1 else remaining[0]

        return GuardedFetch(resolve=resolve, tls=self.tls, allow_loopback=True)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"https://{HOST}:{self.port}/client.json"


@asynccontextmanager
async def site(certificate: Path, answer: Answer) -> AsyncIterator[Site]:
    """Serve."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_tls.load_cert_chain(certificate)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_tls)
    async with server:
        trust = ssl.create_default_context(cafile=str(certificate))
        yield Site(server.sockets[0].getsockname()[1], trust)


async def test_a_document_is_fetched_from_the_address_that_was_checked(certificate: Path) -> None:
    """The name is resolved once; certificate and Host are the name's."""
    async with site(certificate, http(body=b'{"a": 1}', headers="Cache-Control: x\r\n")) as app:
        answer = await app.fetch(["127.0.0.1"])(app.url)

    assert (answer.body, answer.cache_control) == (b'{"a": 1}', "x")
    assert app.resolved == [HOST]


async def test_a_name_that_answers_differently_the_second_time_is_not_asked_twice_a73(
    certificate: Path,
) -> None:
    """A73: DNS rebinding."""
    async with site(certificate, http()) as app:
        await app.fetch(["127.0.0.1"], ["10.0.0.1"])(app.url)

    assert app.resolved == [HOST]


async def test_one_private_answer_among_public_ones_ends_it_a72(certificate: Path) -> None:
    """A72: every answer must be public."""
    async with site(certificate, http()) as app:
        for addresses in (["1.1.1.1", "10.0.0.1"], ["169.254.169.254"], []):
            with pytest.raises(FetchRefused):
                await app.fetch(addresses)(app.url)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_not_followed_a74(certificate: Path, status: str) -> None:
    """A74: a server can redirect to any address."""
    answer = http(status, headers="Location: https://127.0.0.1/\r\n")
    async with site(certificate, answer) as app:
        with pytest.raises(FetchRefused, match="status 30"):
            await app.fetch(["127.0.0.1"])(app.url)


@pytest.mark.parametrize("status", ["204 No Content", "404 Not Found", "500 Oops"])
async def test_only_status_200_is_a_document(certificate: Path, status: str) -> None:
    """Every other status is a failure."""
    async with site(certificate, http(status)) as app:
        with pytest.raises(FetchRefused):
            await app.fetch(["127.0.0.1"])(app.url)


async def test_a_large_document_is_read_up_to_the_limit_and_no_further_a76(
    certificate: Path,
) -> None:
    """A76: five kilobytes."""
    async with site(certificate, http(body=b"x" * LIMIT)) as app:
        assert len((await app.fetch(["127.0.0.1"])(app.url)).body) == LIMIT
    async with site(certificate, http(body=b"x" * (LIMIT + 1))) as app:
        with pytest.raises(FetchRefused, match="larger"):
            await app.fetch(["127.0.0.1"])(app.url)


async def test_a_server_that_never_finishes_is_given_up_a76(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A76: one deadline for everything, headers and body."""
    monkeypatch.setattr(fetching, "DEADLINE", 0.2)
    held = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")
        await writer.drain()
        await held.wait()

    async with site(certificate, drip) as app:
        with pytest.raises(FetchRefused, match="within"):
            await app.fetch(["127.0.0.1"])(app.url)
        held.set()


async def test_a_certificate_of_another_name_is_refused(certificate: Path) -> None:
    """The address is checked, but the name decides."""
    async with site(certificate, http()) as app:
        with pytest.raises(FetchRefused, match="connection failed"):
            await app.fetch(["127.0.0.1"])(app.url.replace(HOST, "other.example"))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - an address to refuse
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.31.196.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2620:4f:8000::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "2606:4700::5efe:7f00:1",
        "localhost",
        "",
    ],
)
def test_an_address_that_is_not_public_is_known_as_such_a72(address: str) -> None:
    """A72: also where an IPv6 address carries an IPv4 one."""
    assert not is_public_address(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450:4001::1"]
)
def test_a_public_address_is_known_as_such(address: str) -> None:
    """Public addresses stay reachable."""
    assert is_public_address(address)
