"""Golden repositories with histories, refs and places."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np

import vstore
from tests.format.golden.making import BO, RAW, RAW_1, RAW_8, Made
from tests.maintenance.stores import DAY, age, pass_grace
from tests.partial.clones import clone_documents
from vstore import ColumnSpec, Transaction
from vstore.format import object_keys
from vstore.format.commit import FORMAT, Tombstone, encode
from vstore.maintenance.gc.collecting import collect
from vstore.maintenance.gc.options import GcOptions
from vstore.storage.store import Key


def write_history(made: Made) -> None:
    """Long lines, merges, octopuses, many refs, names that are escaped, notes of deleted ones."""

    def step(i: int) -> Callable[[Transaction], None]:
        def change(tx: Transaction) -> None:
            tx["t"].append({"n": i})

        return change

    def start(tx: Transaction) -> None:
        """Start."""
        n = vstore.ndarray((), "int32", codecs=RAW, rows_per_chunk=64)
        tx.create_table("t", {"n": n})

    repo = made.create(default_branch="trunk")
    made.commit(repo, start, branch="trunk")
    for i in range(112):
        made.commit(repo, step(i), branch="trunk")
    for i, name in enumerate(["team/größe", "a=b,c+d", "side"]):
        repo.branches.create(name, at=f"trunk~{10 * i}")
        made.commit(repo, step(1000 + i), branch=name)
        made.clock.tick()
        repo.merge(name, into="trunk", author=BO)
    repo.tags.create("v1.0", at="trunk~5", message="The first\n\nof two", author=BO)
    repo.tags.create("v1.0/ü", at="team/größe", message="")
    for i in range(20):
        repo.branches.create(f"many/{i:02}", at=f"trunk~{5 * i}")
    repo.branches.create("gone", at="side")
    made.clock.tick()
    repo.branches.delete("gone", force=True)
    repo.reset("many/00", to="many/19")
    tombstone = encode(Tombstone(FORMAT, "buried", "0" * 32))
    repo.store.put(Key(f"{object_keys.BRANCHES}buried.json"), tombstone)


def write_merges(made: Made) -> None:
    """Merges of tables with and without keys, of arrays, and of whole tables."""

    def n() -> ColumnSpec:
        return vstore.ndarray((), "int16", codecs=RAW, rows_per_chunk=4)

    def start(tx: Transaction) -> None:
        """Start."""
        tx.create_table("keyed", {"n": n(), "m": n()}, keys="str")
        tx["keyed"].extend({"n": range(6), "m": range(6)}, keys=list("abcdef"))
        tx.create_table("bare", {"n": n()}).extend({"n": range(6)})
        tx.create_array("x", shape=(6,), dtype="int8", chunk_shape=(2,), codecs=RAW_1)

    def change(seed: int) -> Callable[[Transaction], None]:
        def change(tx: Transaction) -> None:
            tx["keyed"].append({"n": seed, "m": seed}, key=f"new {seed}")
            tx["keyed"].loc["b"] = {"n": 10 + seed} if seed == 1 else {"m": 10 + seed}
            tx["keyed"].delete(keys=["d" if seed == 1 else "e"])
            tx["bare"].extend({"n": [seed, -seed]})
            tx["bare"].delete([seed])
            tx["x"][2 * seed : 2 * seed + 2] = seed
            tx.create_table(f"own {seed}", {"n": n()}).extend({"n": [seed]})

        return change

    repo = made.create()
    made.commit(repo, start)
    repo.branches.create("side")
    for seed, branch in ((1, "main"), (2, "side")):
        made.commit(repo, change(seed), branch=branch)
    made.clock.tick()
    repo.merge("side", into="main")

    def compact(tx: Transaction) -> None:
        """Rewrite a table."""
        tx["bare"].compact()

    made.commit(repo, compact)


def write_empty(made: Made) -> None:
    """No commit at all."""
    made.create(default_branch="größe")


def write_repacked(made: Made) -> None:
    """A pack that garbage collection repacked, and then again, and a branch that it fenced."""
    repo = made.create()

    def add(tx: Transaction) -> None:
        """Add an array."""
        x = tx.create_array("x", shape=(100,), dtype="int64", chunk_shape=(10,), codecs=RAW_8)
        x[:] = np.arange(100) + 1

    def replace(first: int) -> Callable[[Transaction], None]:
        def change(tx: Transaction) -> None:
            tx["x"][first:] = np.arange(first, 100) + 1000 + first

        return change

    options = GcOptions(expire=timedelta(0), repack=0.5)
    made.commit(repo, add)
    before = repo.branches["main"]
    made.commit(repo, replace(0))
    for keep in (40, 10):
        made.commit(repo, replace(keep))
        repo.squash("main", since=before, message=f"Keep {keep}")
        age(repo.store, 3 * DAY)
        collect(repo.store, options)
        pass_grace(repo.store)
        collect(repo.store, options)


def write_partial(made: Made) -> None:
    """Documents alone: the chunks are promised by a remote, which the repository names."""
    whole = Made(made.root.with_name("whole"), made.clock)
    write_merges(whole)
    origin = vstore.open(whole.root)
    clone_documents(origin.store, made.root, url="s3://example/merges")
    vstore.open(made.root).remotes.add("backup", "gs://example/backup", read_only=True)
