"""Which commits are missing, compared with the sets that the words mean."""

import random

import pytest

from tests.history.graphs import Graph
from vstore.errors import NotFoundError
from vstore.format.commit import CommitDocument
from vstore.format.digest import Digest
from vstore.transfer.missing import missing_commits


def random_graph(rng: random.Random, size: int) -> tuple[Graph, list[Digest]]:
    graph = Graph()
    made = [graph.add()]
    for _ in range(size):
        kind = rng.random()
        if kind < 0.15:
            made.append(graph.add(rng.sample(made, min(2, len(made)))))
        elif kind < 0.25:
            made += graph.line(rng.choice(made), rng.randint(1, 40))
        elif kind < 0.28:
            made.append(graph.add())
        else:
            made.append(graph.add([rng.choice(made[-4:])]))
    return graph, made


@pytest.mark.parametrize("seed", range(150))
def test_what_is_missing_is_what_only_the_wanted_reach(seed: int) -> None:
    rng = random.Random(seed)
    graph, made = random_graph(rng, rng.randint(1, 60))
    wanted = rng.sample(made, min(len(made), rng.randint(1, 3)))
    had = rng.sample(made, min(len(made), rng.randint(0, 4)))
    found = list(missing_commits(wanted, had, graph.read, graph.read))
    expected = set().union(*map(graph.ancestors, wanted)) - set().union(*map(graph.ancestors, had))
    assert set(found) == expected
    assert len(found) == len(expected)
    generations = [graph.commits[digest].generation for digest in found]
    assert generations == sorted(generations, reverse=True)


@pytest.mark.parametrize("seed", range(60))
def test_commits_that_cannot_be_read_make_it_more_never_less(seed: int) -> None:
    rng = random.Random(seed)
    graph, made = random_graph(rng, 40)
    wanted, had = rng.sample(made, 2), rng.sample(made, 3)
    gone = set(rng.sample(made, 10)) - set().union(*map(graph.ancestors, wanted))

    def read_had(digest: Digest) -> CommitDocument:
        if digest in gone:
            raise NotFoundError
        return graph.commits[digest]

    found = set(missing_commits(wanted, had, graph.read, read_had))
    needed = set().union(*map(graph.ancestors, wanted))
    assert needed - set().union(*map(graph.ancestors, had)) <= found <= needed


def test_a_long_line_that_both_have_is_not_read() -> None:
    graph = Graph()
    trunk = graph.line(None, 20_000)
    branch = graph.line(trunk[10], 3)
    graph.reads.clear()
    found = list(missing_commits([branch[-1]], [trunk[-1]], graph.read, graph.read))
    assert found == branch[::-1]
    assert len(graph.reads) < 80
