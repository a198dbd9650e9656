"""What `vstore help TOPIC` explains besides commands."""

from collections.abc import Mapping
from typing import Final

TOPICS: Final[Mapping[str, str]] = {
    "tutorial": """\
From files to a versioned table, and back.

  vstore init shoes                              create a repository
  vstore import shoes image.npy label.npy        one commit: a table with two columns
  vstore summary shoes                           what it holds
  vstore show shoes train 0:5                    the first samples

Change something on a branch, compare, and merge:

  vstore branch create more -R shoes
  vstore import shoes image.npy label.npy --append --branch more
  vstore diff shoes@main...more                  what the branch changed, by sample
  vstore merge more -R shoes
  vstore log shoes --oneline                     every commit, newest first

Nothing is lost: `vstore undo shoes` takes back the last update of a branch, and
`vstore show shoes@main~1` reads what was there before. To change single samples, use a
transaction in Python.
""",
    "targets": """\
The first argument of most commands is a TARGET: a repository, a revision, or both.

  s3://bucket/fashion          the head of the default branch there
  ./fashion@v1                 a revision there
  v1, @v1                      a revision of the default repository
  @, or nothing                the head of the default branch of the default repository

A revision is a branch, a tag, a commit id or a unique prefix of one with at least four
digits. Append ~n or ^n for an ancestor, @{n} for what a branch was n updates ago.

The default repository is $VSTORE_URL, or the current directory if it is a repository.
--repo (-R) names another one for any command; TARGET is then a revision.

A word is an address if it is a URL, begins like a path (/, ./, ../, ~), ends with @REV, or
is a directory that is a repository. Any other word is a revision.
""",
    "exit-codes": """\
  0    done, also when there was nothing to do
  1    failed or refused: conflicts, damage, or differences with diff --exit-code
  2    wrong usage: an unknown command or option, a missing argument
  3    the outcome is unknown: look before you repeat the command
  4    the store was not reached or denied access: trying again later may help
  130  stopped by Ctrl-C
  141  nothing reads the output any more, as in `vstore log | head`
  143  stopped by SIGTERM

With --json, a command that fails writes {"error": {code, message, hint, path, key}}.
""",
}
"""Texts by topic; the lines that begin with `  vstore` are commands, which a test runs."""
