"""`python -m gatepost_cli` is `gatepost`."""

from gatepost_cli.entry import run

if __name__ == "__main__":
    run()
