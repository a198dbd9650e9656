"""The thirty behaviours that versioning by sample promises: where each is held, and the rest."""

import ast
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

import vstore
from tests.merging.test_costs import ROWS_PER_CHUNK, table_of
from tests.repositories import counted, new_repository
from vstore import ConflictError, Repository
from vstore.faces import internals

TESTS = Path(__file__).parents[1]

SAMPLES = "merging/test_merge_samples.py"
COLUMNS = "merging/test_merge_columns.py"
REWRITING = "history/test_rewriting.py"
HERE = "history/test_behaviours.py"

BEHAVIOURS = {
    1: [(SAMPLES, "test_different_samples_on_two_branches_are_united")],
    2: [(SAMPLES, "test_one_key_with_one_value_on_both_sides_is_no_conflict")],
    3: [(SAMPLES, "test_one_key_with_two_values_is_a_conflict")],
    4: [(SAMPLES, "test_one_sample_changed_differently_on_both_sides_is_a_conflict")],
    5: [(SAMPLES, "test_deleted_here_and_changed_there_is_a_conflict")],
    6: [(SAMPLES, "test_deleted_on_both_sides_is_gone")],
    7: [
        (COLUMNS, "test_one_new_column_with_two_schemas_is_a_conflict"),
        (COLUMNS, "test_one_new_column_with_one_schema_and_equal_values_is_united"),
    ],
    8: [
        (COLUMNS, "test_a_column_made_anew_differently_on_both_sides_is_a_conflict"),
        (COLUMNS, "test_a_column_made_anew_here_and_changed_there_is_a_conflict"),
        (HERE, "test_a_column_removed_here_and_made_anew_there_is_a_conflict"),
    ],
    9: [
        (COLUMNS, "test_a_column_deleted_here_and_changed_or_extended_there_is_a_conflict"),
        (SAMPLES, "test_table_deleted_here_and_extended_there_is_a_conflict"),
    ],
    10: [
        (HERE, "test_a_recreated_column_never_shows_old_samples"),
        ("writing/test_transactions.py", "test_a_recreated_table_never_shows_old_samples"),
    ],
    11: [(SAMPLES, "test_only_the_target_moves_and_a_fast_forward_makes_no_commit")],
    12: [(HERE, "test_a_diff_is_the_mirror_of_the_diff_the_other_way")],
    13: [(HERE, "test_a_diff_by_branch_equals_the_diff_by_hash")],
    14: [
        ("writing/test_transactions.py", "test_an_empty_transaction_makes_no_commit"),
        ("writing/test_transactions.py", "test_an_empty_transaction_makes_a_commit_when_asked"),
    ],
    15: [
        ("reading/test_snapshots.py", "test_a_snapshot_never_changes"),
        (HERE, "test_a_snapshot_outlives_its_branch_and_gc"),
    ],
    16: [(HERE, "test_uncommitted_changes_are_invisible_to_others")],
    17: [("writing/test_transactions.py", "test_handles_of_a_finished_transaction_refuse_use")],
    18: [
        ("writing/test_keys.py", "test_a_number_and_its_digits_are_different_keys"),
        ("writing/test_keys.py", "test_keys_come_back_in_the_order_in_which_they_were_given"),
        ("writing/test_keys.py", "test_every_process_sees_the_same_order"),
        (HERE, "test_int_keys_are_numbers_and_not_their_digits"),
    ],
    19: [("reading/test_columns.py", "test_equal_zeros_of_different_shapes_stay_different")],
    20: [
        ("reading/test_columns.py", "test_samples_of_every_shape_come_back"),
        ("reading/test_columns.py", "test_big_endian_input_is_stored_right"),
        ("reading/test_columns.py", "test_any_memory_layout_is_stored_right"),
    ],
    21: [(SAMPLES, "test_criss_cross_merges_have_a_right_base")],
    22: [(SAMPLES, "test_a_merge_and_its_mirror_hold_the_same_samples")],
    23: [(SAMPLES, "test_merging_twice_changes_nothing")],
    24: [
        (SAMPLES, "test_column_renamed_here_and_changed_there_keeps_both"),
        (SAMPLES, "test_table_moved_there_and_changed_here_keeps_both"),
    ],
    25: [
        (SAMPLES, "test_attributes_merge_by_name"),
        (COLUMNS, "test_attributes_of_a_column_merge_by_name"),
    ],
    26: [(REWRITING, "test_rebase_equals_the_merges_content")],
    27: [(REWRITING, "test_revert_of_a_merge_works_against_the_named_parent")],
    28: [(HERE, "test_a_diff_of_two_samples_of_a_million_reads_their_chunks_and_pages")],
    29: [(HERE, "test_a_merge_of_disjoint_appends_uploads_no_pack_again")],
    30: [
        ("history/test_deleted_refs.py", "test_undo_brings_back_a_deleted_branch_with_its_log"),
        ("history/test_deleted_refs.py", "test_undo_brings_back_a_deleted_tag_as_it_was"),
        ("history/test_deleted_refs.py", "test_gc_keeps_what_was_deleted_until_it_expires"),
    ],
}


