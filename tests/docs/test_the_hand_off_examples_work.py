"""The code that `docs/sign-in.md` gives to products signs people in, in each language."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from auth_server.sign_in_settings import ClaimMapping
from support.in_process.auth_server import running_auth_server
from support.in_process.clock import Clock
from support.in_process.providers import PRODUCT, Product
from support.markdown import ROOT, read, section

GUIDE = read("docs/sign-in.md")
NODE = ROOT / "tests/node/node_modules/.bin/node"
LANGUAGES = {"### Python": "python", "### Node": "javascript", "### PHP": "php"}


def example(heading: str) -> str:
    """The code below a heading, for the server and the page of this test."""
    found = re.search(rf"```{LANGUAGES[heading]}\n(.*?)```", section(GUIDE, heading), re.DOTALL)
    assert found is not None
    return (
        found[1]
        .replace("https://auth.example.com", "http://127.0.0.1:8400")
        .replace("https://app.example.com", PRODUCT)
        .replace("/connect-agent", "/connect")
    )


def in_python(request: str, person: dict[str, Any], key: str, jwks: dict[str, Any]) -> str:
    """Call the Python example."""
    code: dict[str, Any] = {}
    exec(example("### Python"), code)  # noqa: S102 - the guide's own code

    def find(token: str) -> Any:
        return jwt.PyJWKSet.from_dict(jwks)[jwt.get_unverified_header(token)["kid"]]

    code["KEYS"] = SimpleNamespace(get_signing_key_from_jwt=find)
    return str(code["hand_over"](request, person, key))


def in_node(request: str, person: dict[str, Any], key: str, jwks: dict[str, Any]) -> str:
    """Call the Node example."""
    call = (
        f"globalThis.fetch = async () => ({{ json: async () => ({json.dumps(jwks)}) }});\n"
        "const [request, person, key] = JSON.parse(process.argv.at(-1));\n"
        "process.stdout.write(await handOver(request, person, key));\n"
    )
    source = example("### Node").replace("export async", "async") + call
    given = json.dumps([request, person, key])
    done = subprocess.run(
        [str(NODE), "--input-type=module", "-e", source, given],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("language", [in_python, in_node])
async def test_the_example_signs_a_person_in_and_refuses_a_foreign_request(
    language: Any, tmp_path: Path, seeded_sqlite: Path, clock: Clock
) -> None:
    product = Product(clock)
    entry = product.settings(
        login_url=f"{PRODUCT}/connect", claims=ClaimMapping(tenants="organisations")
    )
    pem = product.key.pem
    now = int(clock().timestamp())
    dee = {
        "id": "usr_dee",
        "name": "Dee",
        "email": "dee@acme.example",
        "signed_in_at": now,
        "organisations": [{"id": "org_acme", "name": "Acme"}],
    }
    url = f"sqlite+aiosqlite:///{tmp_path}/gatepost.db"
    shutil.copy(seeded_sqlite, tmp_path / "gatepost.db")
    async with running_auth_server(url, clock, sign_in=(entry,)) as server:
        client, person = await server.client(), server.person()
        page = await person.open(client.authorize_url())
        away = await person.http.get(page.moves_on_to or "")
        request = parse_qs(urlsplit(away.headers["location"]).query)["request"][0]
        jwks = (await server.http.get("/jwks.json")).json()

        back = language(request, dee, pem, jwks)
        consent = await person.open(back)
        forged = product.key.sign({"return_to": "https://evil.example"}, typ="at+jwt")
        with pytest.raises((PermissionError, subprocess.CalledProcessError)):
            language(forged, dee, pem, jwks)

    assert "dee@acme.example" in consent.text
    assert urlsplit(consent.url).path == "/consent"


def test_each_language_says_the_same() -> None:
    claims = {
        heading: set(re.findall(r"[\"' ](\w+)[\"']?\s*(?:=>|:)", example(heading)))
        for heading in LANGUAGES
    }
    needed = {"iss", "aud", "iat", "exp", "auth_time", "sub", "name", "email", "typ"}
    for heading, said in claims.items():
        assert needed | {"nonce", "email_verified", "organisations"} <= said, heading
