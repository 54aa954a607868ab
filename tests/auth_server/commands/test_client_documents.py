"""`gatepost clients document make | check`: for developers of MCP clients."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from joserfc.jwk import ECKey

from auth_server.client_documents.document import parse_document
from auth_server.commands.clients import documents
from auth_server.outbound.guarded_fetch import Fetched, FetchRefused
from gatepost_cli.main import main

URL = "https://app.example/oauth/client.json"
KEYS = "https://app.example/keys.json"
SOUND = {"client_id": URL, "client_name": "App", "redirect_uris": ["http://127.0.0.1/callback"]}
MAKE = ("make", "--url", URL, "--name", "App", "--redirect-uri", "http://127.0.0.1/callback")


def document(*words: str | Path) -> Result:
    """Run a command about documents."""
    return CliRunner().invoke(main, ["clients", "document", *map(str, words)])


def check_file(folder: Path, value: object) -> Result:
    """Check a document that is not published yet."""
    file = folder / "client.json"
    file.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return document("check", file)


def publish(monkeypatch: pytest.MonkeyPatch, web: Mapping[str, object], kind: str) -> None:
    """Let the guarded fetch find these documents, and no others."""

    async def fetch(url: str) -> Fetched:
        if url not in web:
            raise FetchRefused("status 404")
        return Fetched(json.dumps(web[url]).encode(), kind, "")

    monkeypatch.setattr(documents, "GuardedFetch", lambda **_: fetch)


def public_keys() -> dict[str, Any]:
    """Make the key set of a client that signs its requests."""
    return {"keys": [ECKey.generate_key("P-256").as_dict(private=False)]}


def test_a_document_that_is_made_is_one_that_the_server_reads(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(public_keys()))
    logo = "https://app.example/logo.png"
    made = document(*MAKE, "--logo", logo, "--jwks", keys)
    assert made.exit_code == 0, made.output
    read = parse_document(
        made.stdout.encode(), "application/json", client_id=URL, private_use_schemes=()
    )

    assert (read.name, read.token_endpoint_auth_method) == ("App", "private_key_jwt")
    assert read.jwks is not None
    assert json.loads(made.stdout)["logo_uri"] == logo
    assert check_file(tmp_path, made.stdout.encode()).output.endswith("client.json can be used.\n")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--url", "http://app.example/client.json"), "its client_id must begin with https://"),
        (("--redirect-uri", "http://app.example/"), "redirect_uris[1] http is allowed on"),
        (("--redirect-uri", "app:/callback"), "scheme app is neither https"),
        (("--name", " "), "client_name must be 1 to 100 visible characters"),
        (("--jwks-uri", "http://app.example/keys"), "jwks_uri must be an https URL"),
        (("--jwks", __file__), "--jwks: "),
    ],
)
def test_no_document_is_made_that_the_server_would_refuse(
    words: tuple[str, ...], fault: str
) -> None:
    refused = document(*MAKE, *words)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert fault in refused.stderr


def test_a_scheme_that_a_server_lists_may_be_made_and_checked(tmp_path: Path) -> None:
    made = document(*MAKE, "--redirect-uri", "app:/callback", "--scheme", "app")
    file = tmp_path / "client.json"
    file.write_text(made.stdout)
    assert document("check", file, "--scheme", "app").exit_code == 0
    assert document("check", file).exit_code == 1


def test_every_fault_of_a_document_is_told_at_once_with_its_fix(tmp_path: Path) -> None:
    faulty = {
        "client_id": "https://app.example/",
        "redirect_uris": ["http://app.example/a", "https://app.example/b", "javascript:alert(1)"],
        "post_logout_redirect_uris": ["ftp://app.example/"],
        "token_endpoint_auth_method": "client_secret_basic",
        "client_secret": "s",
        "skip_consent": True,
        "response_types": ["token"],
        "application_type": "desktop",
    }
    refused = check_file(tmp_path, faulty)
    faults = [line for line in refused.stderr.splitlines() if line.startswith("- ")]

    assert (refused.exit_code, refused.stdout) == (1, "")
    for number, words in enumerate(
        [
            "- its client_id must have a path other than /",
            "- its token_endpoint_auth_method 'client_secret_basic' is not supported: it must be none",
            "- it does not have a client_name: add",
            "- redirect_uris[0] http is allowed on localhost",
            "- redirect_uris[2] scheme javascript is neither",
            "- post_logout_redirect_uris[0] scheme ftp is neither",
            "- it contains a secret, which anybody can read: leave out client_secret",
            "- skip_consent can't be set by a registration: leave it out",
            "- response_types must hold code",
            "- application_type must be web or native",
        ]
    ):
        assert faults[number].startswith(words)
    assert len(faults) == 10


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (b"{", ":\n- it is not JSON"),
        (b"[]", ":\n- it is not a JSON object"),
        ({**SOUND, "x": "x" * 20_000}, "is larger than 16384 bytes"),
        ({**SOUND, "token_endpoint_auth_method": "private_key_jwt"}, "needs one of jwks and"),
        (
            {
                **SOUND,
                "token_endpoint_auth_method": "private_key_jwt",
                "jwks": {"keys": [{"kty": "EC", "d": "x"}]},
            },
            "it contains a secret",
        ),
        ({**SOUND, "redirect_uris": []}, "redirect_uris must be a list of 1 to 100 URIs"),
    ],
)
def test_a_file_is_checked_as_if_it_were_published(
    tmp_path: Path, value: object, fault: str
) -> None:
    refused = check_file(tmp_path, value)
    assert (refused.exit_code, fault in refused.stderr) == (1, True), refused.output


def test_a_published_document_is_read_with_the_keys_that_it_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signs = {**SOUND, "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": KEYS}

    def check(web: Mapping[str, object], kind: str = "application/json") -> str:
        publish(monkeypatch, web, kind)
        done = document("check", URL)
        assert done.exit_code == (not done.stdout)
        return done.output

    assert check({URL: signs, KEYS: public_keys()}) == f"{URL} can be used.\n"
    assert "its jwks_uri was not read (status 404): it must be at a public" in check({URL: signs})
    assert "its jwks_uri must contain a signing key" in check({URL: signs, KEYS: {"keys": []}})
    assert "it was not read (status 404): it must be at a public address" in check({})
    assert "its content type is not JSON: serve it" in check({URL: SOUND}, kind="text/html")
    assert "its client_id is not the URL" in check({URL: {**SOUND, "client_id": f"{URL}x"}})


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("http://app.example/client.json",), 1, "the URL must begin with https://"),
        (("https://10.0.0.1/client.json",), 1, "the URL must name a public host"),
        (("https://localhost:1/client.json", "--loopback"), 1, "it was not read (the connection"),
        (("client.json",), 2, "URL-OR-FILE: client.json is no URL, and no file"),
    ],
)
def test_what_can_t_be_read_is_told(words: tuple[str, ...], code: int, said: str) -> None:
    refused = document("check", *words)
    assert (refused.exit_code, said in refused.stderr) == (code, True), refused.output
