"""Count how many calls run at once, for tools whose concurrency the manifest limits."""

from collections import Counter


class RunningCalls:
    """Counts the running calls of this process, by tool and tenant."""

    def __init__(self) -> None:
        """Start without running calls."""
        self._running: Counter[tuple[str, str]] = Counter()

    def begin(self, tool: str, tenant: str, most: int) -> bool:
        """Count one more call; return `False` without counting it if `most` are running."""
        key = tool, tenant
        if self._running[key] >= most:
            return False
        self._running[key] += 1
        return True

    def end(self, tool: str, tenant: str) -> None:
        """Count one call less."""
        key = tool, tenant
        self._running[key] -= 1
        if not self._running[key]:
            del self._running[key]
