"""`python -m gatepost_cli` is `gatepost`."""

from gatepost_cli.main import main

if __name__ == "__main__":
    main()
