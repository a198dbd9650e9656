"""Run the command line: `python -m vstore`."""

from vstore.cli import main

if __name__ == "__main__":
    main()