@pytest.mark.parametrize("number", range(1, 31))
def test_each_behaviour_is_held_by_a_test(number: int) -> None:
    for file, name in BEHAVIOURS[number]:
        module = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in module.body if isinstance(node, ast.FunctionDef)}


@pytest.fixture
def repo() -> Repository:
    """A repository with a keyed table `t` of five samples and two columns."""
    repo = new_repository()
    with repo.transaction("main", message="Start") as tx:
        columns = {"n": vstore.ndarray((), "int64"), "s": vstore.text()}
        table = tx.create_table("t", columns, keys="str")
        table.extend({"n": range(5), "s": list("vwxyz")}, keys=list("abcde"))
    return repo


def test_a_recreated_column_never_shows_old_samples(repo: Repository) -> None:
    for drop_first in (True, False):
        with repo.transaction("main", message="Drop") as tx:
            tx["t"].drop_column("n")
            if not drop_first:
                tx["t"].add_column("n", vstore.ndarray((), "int64"))
        if drop_first:
            with repo.transaction("main", message="Add") as tx:
                tx["t"].add_column("n", vstore.ndarray((), "int64"))
        assert repo.checkout("main")["t"]["n"][:].tolist() == [0] * 5
        with repo.transaction("main", message="Fill") as tx:
            tx["t"]["n"][:] = np.arange(5)


@pytest.mark.parametrize("remover", ["main", "side"])
def test_a_column_removed_here_and_made_anew_there_is_a_conflict(
    repo: Repository, remover: str
) -> None:
    repo.branches.create("side")
    for branch in ("main", "side"):
        with repo.transaction(branch, message="Drop") as tx:
            tx["t"].drop_column("n")
            if branch != remover:
                tx["t"].add_column("n", vstore.ndarray((2,), "float32"))
    (conflict,) = repo.merge("side", into="main", dry_run=True).unresolved
    assert (conflict.path, conflict.kind) == ("t/n", "deleted")
    with pytest.raises(ConflictError, match="made anew"):
        repo.merge("side", into="main")
    with repo.transaction("side", message="Add") as tx:
        row = {name: [[0, 0]] if name == "n" else ["s"] for name in tx["t"].columns}
        tx["t"].extend(row, keys=["f"])
    head = repo.branches["main"]
    for choice in ("ours", "theirs"):
        repo.merge("side", into="main", resolve=choice)
        table = repo.checkout("main")["t"]
        is_made = (remover == "side") == (choice == "ours")
        assert sorted(table.columns) == (["n", "s"] if is_made else ["s"])
        assert table["s"][:].tolist() == [*"vwxyz", "s"]
        if is_made:
            assert table["n"].shape == (6, 2)
            assert not table["n"][:].any()
        repo.reset("main", to=head)


def facts(diff: vstore.Diff) -> tuple[Any, ...]:
    found = []
    for path, table in sorted(diff.tables.items()):
        changed = {name: sorted(keys) for name, keys in table.changed.items()}
        found.append(
            (
                path,
                sorted(table.added),
                sorted(table.removed),
                changed,
                table.added_columns,
                table.removed_columns,
                {name: (c.old, c.new) for name, c in table.attributes.items()},
            )
        )
    return tuple(found)


def mirrored(found: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        (path, removed, added, changed, gone, new, {n: (b, a) for n, (a, b) in attributes.items()})
        for path, added, removed, changed, new, gone, attributes in found
    )


def evolve(repo: Repository) -> None:
    """Make main and side differ from `main~1`, and from each other, in many ways."""
    repo.branches.create("side")
    with repo.transaction("main", message="Main") as tx:
        tx["t"].loc["a"] = {"n": 10}
        tx["t"].delete(keys=["b"])
        tx["t"].append({"n": 9, "s": "m"}, key="new")
        tx["t"].set_attributes({"unit": "m"})
    with repo.transaction("side", message="Side") as tx:
        tx["t"].loc["a"] = {"s": "other"}
        tx["t"].append({"n": 8, "s": "k"}, key="side")
        tx["t"].add_column("w", vstore.ndarray((), "int8"))


def test_a_diff_is_the_mirror_of_the_diff_the_other_way(repo: Repository) -> None:
    evolve(repo)
    for a, b in [("main~1", "main"), ("main", "side"), ("side", "side~1"), ("main", "main")]:
        forth, back = facts(repo.diff(a, b)), facts(repo.diff(b, a))
        assert back == mirrored(forth)
        assert bool(forth) == (a != b)


