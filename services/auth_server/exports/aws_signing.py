"""Sign requests to AWS with the credentials of the process's surroundings."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Sign = Callable[[str, bytes, Mapping[str, str]], Awaitable[Mapping[str, str]]]
"""Takes a URL, a body and headers, and returns the headers with the signature."""

_SERVICE = "aws-marketplace"


class NoCredentials(Exception):
    """No credentials of AWS were found."""


def make_signer(region: str, credentials: Any = None) -> Sign:
    """Make a signer (Signature Version 4).

    Args:
        region: the region of the endpoint.
        credentials: botocore's credentials; by default those of its usual chain, such as environment
            variables, a profile or the role of a container, which it renews.
    """
    # Imported here, because only servers that export to AWS have the library.
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import BotoCoreError
    from botocore.session import get_session

    session = None if credentials is not None else get_session()

    def sign(url: str, body: bytes, headers: Mapping[str, str]) -> Mapping[str, str]:
        try:
            found = credentials if session is None else session.get_credentials()
            if found is None:
                raise NoCredentials("no credentials of AWS were found")
            request = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
            SigV4Auth(found.get_frozen_credentials(), _SERVICE, region).add_auth(request)
        except BotoCoreError as error:
            raise NoCredentials(type(error).__name__) from None
        return dict(request.headers.items())

    async def signed(url: str, body: bytes, headers: Mapping[str, str]) -> Mapping[str, str]:
        # In a thread, because renewing credentials waits for the network.
        return await asyncio.to_thread(sign, url, body, headers)

    return signed
