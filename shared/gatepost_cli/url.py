"""The type of arguments and options that are URLs of servers."""

from urllib.parse import urlsplit

import click

from gatepost.settings import LOOPBACK_HOSTS


class Url(click.ParamType[str]):
    """An http or https URL with a host; anything else ends with exit code 2, and names the argument.

    With `gets_tokens`, http is for loopback hosts alone: nobody on the way may read what is sent.
    """

    name = "url"

    def __init__(self, *, gets_tokens: bool = False) -> None:
        """Tell whether a person's tokens or keys are sent there."""
        self._gets_tokens = gets_tokens

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the URL."""
        try:
            place = urlsplit(value)
            known = place.scheme in {"http", "https"} and place.hostname and place.port != 0
        except ValueError:
            known = False
        if not known or not value.isprintable() or " " in value:
            self.fail(
                f"{value!r} is not an http or https URL, such as https://mcp.example.com/mcp",
                param,
                ctx,
            )
        if self._gets_tokens and place.scheme == "http" and place.hostname not in LOOPBACK_HOSTS:
            self.fail(
                f"{value!r} is not encrypted, so others could read the tokens; use https (http is "
                "allowed only on 127.0.0.1, localhost and [::1])",
                param,
                ctx,
            )
        return value


URL = Url()
GATEWAY = Url(gets_tokens=True)
"""The URL of a gateway."""
