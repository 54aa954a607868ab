"""Serve the imitation: `python -m fake_provider --port 8404 --setup FILE`."""

import argparse
import json
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from fake_provider.app import create_app
from fake_provider.directory import App, Directory, Employee


def read_directory(issuer: str, setup: dict[str, Any]) -> Directory:
    """Make a directory of the people and apps in a JSON document."""
    return Directory(
        issuer=issuer,
        people={one["subject"]: Employee(**one) for one in setup["people"]},
        apps={
            one["client_id"]: App(**{**one, "redirect_uris": tuple(one.get("redirect_uris", ()))})
            for one in setup["apps"]
        },
    )


async def post(url: str, form: dict[str, str]) -> int:
    """Post a form; return the status, or 0 without an answer."""
    async with httpx2.AsyncClient(timeout=10, trust_env=False) as http:
        try:
            return (await http.post(url, data=form)).status_code
        except httpx2.HTTPError:
            return 0


def main() -> None:
    """Serve one directory until it is stopped."""
    parser = argparse.ArgumentParser(
        prog="fake_provider", description="Serve an imitation of a customer's identity provider."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8404)
    parser.add_argument("--setup", type=Path, required=True, help="A JSON file: people and apps.")
    options = parser.parse_args()
    issuer = f"http://{options.host}:{options.port}"
    directory = read_directory(issuer, json.loads(options.setup.read_text()))
    app = create_app(directory, post)
    uvicorn.run(app, host=options.host, port=options.port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
