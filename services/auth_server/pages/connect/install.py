"""Write the links, commands and files that add a gateway to each MCP client."""

import base64
import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit


@dataclass(frozen=True, slots=True)
class Install:
    """The ways to add one gateway to MCP clients.

    `name` is its name in clients, of lower-case letters, digits and `-`.
    """

    name: str
    title: str
    url: str

    @property
    def cursor_link(self) -> str:
        """A link that opens Cursor, with `{"url": …}` as base64 JSON."""
        config = base64.b64encode(_compact({"url": self.url}).encode()).decode()
        query = urlencode({"name": self.name, "config": config}, quote_via=quote)
        return f"cursor://anysphere.cursor-deeplink/mcp/install?{query}"

    @property
    def vscode_link(self) -> str:
        """A link that opens Visual Studio Code."""
        return f"vscode:mcp/install?{quote(_compact(self._vscode), safe='')}"

    @property
    def vscode_insiders_link(self) -> str:
        """A link that opens the Insiders build of Visual Studio Code."""
        return f"vscode-insiders:{self.vscode_link.partition(':')[2]}"

    @property
    def claude_link(self) -> str:
        """A link that opens claude.ai with the connector's name and URL filled in."""
        query = urlencode(
            {
                "modal": "add-custom-connector",
                "connectorName": self.title,
                "connectorUrl": self.url,
            },
            quote_via=quote,
            safe="",
        )
        return f"https://claude.ai/customize/connectors?{query}"

    @property
    def vscode_command(self) -> str:
        """A command that adds the gateway to Visual Studio Code."""
        return _command("code", "--add-mcp", _compact(self._vscode))

    @property
    def claude_code_command(self) -> str:
        """A command that adds the gateway to Claude Code, in every folder."""
        options = ("--scope", "user", "--transport", "http")
        return _command("claude", "mcp", "add", *options, self.name, self.url)

    @property
    def codex_commands(self) -> str:
        """The commands that add the gateway to Codex and sign in."""
        add = _command("codex", "mcp", "add", self.name, "--url", self.url)
        return f"{add}\n{_command('codex', 'mcp', 'login', self.name)}"

    @property
    def gemini_command(self) -> str:
        """A command that adds the gateway to Gemini CLI, in every folder."""
        options = ("--scope", "user", "--transport", "http")
        return _command("gemini", "mcp", "add", *options, self.name, self.url)

    @property
    def inspector_command(self) -> str:
        """A command that opens the gateway in the MCP Inspector."""
        package = "@modelcontextprotocol/inspector"
        return _command("npx", package, "--transport", "http", "--server-url", self.url)

    @property
    def gatepost_command(self) -> str:
        """A command that connects from a terminal, lists the tools and calls one."""
        return _command("gatepost", "connect", self.url)

    @property
    def json_config(self) -> str:
        """The configuration file that most other clients read."""
        return json.dumps({"mcpServers": {self.name: {"type": "http", "url": self.url}}}, indent=2)

    @property
    def _vscode(self) -> dict[str, str]:
        return {"name": self.name, "type": "http", "url": self.url}


def describe_installs(services: Iterable[tuple[str, str]]) -> list[Install]:
    """Describe how to connect each resource, under unique names.

    Args:
        services: the title, if known or else empty, and the URL of each resource.
    """
    installs: list[Install] = []
    for title, url in services:
        title = title or (urlsplit(url).hostname or "")
        slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40].strip("-") or "mcp"
        taken = {install.name for install in installs}
        name = next(n for n in _names(slug, len(installs) + 1) if n not in taken)
        installs.append(Install(name, title, url))
    return installs


def _names(slug: str, most: int) -> list[str]:
    return [slug, *(f"{slug}-{number}" for number in range(2, most + 2))]


def _compact(value: dict[str, str]) -> str:
    return json.dumps(value, separators=(",", ":"))


def _command(*parts: str) -> str:
    return shlex.join(parts)
