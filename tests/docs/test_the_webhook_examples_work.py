"""The receivers and the events in `docs/webhooks.md` are right."""

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from auth_server.keys import make_keys
from auth_server.records.webhooks.table import WebhookEndpoint
from auth_server.webhooks.event_types import EVENT_TYPES, TEST
from auth_server.webhooks.secrets import make_signing_secret, seal_signing_secret, sign_message
from support.markdown import ROOT, fences, read, section

GUIDE = read("docs/webhooks.md")
NODE = ROOT / "tests/node/node_modules/.bin/node"
KEYS = make_keys("for-tests-only-0123456789abcdef0123456789")
SECRET = make_signing_secret("a secret of a test")
BODY = '{"type":"webhook.test","data":{"name":"Zoë"}}'


def example(heading: str, language: str) -> str:
    """The code below a heading."""
    found = re.search(rf"```{language}\n(.*?)```", section(GUIDE, heading), re.DOTALL)
    assert found is not None
    return found[1]


def in_python(requests: list[tuple[dict[str, str], str]], _: Path) -> list[int]:
    """Call the Python example."""
    code: dict[str, Any] = {}
    exec(example("### Python", "python"), code)  # noqa: S102 - the guide's own code
    return [code["receive"](headers, body, SECRET) for headers, body in requests]


def in_node(requests: list[tuple[dict[str, str], str]], folder: Path) -> list[int]:
    """Call the Node example."""
    call = (
        "\nconst [requests, secret] = JSON.parse(process.argv.at(-1));\n"
        "console.log = () => {};\n"
        "const statuses = requests.map(([headers, body]) => receive(headers, body, secret));\n"
        "process.stdout.write(JSON.stringify(statuses));\n"
    )
    source = folder / "receive.mjs"
    source.write_text(example("### Node", "javascript") + call)
    done = subprocess.run(
        [str(NODE), str(source), json.dumps([requests, SECRET])],
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[int] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("receive", [in_python, in_node])
def test_the_example_takes_what_the_server_signs_and_nothing_else(
    receive: Any, tmp_path: Path
) -> None:
    endpoint = WebhookEndpoint(
        endpoint_id="endpoint_1",
        url="https://hooks.example",
        types=[],
        sealed_secret=seal_signing_secret(SECRET, "endpoint_1", KEYS),
        created_at=datetime.now(UTC),
    )
    now = datetime.now(UTC)
    good = dict(sign_message(endpoint, "msg_1", BODY, KEYS, now=now))
    old = dict(sign_message(endpoint, "msg_1", BODY, KEYS, now=datetime.fromtimestamp(10**9, UTC)))
    statuses = receive(
        [
            (good, BODY),
            (good, BODY),
            (good, BODY + " "),
            (old, BODY),
            ({**good, "webhook-id": "msg_2"}, BODY),
            ({**good, "webhook-signature": "v1,AAAA v2," + good["webhook-signature"][3:]}, BODY),
            ({**good, "webhook-timestamp": "soon"}, BODY),
        ],
        tmp_path,
    )

    assert statuses == [204, 204, 401, 401, 401, 401, 401]


def test_every_type_of_event_has_an_example_with_the_members_that_are_sent() -> None:
    shown = {}
    for heading in re.findall(r"^### `([a-z_.]+)`$", GUIDE, re.MULTILINE):
        [text] = fences(section(GUIDE, f"### `{heading}`"), "json")
        shown[heading] = json.loads(text)
        assert shown[heading]["type"] == heading
    assert list(shown) == [*(kind.name for kind in EVENT_TYPES), TEST]
    for kind in EVENT_TYPES:
        if kind.entry is not None:
            assert list(shown[kind.name]["data"]) == [*kind.ids, *kind.detail]
