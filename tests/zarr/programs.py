"""Random programs through the store of a transaction, each beside the same on plain Zarr.

Several actors take turns: the process that holds the transaction, and others that got its
store pickled, some before and some after what the others did. After each step the transaction
must hold what plain storage holds where the same was done one after another. A program is told
by its seed.

    python -m tests.zarr.programs --programs 1000 --processes 3 --seed 0
"""

import argparse
import pickle
import random
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import numpy as np
import zarr
from zarr.core.buffer import cpu
from zarr.core.sync import sync
from zarr.storage import MemoryStore

import vstore
from tests.sharing.lending import elsewhere
from tests.zarr.operations import OPERATIONS, Nodes, Operation, nodes_of, perform
from tests.zarr.workers import Worker
from vstore import ConflictError, Transaction

open_group: Any = zarr.open_group

STEPS = 25


class DifferenceError(AssertionError):
    """The transaction holds something else than plain storage."""


@dataclass
class Program:
    """One program: a repository with an open transaction, and a plain store beside it."""

    seed: int
    actors: int = 1
    workers: tuple[Worker, ...] = ()
    done: Counter[str] = field(default_factory=Counter)

    def run(self) -> Counter[str]:
        """Run it, or raise `DifferenceError`; return how often each operation was done."""
        self.chance = random.Random(self.seed)
        self.url = f"memory://{uuid4().hex}"
        if self.workers:
            self.url = self.workers[0].folder(self.seed)
        self.repository = vstore.create(self.url, author="Ann")
        self.plain = MemoryStore()
        open_group(self.plain)
        self._begin()
        open_group(self.tx.store)
        steps: list[str] = []
        try:
            steps.extend(filter(None, (self._step() for _ in range(STEPS))))
            self._finish()
        except Exception as exc:
            exc.add_note(f"seed {self.seed}, {self.actors} actors: {'; '.join(steps)}")
            raise
        return self.done

    def _begin(self) -> None:
        self.tx: Transaction = self.repository.transaction(message="Program")
        self.lent: dict[int, Any] = {}

    def _store_of(self, actor: int) -> Any:
        """Return the store as an actor has it: sent anew now and then."""
        if actor == 0:
            return self.tx.store
        if actor not in self.lent or self.chance.random() < 0.2:
            if self.workers:
                self.lent[actor] = pickle.dumps(self.tx.store)
            else:
                self.lent[actor] = elsewhere(self.tx.store)
        return self.lent[actor]

    def _finish(self) -> None:
        self._check("at the end")
        self.tx.commit()
        self._compare(self.repository.checkout().store, "the commit")
        if not self.repository.fsck(mode="full").is_sound:
            raise DifferenceError("the repository is not sound")

    def _step(self) -> str:
        actor = self.chance.randrange(self.actors)
        store = self._store_of(actor)
        verbs = VERBS if actor == 0 and self.chance.random() < 0.35 else ()
        nodes = nodes_of(self.plain)
        if verbs:
            name = self.chance.choice(sorted(VERBS))
            if not VERBS[name](self, nodes):
                name = f"no {name}"
            told = f"0: {name}"
        else:
            often = ["create array", "write region", "resize"]
            name = self.chance.choice([*sorted(OPERATIONS), *often])
            operation = OPERATIONS[name](self.chance, nodes)
            if operation is None:
                name = f"no {name}"
            else:
                self._perform(actor, store, operation)
            told = f"{actor}: {operation}" if operation is not None else ""
        self.done[name] += 1
        if self.chance.random() < 0.5:
            self._check(told)
        return told

    def _perform(self, actor: int, store: Any, operation: Operation) -> None:
        here = _result(lambda: perform(operation, self.plain))
        if actor and self.workers:
            there = _result(lambda: self.workers[actor - 1].perform(operation, store))
        else:
            there = _result(lambda: perform(operation, store))
        if here != there:
            raise DifferenceError(f"{operation}: plain Zarr says {here}, the transaction {there}")

    def _check(self, when: str) -> None:
        self._compare(self.tx.store, when)
        for actor, store in self.lent.items():
            if not self.workers and actor:
                self._compare(store, f"{when}, seen by {actor}")

    def _compare(self, store: Any, when: str) -> None:
        plain, found = contents(self.plain), contents(store)
        if plain != found:
            keys = [key for key in plain.keys() | found.keys() if plain.get(key) != found.get(key)]
            key = min(keys)
            raise DifferenceError(
                f"{when}: {key!r} is {found.get(key)} and not {plain.get(key)}; {len(keys)} differ"
            )


def _result(call: Callable[[], Any]) -> Any:
    """Return what a call returns, or the class of the error that it raises."""
    try:
        return call()
    except (ConflictError, vstore.ClosedError, vstore.StorageError, vstore.FormatError):
        raise
    except Exception as exc:  # noqa: BLE001 - plain Zarr and a transaction are to raise the same
        return next((kind.__name__ for kind in KINDS if isinstance(exc, kind)), type(exc).__name__)


KINDS = (FileNotFoundError, KeyError, IndexError, TypeError, ValueError)


def contents(store: Any) -> dict[str, Any]:
    """Return what there is under each key: arrays by value, documents as they read."""
    found: dict[str, Any] = {}
    keys = sorted(_keys(store))
    root = open_group(store, mode="r")
    for path, node in [*sorted(dict(root.members(max_depth=None)).items()), ("", root)]:
        found[path] = dict(node.attrs)
        if isinstance(node, zarr.Array):
            form = node.shape, node.chunks, node.shards, str(node.dtype), repr(node.fill_value)
            found[path] = found[path], form, np.asarray(node[...]).tobytes()
    return found | {f"key {key}": True for key in keys}


