"""A team that publishes its gateway: a folder with all that it takes, in which to run `gatepost publish`."""

import json
import shutil
import struct
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from mcp_gateway.publishing.command import publish
from support.in_process.gateway import API
from support.processes.configuration import write_config

RESOURCE = "https://mcp.orbit.example.com/mcp"
LISTING: dict[str, Any] = {
    "name": "com.example.orbit/tracker",
    "version": "1.2.0",
    "title": "Tracker",
    "description": "Find and plan the tasks of your organisation.",
    "subtitle": "Find and plan tasks",
    "about": "Tracker shows the tasks of your organisation to an assistant, which may add some.",
    "category": "PRODUCTIVITY",
    "company": "Orbit Inc.",
    "contact": "mcp@orbit.example.com",
    "website": "https://orbit.example.com",
    "documentation": "https://orbit.example.com/docs/mcp",
    "privacy_policy": "https://orbit.example.com/privacy",
    "terms_of_service": "https://orbit.example.com/terms",
    "support": "help@orbit.example.com",
    "logo": {"file": "logo.png", "url": "https://orbit.example.com/logo.png"},
    "openai_challenge": "token-of-the-form",
    "test_account": {
        "user": "reviewer@orbit.example.com",
        "sign_in": "Open the link and enter the password of the form.",
        "data": "An organisation with 40 tasks in three teams.",
    },
    "examples": [
        {"prompt": prompt, "tools": [tool], "expected": "What was asked for."}
        for prompt, tool in (
            ("Which tasks are open?", "list_tasks"),
            ("What does my team do this week?", "list_team_tasks"),
            ("Show task 7.", "get_task"),
            ("Add a task to call Northwind.", "create_task"),
            ("Delete task 7.", "delete_task"),
        )
    ],
    "negative_examples": [
        {"prompt": prompt, "expected": "The server is not called."}
        for prompt in ("What's the weather?", "Translate this.", "Who are you?")
    ],
}


def png(width: int, height: int) -> bytes:
    """Make the beginning of a picture, which is all that is read."""
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\x08\2\0\0\0"


class Publisher:
    """The files of a team that publishes its gateway."""

    def __init__(self, path: Path) -> None:
        """Copy the manifest of the gateway's tests into a folder."""
        self.path = path
        self.listing: dict[str, Any] = json.loads(json.dumps(LISTING))
        self.settings: dict[str, Any] = {
            "resource": RESOURCE,
            "issuer": "https://auth.orbit.example.com",
            "manifest": "tools.yaml",
            "upstream_url": "https://api.orbit.example.com",
            "signing_key": "gateway.pem",
            "published": "public",
        }
        for name in ("tools.yaml", "openapi.yaml"):
            shutil.copy(API / name, path / name)
        (path / "logo.png").write_bytes(png(512, 512))

    def run(self, *arguments: str) -> Result:
        """Write the current listing and settings, and run the command."""
        if self.listing:
            (self.path / "publish.yaml").write_text(json.dumps(self.listing))
        config = write_config(self.path, mcp_gateway=self.settings)
        result = CliRunner().invoke(publish, [*arguments, "--config", str(config)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    def found(self, directory: str) -> list[dict[str, str]]:
        """Check for a directory, and return what was found."""
        result = self.run("--check", directory, "--json")
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        assert result.exit_code == bool(lines), result.output
        return lines

    def change(self, before: str, after: str, name: str = "tools.yaml") -> None:
        """Replace a text of the manifest or its document."""
        file = self.path / name
        text = file.read_text()
        assert before in text
        file.write_text(text.replace(before, after, 1))

    def read(self, name: str) -> Any:
        """Read a JSON document of the written package."""
        return json.loads((self.path / "public" / name).read_text())
