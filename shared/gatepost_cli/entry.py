"""`gatepost`: shows help at once, and starts Click for everything else."""

import errno
import io
import os
import sys

from gatepost_cli.outline import find_help


def run() -> None:
    """Run the command of this process."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that is not in UTF-8 can't show every text of a document.
        sys.stdout.reconfigure(errors="backslashreplace")
    text = find_help(sys.argv[1:])
    if text is not None:
        sys.stdout.write(text)
        return
    from gatepost_cli.main import main

    try:
        main()
    except OSError as error:
        # Where a file can't be read or written, its name says more than a traceback.
        if error.filename is None and error.errno != errno.ENOSPC:
            raise
        from gatepost_cli.terminal import echo

        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        echo(f"Error: {where}{error.strerror}", err=True)
        sys.exit(1)
