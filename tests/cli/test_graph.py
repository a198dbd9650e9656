"""The graph beside a log, drawn line by line."""

from datetime import UTC, datetime

import pytest

from vstore.cli.graph import Graph
from vstore.format.commit import Author
from vstore.format.digest import Digest
from vstore.history.commits import Commit


def drawn(history: str) -> list[str]:
    """Return the graph of commits given as `child:parent,parent`, newest first."""
    graph, lines = Graph(), list[str]()
    for entry in history.split():
        name, _, parents = entry.partition(":")
        commit = Commit(
            Digest(name),
            tuple(map(Digest, filter(None, parents.split(",")))),
            Author("Ann"),
            datetime(2026, 1, 1, tzinfo=UTC),
            "",
        )
        lines += graph.above(commit)
        lines.append(f"{graph.beside(commit)} {name}")
        lines += graph.below(commit)
    return lines


@pytest.mark.parametrize(
    ("history", "lines"),
    [
        ("c:b b:a a:", ["* c", "* b", "* a"]),
        (
            "m:b,s s:a b:a a:",
            ["* m", "|\\", "| * s", "* | b", "|/", "* a"],
        ),
        (
            "x:a y:a z:b b:a a:",
            ["* x", "| * y", "| | * z", "| | * b", "|/ /", "|/", "* a"],
        ),
        (
            "m:b,s,t t:a s:a b:a a:",
            ["* m", "|\\", "| |\\", "| | * t", "| * | s", "* | | b", "|/ /", "|/", "* a"],
        ),
        ("x:a y:b z:a a: b:", ["* x", "| * y", "| | * z", "|_|/", "* | a", " /", "* b"]),
        ("m:a,b b: a:", ["* m", "|\\", "| * b", "* a"]),
    ],
)
def test_lanes_lead_from_commits_to_their_parents(history: str, lines: list[str]) -> None:
    assert drawn(history) == lines
