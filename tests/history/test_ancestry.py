"""Ancestry: right in every graph, and cheap along lines of a hundred thousand commits."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vstore
from tests.history.graphs import OPTIONS, Graph
from tests.repositories import counted, counted_rounds, new_repository
from vstore import Repository
from vstore.faces import internals
from vstore.format import object_keys
from vstore.format.commit import CommitDocument
from vstore.format.digest import Digest, digest_of
from vstore.format.document import dumps
from vstore.history.blame import commits_between
from vstore.history.merge_base import is_ancestor, merge_bases
from vstore.maintenance.fsck.fsck import fsck

LONG = 4_000
READS = 120
"""Far more than a few times the logarithm of any length here, far less than the length."""

Question = Callable[[Repository], object]

steps = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 40)),
    min_size=1,
    max_size=12,
)


def thinned(document: CommitDocument, seed: int) -> CommitDocument:
    """Return a commit that lists some of its ancestors only, as other versions of vstore do."""
    *some, last = document.ancestors or [(0, "")]
    kept = [entry for entry in some if (entry[0] + seed) % 3]
    return msgspec.structs.replace(document, ancestors=[*kept, last][: len(document.ancestors)])


def random_graph(choices: list[tuple[int, int, int]], *, counts_merges: bool) -> Graph:
    """Return lines of several lengths, begun and merged at any place."""
    graph = Graph()
    tips = graph.line(None, 3)
    for one, other, length in choices:
        a, b = tips[one % len(tips)], tips[other % len(tips)]
        tips.append(graph.add([] if a == b and length == 0 else [a] if a == b else [a, b]))
        tips += graph.line(tips[-1] if length % 2 else a, length)[-2:]
    if not counts_merges:
        for digest, document in graph.commits.items():
            graph.commits[digest] = msgspec.structs.replace(document, merges=msgspec.UNSET)
    return graph


@settings(max_examples=60, deadline=None)
@given(steps, st.data(), st.booleans())
def test_ancestors_and_merge_bases_are_right_in_every_graph(
    choices: list[tuple[int, int, int]], data: st.DataObject, counts_merges: bool
) -> None:
    graph = random_graph(choices, counts_merges=counts_merges)
    known = st.sampled_from(sorted(graph.commits))
    for digest in data.draw(st.sets(known)):
        graph.commits[digest] = thinned(graph.commits[digest], int(digest, 16))
    for _ in range(8):
        a, b = data.draw(known), data.draw(known)
        assert is_ancestor(a, b, graph.read) == (a in graph.ancestors(b))
        found = merge_bases(a, b, graph.read)
        assert len(found) == len(set(found))
        assert set(found) == graph.best_common(a, b)


@pytest.fixture(scope="module")
def forked() -> tuple[Graph, list[Digest], list[Digest]]:
    """Two long lines that parted half-way along a longer one."""
    graph = Graph()
    main = graph.line(None, 2 * LONG)
    return graph, main, graph.line(main[LONG], LONG - 7)


Forked = tuple[Graph, list[Digest], list[Digest]]


def reads_of(graph: Graph) -> int:
    count = len(graph.reads)
    graph.reads.clear()
    return count


def test_ancestry_on_long_lines_reads_few_commits(forked: Forked) -> None:
    graph, main, side = forked
    graph.reads.clear()
    for old, new, expected in [
        (main[5], main[-1], True),
        (main[-2], main[-1], True),
        (main[LONG + 1], side[-1], False),
        (side[0], main[-1], False),
        (main[-1], main[3], False),
        (main[LONG], side[-1], True),
    ]:
        assert is_ancestor(old, new, graph.read) is expected
        assert reads_of(graph) < READS


def test_merge_bases_of_long_lines_read_few_commits(forked: Forked) -> None:
    graph, main, side = forked
    graph.reads.clear()
    for a, b, base in [
        (main[-1], side[-1], main[LONG]),
        (side[3], main[-1], main[LONG]),
        (main[-1], main[7], main[7]),
        (main[LONG // 3], side[-1], main[LONG // 3]),
    ]:
        assert merge_bases(a, b, graph.read) == [base]
        assert merge_bases(b, a, graph.read) == [base]
        assert reads_of(graph) < 2 * READS


def test_lines_that_share_nothing_have_no_merge_base(forked: Forked) -> None:
    graph, main, _ = forked
    stranger = graph.line(None, 3 * LONG // 2)
    graph.reads.clear()
    assert merge_bases(main[-1], stranger[-1], graph.read) == []
    assert not is_ancestor(stranger[0], main[-1], graph.read)
    assert reads_of(graph) < 2 * READS


def test_a_few_merges_on_long_lines_cost_a_few_reads_each() -> None:
    graph = Graph()
    main = graph.line(None, 1000)
    side = main
    for _ in range(10):
        side = graph.line(main[-50], 20)
        main += graph.line(graph.add([main[-1], side[-1]]), 1000)
    other = graph.line(main[1500], 5000)
    graph.reads.clear()
    assert merge_bases(main[-1], other[-1], graph.read) == [main[1500]]
    assert not is_ancestor(other[0], main[-1], graph.read)
    assert is_ancestor(side[0], main[-1], graph.read)
    assert reads_of(graph) < 1500


def test_a_range_reads_what_it_yields_and_not_the_line_it_leaves_out(forked: Forked) -> None:
    graph, main, _ = forked
    feature = graph.line(main[LONG // 2], 4)
    graph.reads.clear()
    bases = merge_bases(main[-1], feature[-1], graph.read)
    found = commits_between([feature[-1]], bases, graph.read)
    assert [commit.id for commit in found] == feature[::-1]
    assert reads_of(graph) < READS


def long_repository(
    length: int, change: Callable[[CommitDocument], CommitDocument] = lambda document: document
) -> tuple[Repository, list[Digest]]:
    """Return a repository of this many commits that all hold the same, each changed in some way."""
    repository = new_repository()
    with repository.transaction("main", message="Start", time=OPTIONS.time) as tx:
        tx.create_table("t", {"x": vstore.ndarray((), "int64")}).extend({"x": [1, 2, 3]})
    graph = Graph()
    first = repository.branches["main"]
    graph.commits[first] = internals(repository).fetcher.commit(first)
    line = [first]
    tree = graph.commits[first].tree
    for _ in range(length):
        made = graph.add(line[-1:])
        document = change(msgspec.structs.replace(graph.commits.pop(made), tree=tree))
        data = dumps(document, what="commit")
        digest = digest_of(data)
        graph.commits[digest] = document
        repository.store.put(object_keys.commit(digest), data)
        line.append(digest)
    repository.branches.create("side", at=line[length // 2])
    repository.reset("main", to=line[-1])
    return repository, line


@pytest.mark.parametrize("length", [3000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_questions_about_a_long_history_cost_few_requests(length: int) -> None:
    repository, line = long_repository(length)
    with repository.transaction("side", message="Add") as tx:
        tx["t"].extend({"x": [4]})
    questions: list[tuple[Question, int]] = [
        (lambda repo: repo.merge("side", into="main", dry_run=True), 60),
        (lambda repo: list(repo.log("main..side")), 60),
        (lambda repo: repo.resolve(f"main~{length - 5}"), 40),
        (lambda repo: list(repo.log("main", limit=20)), 30),
        (lambda repo: repo.diff("main...side").to_dict(), 60),
    ]
    for ask, most in questions:
        fresh, store = counted(repository)
        ask(fresh)
        assert 0 < store.count() <= most
    merged = repository.merge("side", into="main")
    assert merged.commit is not None
    assert merged.commit.parents == (line[-1], repository.branches["side"])


def test_a_line_of_commits_is_read_side_by_side() -> None:
    repository, line = long_repository(1009)
    for limit, rounds in [(1, 1), (20, 3), (100, 4), (1000, 20)]:
        found: list[Digest] = []

        def ask(fresh: Repository, limit: int = limit, found: list[Digest] = found) -> None:
            found[:] = [commit.id for commit in fresh.log("main", limit=limit)]

        store = counted_rounds(repository, ask, most=rounds)
        assert found == line[::-1][:limit]
        assert store.depth <= rounds
        assert store.count() <= limit + 20


def test_lists_of_other_ancestors_are_read_continued_and_verified() -> None:
    repository, line = long_repository(60, change=lambda document: thinned(document, 1))
    with repository.transaction("main", message="Add") as tx:
        tx["t"].extend({"x": [4]})
    fresh, _ = counted(repository)
    assert [commit.id for commit in fresh.log("main~1")] == line[::-1]
    assert [fresh.resolve(f"main~{i + 1}") for i in range(61)] == line[::-1]
    assert fsck(repository.store).is_sound


def test_who_last_changed_a_sample_long_ago_is_asked_side_by_side() -> None:
    repository, line = long_repository(400)
    fresh, _ = counted(repository)
    found = fresh.blame("t", 0)
    assert isinstance(found, vstore.Commit)
    assert found.id == line[0]
    store = counted_rounds(repository, lambda fresh: fresh.blame("t", 0), most=13)
    assert store.depth <= 13
    assert store.count() < 420


@pytest.mark.parametrize("keys", [None, "int"])
def test_chunks_that_every_commit_stored_again_are_read_side_by_side(keys: Any) -> None:
    commits = 80
    repository = new_repository()
    columns = {"x": vstore.ndarray((), "int64"), "y": vstore.text().as_optional()}
    with repository.transaction("main", message="Add") as tx:
        table = tx.create_table("t", columns, keys=keys)
        table.extend({"x": np.arange(32), "y": ["a"] * 32}, keys=range(32) if keys else None)
    for i in range(commits):
        with repository.transaction("main", message=f"Change {i}") as tx:
            tx["t"][("x", "y")[i % 2]][i % 30] = (i + 100, None)[i % 2]
    for sample, message in ((31, "Add"), (0, "Change 60"), (29, "Change 29")):
        fresh, _ = counted(repository)
        found = fresh.blame("t", sample)
        assert isinstance(found, vstore.Commit)
        assert found.message == message
    store = counted_rounds(repository, lambda fresh: fresh.blame("t", 31), most=40)
    assert store.depth <= 40


def test_a_log_that_tells_of_what_is_gone_leaves_it_out() -> None:
    repository = new_repository()
    for i in range(3):
        with repository.transaction("main", message=f"{i}") as tx:
            tx.create_array(f"a{i}", shape=(1,), dtype="int8")
    gone = repository.branches["main"]
    repository.reset("main", to="main~1")
    repository.store.delete(object_keys.commit(gone))
    fresh, _ = counted(repository)
    assert [commit.message for commit in fresh.log()] == ["1", "0"]