def test_a_diff_by_branch_equals_the_diff_by_hash(repo: Repository) -> None:
    evolve(repo)
    by_hash = repo.diff(repo.branches["main"], repo.branches["side"])
    assert repo.diff("main", "side").to_dict() == by_hash.to_dict()
    assert repo.diff("main..side").to_dict() == by_hash.to_dict()
    assert repo.diff("main").to_dict() == repo.diff(repo.branches["main"]).to_dict()


def test_a_snapshot_outlives_its_branch_and_gc(repo: Repository) -> None:
    repo.branches.create("side")
    with repo.transaction("side", message="More") as tx:
        tx["t"].loc["a"] = {"n": 7}
    snapshot = repo.checkout("side")
    repo.tags.create("kept", at="side")
    repo.branches.delete("side", force=True)
    with repo.transaction("main", message="Else") as tx:
        tx["t"].loc["a"] = {"n": 8}
    repo.gc(grace=timedelta(0), expire=timedelta(0))
    assert snapshot["t"].loc["a"]["n"] == 7
    assert snapshot["t"]["s"][:].tolist() == list("vwxyz")


def test_uncommitted_changes_are_invisible_to_others(repo: Repository) -> None:
    before = repo.checkout("main")["t"]["n"][:].tolist()
    with repo.transaction("main", message="Change") as tx:
        tx["t"]["n"][:] = np.arange(5) + 100
        tx["t"].append({"n": 1, "s": ""}, key="new")
        internals(tx).checkpoint()
        for seen in (repo, Repository(repo.store)):
            assert seen.checkout("main")["t"]["n"][:].tolist() == before
            other = seen.transaction("main", message="Other")
            assert "new" not in other["t"].sample_keys().tolist()
            other.discard()
            assert len(list(seen.log())) == 1
    assert len(repo.checkout("main")["t"]) == 6


def test_int_keys_are_numbers_and_not_their_digits() -> None:
    repo = new_repository()
    keys = [0, 1, 10, 11, 2, 3, -1, 100]
    with repo.transaction("main", message="Start") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64")}, keys="int")
        table.extend({"x": keys}, keys=keys)
    table = repo.checkout("main")["t"]
    assert table.sample_keys().tolist() == keys
    assert table.loc[sorted(keys)]["x"].tolist() == [-1, 0, 1, 2, 3, 10, 11, 100]
    assert table["x"][np.argsort(table.sample_keys())].tolist() == sorted(keys)


def test_a_diff_of_two_samples_of_a_million_reads_their_chunks_and_pages() -> None:
    store = table_of(1_000_000)
    with Repository(store).transaction("main", message="Change") as tx:
        tx["t"]["n"][[5, 700_000]] = np.array([-1, -2])
    store.reset()
    diff = Repository(store).diff("main~1", "main")
    assert diff.tables["t"].changed == {"n": [5, 700_000]}
    reads = Counter(request.key.partition("/")[0] for request in store.requests)
    assert reads["packs"] <= 4
    assert reads["commits"] == 1  # the head comes with its branch
    assert reads["index"] <= 8
    chunk = ROWS_PER_CHUNK * 8
    assert store.nbytes_received < 4 * chunk + 120_000


def test_a_merge_of_disjoint_appends_uploads_no_pack_again() -> None:
    repo = vstore.create(f"memory://{uuid4().hex}")
    image = vstore.ndarray((8,), "int64", rows_per_chunk=256, codecs="none")
    with repo.transaction("main", message="Start") as tx:
        tx.create_table("t", {"x": image}, keys="int")
    repo.branches.create("side")
    for number, branch in enumerate(("main", "side")):
        with repo.transaction(branch, message=branch) as tx:
            keys = range(10_000 * number, 10_000 * (number + 1))
            values = np.arange(80_000).reshape(10_000, 8) + 100_000 * number
            tx["t"].extend({"x": values}, keys=keys)
    fresh, store = counted(repo)
    sizes = {info.key: info.nbytes for info in fresh.store.list_prefix("packs/")}
    store.reset()
    fresh.merge("side", into="main")
    uploaded = [r for r in store.requests if r.verb.startswith("put") and "packs/" in r.key]
    assert not {request.key for request in uploaded} & sizes.keys()
    merged = fresh.checkout("main")["t"]
    assert len(merged) == 20_000
    assert merged.sample_keys().tolist() == list(range(20_000))
    assert merged["x"][10_000].tolist() == list(range(100_000, 100_008))
    # Ours stays where it lies; theirs moves behind it, since 10,000 is no multiple of 256.
    assert store.nbytes_sent < 1.2 * (10_000 * 64 + 10_000 * 8) + 100_000
