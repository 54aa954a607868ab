"""`python -m support.browsers.browser URL`: a browser for a command to open, in which Ada approves."""

import asyncio
import sys

import httpx2

from support.in_process.person import ADA, Person


async def _approve(authorize_url: str) -> None:
    async with httpx2.AsyncClient(trust_env=False) as browser:
        callback = await Person(browser, *ADA).approve(authorize_url)
        (await browser.get(callback)).raise_for_status()


if __name__ == "__main__":
    asyncio.run(_approve(sys.argv[1]))
