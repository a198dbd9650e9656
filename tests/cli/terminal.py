"""Runs of the command line, in this process."""

import json
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from vstore.cli import app


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


class Run:
    """Runs commands as `vstore` would, each to its end."""

    def any(self, *arguments: str, **environment: str) -> Ended:
        """Run a command, however it ends."""
        result = CliRunner(env=environment).invoke(app, list(arguments))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    def __call__(self, *arguments: str, **environment: str) -> Ended:
        """Run a command that succeeds and has nothing to say on stderr."""
        ended = self.any(*arguments, **environment)
        assert (ended.code, ended.err) == (0, ""), ended
        return ended

    def fails(self, *arguments: str, code: int = 1, **environment: str) -> str:
        """Run a command that fails; return its line on stderr, and that of the hint below.

        With `--json` there is a document on stdout, which says the same.
        """
        ended = self.any(*arguments, **environment)
        assert ended.code == code, ended
        labels = [line.partition(": ")[0] for line in ended.err.splitlines()]
        assert labels in (["error"], ["error", "hint"])
        said = ended.err.removeprefix("error: ").rstrip("\n")
        if "--json" in arguments:
            assert " ".join(ended.json["error"]["message"].split()) in said
        else:
            assert ended.out == ""
        return said

    def misused(self, *arguments: str, **environment: str) -> str:
        """Run a command that is used wrongly; return what it says."""
        ended = self.any(*arguments, **environment)
        assert (ended.code, ended.out) == (2, ""), ended
        return ended.err