async def _list(store: Any) -> list[str]:
    return [key async for key in store.list()]


def _keys(store: Any) -> list[str]:
    return sync(_list(store))


# What vstore does itself, each beside the same on plain storage ------------------------


def _copied(plain: MemoryStore, old: str, new: str) -> None:
    held = plain._store_dict
    for key in [key for key in held if key.startswith(f"{old}/")]:
        held[new + key[len(old) :]] = held[key]


def _removed(plain: MemoryStore, path: str) -> None:
    held = plain._store_dict
    for key in [key for key in held if key.startswith(f"{path}/")]:
        del held[key]


def _free(program: Program, nodes: Nodes) -> str:
    group = program.chance.choice(["", *nodes.groups])
    names = [f"{group}/{name}".strip("/") for name in "klmnop"]
    return program.chance.choice([name for name in names if name not in nodes] or ["zz"])


def _moving(program: Program, nodes: Nodes) -> bool:
    return _going(program, nodes, program.tx.move, is_gone=True)


def _copying(program: Program, nodes: Nodes) -> bool:
    return _going(program, nodes, program.tx.copy, is_gone=False)


def _going(
    program: Program, nodes: Nodes, verb: Callable[[str, str], None], *, is_gone: bool
) -> bool:
    if not nodes:
        return False
    old, new = program.chance.choice(list(nodes)), _free(program, nodes)
    if new in nodes or f"{new}/".startswith(f"{old}/"):
        return False
    verb(old, new)
    _copied(program.plain, old, new)
    if is_gone:
        _removed(program.plain, old)
    return True


def _deleting(program: Program, nodes: Nodes) -> bool:
    if not nodes:
        return False
    path = program.chance.choice(list(nodes))
    program.tx.delete(path)
    _removed(program.plain, path)
    return True


def _assigning(program: Program, nodes: Nodes) -> bool:
    if not nodes.arrays:
        return False
    path = program.chance.choice(nodes.arrays)
    array: Any = zarr.open_array(program.plain, path=path)
    if 0 in array.shape:
        return False
    index = tuple(slice(program.chance.randrange(length), None) for length in array.shape)
    value = program.chance.randrange(2)
    program.tx[path][index] = np.array(value, array.dtype)
    array[index] = value
    return True


def _committing(program: Program, _: Nodes) -> bool:
    program.tx.commit()
    program._begin()
    return True


def _diffing(program: Program, _: Nodes) -> bool:
    str(program.tx.diff())
    return True


def _forking(program: Program, nodes: Nodes) -> bool:
    """Write what is free in two forks, and merge them."""
    forks = [program.tx.fork() for _ in range(2)]
    for fork in forks:
        path = f"fork{program.chance.randrange(10**6)}"
        data = np.arange(program.chance.randrange(1, 9))
        for store in (fork.store, program.plain):
            zarr.create_array(store, name=path, data=data, chunks=(2,))
    program.tx.merge(*forks)
    return True


def _threading(program: Program, nodes: Nodes) -> bool:
    """Write parts of one array from several threads at a time."""
    path = program.chance.choice(nodes.arrays) if nodes.arrays else ""
    plain: Any = zarr.open_array(program.plain, path=path) if path else None
    if plain is None or not plain.shape[0]:
        return False
    array: Any = zarr.open_array(program.tx.store, path=path)
    values = [np.array(program.chance.randrange(2), array.dtype) for _ in range(array.shape[0])]
    with ThreadPoolExecutor(len(values)) as threads:
        list(threads.map(array.__setitem__, range(len(values)), values))
    for row, value in enumerate(values):
        plain[row] = value
    return True


def _storing(program: Program, _: Nodes) -> bool:
    key = f"loose{program.chance.randrange(3)}"
    for store in (program.tx.store, program.plain):
        sync(store.set(key, cpu.Buffer.from_bytes(b"%d" % program.done.total())))
    return True


VERBS: dict[str, Callable[[Program, Nodes], bool]] = {
    "move": _moving,
    "copy": _copying,
    "delete": _deleting,
    "assign": _assigning,
    "commit": _committing,
    "diff": _diffing,
    "fork and merge": _forking,
    "threads": _threading,
    "store": _storing,
}


def run(seeds: range, actors: int, workers: tuple[Worker, ...] = ()) -> tuple[Counter[str], int]:
    """Run programs; return how often each operation was done, and how many programs differ."""
    total, bad = Counter[str](), 0
    for seed in seeds:
        try:
            total += Program(seed, actors, workers).run()
        except Exception as exc:  # noqa: BLE001 - told, and the next program is run
            bad += 1
            told = [f"seed {seed}: {type(exc).__name__}: {exc}", *exc.__notes__]
            sys.stdout.write("\n  ".join(told) + "\n")
    return total, bad


def main() -> int:
    """Run programs, and print how often each operation was done."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--actors", type=int, default=3)
    parser.add_argument("--processes", action="store_true", help="actors in real processes")
    options = parser.parse_args()
    count = options.actors - 1 if options.processes else 0
    workers = tuple(Worker() for _ in range(count))
    try:
        seeds = range(options.seed, options.seed + options.programs)
        total, bad = run(seeds, options.actors, workers)
    finally:
        for worker in workers:
            worker.close()
    lines = [f"{number:8,} {name}" for name, number in sorted(total.items())]
    end = f"zarr {zarr.__version__}, {options.actors} actors: {options.programs} programs"
    sys.stdout.write("\n".join([*lines, f"{end}, {bad} differ"]) + "\n")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
