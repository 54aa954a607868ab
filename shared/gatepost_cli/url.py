"""The type of arguments and options that are URLs of servers."""

from urllib.parse import urlsplit

import click


class Url(click.ParamType[str]):
    """An http or https URL with a host; anything else ends with exit code 2, and names the argument."""

    name = "url"

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
        return value


URL = Url()
