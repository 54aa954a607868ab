"""Serve the fake: `python -m fake_stripe --port 8403 --webhook http://127.0.0.1:8400/billing/stripe`."""

import argparse

import httpx2
import uvicorn

from fake_stripe.account import Account, Destination
from fake_stripe.app import create_app


def main() -> None:
    """Serve one empty account until it is stopped."""
    parser = argparse.ArgumentParser(
        prog="fake_stripe", description="Serve an imitation of Stripe."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8403)
    parser.add_argument("--webhook", help="The URL that is told of events.")
    parser.add_argument("--webhook-secret", default="whsec_fake")
    parser.add_argument("--secret-key", default="sk_test_fake")
    options = parser.parse_args()
    account = Account(url=f"http://{options.host}:{options.port}", secret_key=options.secret_key)
    if options.webhook:
        account.destinations.append(Destination(options.webhook, (options.webhook_secret,)))

    async def post(url: str, body: bytes, headers: dict[str, str]) -> int:
        async with httpx2.AsyncClient(timeout=10, trust_env=False) as http:
            try:
                return (await http.post(url, content=body, headers=headers)).status_code
            except httpx2.HTTPError:
                return 0

    app = create_app(account, post)
    uvicorn.run(app, host=options.host, port=options.port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
