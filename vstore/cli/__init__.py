"""The command line, `vstore`: parse, call the library, show.

`app` is the table of commands; each is a module of `vstore.cli.commands`, loaded when it
is called. Nothing below this package reads the environment for vstore's own settings.
"""

from vstore.cli.app import app, main

__all__ = ["app", "main"]
