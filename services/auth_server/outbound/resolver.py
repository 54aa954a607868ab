"""Look up hosts in threads of their own."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial


class Resolver:
    """Looks up the addresses of hosts, a limited number at once.

    A look-up whose name server does not answer keeps its thread for many seconds, and can't be
    stopped. In the event loop's own threads, it would delay every other look-up and every file.
    """

    def __init__(self, *, threads: int = 4) -> None:
        """Take the number of look-ups at once."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolver")

    async def __call__(self, host: str, port: int) -> list[str]:
        """Look up a host's addresses.

        Raises:
            OSError: the host does not resolve.
        """
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        return [str(entry[4][0]) for entry in found]
