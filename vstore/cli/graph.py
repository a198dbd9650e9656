"""The graph of commits next to a log, drawn in text as `git log --graph` does."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vstore.history.commits import Commit


class Graph:
    """Lanes that lead from commits to their parents, a column each.

    Commits are given newest first, parents after their children. What is drawn for one
    stands in three parts: the lines above it, the line it stands on, and what goes on
    next to it for as many lines as its text has.
    """

    def __init__(self) -> None:
        self._lanes: list[str] = []

    def above(self, commit: "Commit") -> Iterator[str]:
        """Yield the lines in which lanes that lead to one commit join."""
        while self._lanes.count(commit.id) > 1:
            first = self._lanes.index(commit.id)
            again = self._lanes.index(commit.id, first + 1)
            yield _joining(len(self._lanes), first, again)
            del self._lanes[again]

    def beside(self, commit: "Commit") -> str:
        """Return what is before the commit's first line."""
        if commit.id not in self._lanes:
            self._lanes.append(commit.id)
        at = self._lanes.index(commit.id)
        return " ".join("*" if lane == at else "|" for lane in range(len(self._lanes)))

    def below(self, commit: "Commit") -> list[str]:
        """Return the lines that lead from the commit to its parents; the lanes follow."""
        at, count = self._lanes.index(commit.id), len(self._lanes)
        first, *others = commit.parents or (None,)
        if first is None:
            del self._lanes[at]
            return [_closing(count, at)] if at < count - 1 else []
        self._lanes[at] = first
        drawn = []
        for number, parent in enumerate(others):
            drawn.append(_opening(count + number, at + number))
            self._lanes.insert(at + 1 + number, parent)
        return drawn

    def passing(self) -> str:
        """Return what is before lines of text between two commits."""
        return " ".join("|" * len(self._lanes))


def _opening(count: int, at: int) -> str:
    r"""Return `|\`: a lane begins on the right of one, those further right move on.

    >>> _opening(3, 0), _opening(1, 0)
    ('|\\ \\ \\', '|\\')
    """
    return "| " * at + "|" + "\\" + " \\" * (count - at - 1)


def _joining(count: int, first: int, again: int) -> str:
    """Return `|/`: a lane joins one on its left, those further right move up.

    >>> _joining(2, 0, 1), _joining(4, 0, 2)
    ('|/', '|_|/ /')
    """
    between = "_".join("|" * (again - first))
    return "| " * first + between + "/" + " /" * (count - again - 1)


def _closing(count: int, at: int) -> str:
    """Return ` /`: a lane ends, those on its right move up.

    >>> _closing(3, 1)
    '|  /'
    """
    return ("| " * at + " /" + " /" * (count - at - 2)).rstrip()
