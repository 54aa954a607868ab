"""The CPU that another process has used."""

import os
from pathlib import Path


def cpu_of(pid: int) -> float:
    """Read the CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
