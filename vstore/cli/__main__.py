"""Run the command line: `python -m vstore.cli`."""

from vstore.cli.app import main

if __name__ == "__main__":
    main()
