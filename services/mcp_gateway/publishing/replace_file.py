"""Write a file that another process may read meanwhile."""

from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file as a whole, so that whoever reads it meanwhile reads the former or the new one.

    Raises:
        OSError: it can't be written.
    """
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(content)
    new.replace(path)
