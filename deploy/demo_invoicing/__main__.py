"""Serve the demo's second API: `python -m demo_invoicing --port 8404`; or write its files for a gateway."""

import argparse
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from demo_invoicing.app import create_app
from demo_invoicing.database import prepare_database
from demo_invoicing.settings import Settings

FILES = ("openapi.yaml", "tools.yaml")
"""The API's document, and the reviewed manifest of the tools that agents may use."""


def main() -> None:
    """Serve until stopped, or write the files and end."""
    parser = argparse.ArgumentParser(
        prog="demo_invoicing", description="Serve Orbit Invoicing, the second API of the demo."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8404)
    parser.add_argument("--database", type=Path, default=Path("invoicing.sqlite"))
    parser.add_argument("--public-url", help="Base URL that callers use.")
    parser.add_argument("--gatepost-issuer", default="http://127.0.0.1:8401/mcp")
    parser.add_argument(
        "--gatepost-jwks-url", default="http://127.0.0.1:8401/.well-known/jwks.json"
    )
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="Write the files, and end.")
    options = parser.parse_args()
    if options.write is not None:
        options.write.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            shutil.copyfile(Path(__file__).with_name(name), options.write / name)
        return
    key = os.environ.get("INVOICING_API_KEY", "")
    if not key:
        parser.error("set INVOICING_API_KEY, the key that callers send in X-Api-Key")
    prepare_database(options.database, today=datetime.now(UTC).date())
    settings = Settings(
        database=options.database,
        public_url=options.public_url or f"http://{options.host}:{options.port}",
        gatepost_issuer=options.gatepost_issuer,
        gatepost_jwks_url=options.gatepost_jwks_url,
        api_key=key,
    )
    uvicorn.run(create_app(settings), host=options.host, port=options.port, server_header=False)


if __name__ == "__main__":
    main()
