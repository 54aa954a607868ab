"""Known MCP clients and the requests that they send.

Most shapes were seen on the wire or read in the clients' sources. Parts of the bodies of VS Code,
ChatGPT, opencode and mcp-remote are reconstructed from how these clients are documented to behave.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_CODE_AND_REFRESH = ("authorization_code", "refresh_token")


@dataclass(frozen=True, slots=True)
class KnownClient:
    """One client's requests.

    Attributes:
        name: its common name.
        registration: the body of its registration (RFC 7591).
        callback: the `redirect_uri` of its authorization request; on loopback the port differs from
            the registered one if the client listens on any free port.
        document: the `client_id` it uses if the server supports client metadata documents.
        origin: the origin of its page, if it runs in a browser.
        offline: whether it requests a listed `offline_access`, with `prompt=consent`.
    """

    name: str
    registration: Mapping[str, Any]
    callback: str
    document: str | None = None
    origin: str | None = None
    offline: bool = False


def _body(name: str, *redirect_uris: str, **members: Any) -> Mapping[str, Any]:
    usual = {
        "client_name": name,
        "redirect_uris": list(redirect_uris),
        "grant_types": list(_CODE_AND_REFRESH),
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }
    return {name: value for name, value in {**usual, **members}.items() if value is not None}


CLIENTS: tuple[KnownClient, ...] = (
    KnownClient(
        "VS Code",
        _body(
            "Visual Studio Code",
            "https://insiders.vscode.dev/redirect",
            "https://vscode.dev/redirect",
            "http://127.0.0.1/",
            "http://127.0.0.1:33418/",
            client_uri="https://code.visualstudio.com",
            grant_types=[*_CODE_AND_REFRESH, "urn:ietf:params:oauth:grant-type:device_code"],
            application_type="native",
        ),
        callback="http://127.0.0.1:51763/",
        document="https://vscode.dev/oauth/client-metadata.json",
    ),
    KnownClient(
        "Claude Code",
        _body("Claude Code (gatepost doctor)", "http://localhost:54545/callback"),
        callback="http://localhost:61999/callback",
        document="https://claude.ai/oauth/claude-code-client-metadata",
    ),
    KnownClient(
        "Claude Desktop",
        _body(
            "Claude",
            "https://claude.ai/api/mcp/auth_callback",
            grant_types=[*_CODE_AND_REFRESH, "urn:ietf:params:oauth:grant-type:jwt-bearer"],
        ),
        callback="https://claude.ai/api/mcp/auth_callback",
        document="https://claude.ai/oauth/mcp-oauth-client-metadata",
    ),
    KnownClient(
        "ChatGPT",
        _body("ChatGPT", "https://chatgpt.com/connector_platform_oauth_redirect"),
        callback="https://chatgpt.com/connector_platform_oauth_redirect",
    ),
    KnownClient(
        "Cursor",
        _body("Cursor", "cursor://anysphere.cursor-mcp/oauth/user-gatepost/callback"),
        callback="cursor://anysphere.cursor-mcp/oauth/user-gatepost/callback",
    ),
    KnownClient(
        "MCP Inspector",
        _body(
            "MCP Inspector",
            "http://localhost:6274/oauth/callback",
            client_uri="https://github.com/modelcontextprotocol/inspector",
            application_type="native",
        ),
        callback="http://localhost:6274/oauth/callback",
        origin="http://localhost:6274",
        offline=True,
    ),
    KnownClient(
        "opencode",
        _body(
            "OpenCode",
            "http://127.0.0.1:19876/mcp/oauth/callback",
            client_uri="https://opencode.ai",
        ),
        callback="http://127.0.0.1:19876/mcp/oauth/callback",
        document="https://opencode.ai/oauth/opencode/client.json",
    ),
    KnownClient(
        "mcp-remote",
        _body(
            "MCP CLI Proxy",
            "http://localhost:3334/oauth/callback",
            client_uri="https://github.com/modelcontextprotocol/mcp-cli",
            software_id="2e6dc280-f3c3-4e01-99a7-8181dbd1d23d",
            software_version="0.15.1",
            application_type="native",
        ),
        callback="http://localhost:3334/oauth/callback",
        offline=True,
    ),
    KnownClient(
        "Python SDK",
        _body(
            "Python SDK client",
            "http://localhost:3030/callback",
            application_type="native",
            token_endpoint_auth_method=None,
        ),
        callback="http://localhost:3030/callback",
        offline=True,
    ),
    KnownClient(
        "TypeScript SDK",
        _body("TypeScript SDK client", "http://localhost:8090/callback"),
        callback="http://localhost:8090/callback",
    ),
)
"""The clients in the order of the report."""
