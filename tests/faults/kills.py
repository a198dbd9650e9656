"""Killing a process with SIGKILL before, during and after each change it makes to a disk."""

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

import vstore
from tests.faults.audit import heads, reachable, verify_all
from vstore import Repository
from vstore.faces import internals
from vstore.importers import import_into, open_rows
from vstore.maintenance.fsck.fsck import FsckOptions, fsck
from vstore.maintenance.gc.collecting import collect
from vstore.maintenance.gc.options import GcOptions
from vstore.storage import folder as folders
from vstore.storage import local, local_batch
from vstore.storage.local import LocalStore

MUTATING = ("mkdir", "link", "replace", "unlink", "fsync")
OBJECTS = ("commits/", "index/", "packs/")
AUTHOR = vstore.Author("Mortal", "mortal@example.org")
AT_ONCE = GcOptions(grace=timedelta(0), expire=timedelta(0), take_over=True)

State = dict[str, Any]


class Killer:
    """Counts the system calls by which a store changes the disk, and dies at one of them.

    Each call has two points, before and after it. A write is made in two calls, so that
    there are points at which a file is half written.
    """

    def __init__(self, die_at: int | None = None) -> None:
        self.points = 0
        self._die_at = die_at

    def point(self) -> None:
        """Die here, if this is the point."""
        if self.points == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.points += 1

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the call with a point before and one after it."""

        def called(*arguments: Any, **named: Any) -> Any:
            self.point()
            found = call(*arguments, **named)
            self.point()
            return found

        return called

    def install(self) -> None:
        """Stand between local stores and the system, for the rest of this process."""
        for module in (local, local_batch, folders):
            module.os = _System(self)  # type: ignore[attr-defined]


class _System:
    """The module `os`, its mutating calls with points around them."""

    def __init__(self, killer: Killer) -> None:
        for name in MUTATING:
            setattr(self, name, killer.around(getattr(os, name)))
        self.write = killer.around(_write_half)
        self._killer = killer

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: str, flags: int, *arguments: int, dir_fd: int | None = None) -> int:
        if flags & os.O_CREAT:
            self._killer.point()
        return os.open(path, flags, *arguments, dir_fd=dir_fd)


def _write_half(descriptor: int, data: Any) -> int:
    """Write at most half of what is given, as the system may."""
    return os.write(descriptor, data[: max(1, len(data) // 2)] if len(data) > 64 else data)


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that is done to a repository, and what is there before."""

    prepare: Callable[[Path], object]
    run: Callable[[Path], object]


def open_at(folder: Path) -> Repository:
    """Open the repository in a folder as a new process would."""
    return Repository(LocalStore(folder / "repository"), author=AUTHOR)


def _create(folder: Path) -> Repository:
    return vstore.create(folder / "repository", author="Mortal <mortal@example.org>")


def _prepare(folder: Path) -> None:
    repository = _create(folder)
    with repository.transaction("main", message="Start") as tx:
        columns = {"n": vstore.ndarray((), "int64"), "text": vstore.text()}
        tx.create_table("t", columns).extend({"n": [1, 2], "text": ["a", "b"]})
        keyed = tx.create_table("k", {"n": vstore.ndarray((3,), "int32")}, keys="str")
        keyed.extend({"n": np.arange(6).reshape(2, 3)}, keys=["a", "b"])
        tx.create_array("x", shape=(8, 8), dtype="int32", chunk_shape=(4, 4))[...] = 1


def _extend(repository: Repository, number: int, branch: str = "main") -> None:
    with repository.transaction(branch, message=f"Add {number}") as tx:
        tx["t"].extend({"n": [number], "text": [f"text {number}"]})


def _commit(folder: Path) -> None:
    with open_at(folder).transaction("main", message="Change") as tx:
        tx["t"].extend({"n": np.arange(50), "text": [f"text {i}" for i in range(50)]})
        tx["k"].loc["a"] = {"n": [7, 8, 9]}
        tx["x"][2:6, 2:6] = 5
        tx.create_table("new/u", {"y": vstore.ndarray((), "float64")}).extend({"y": [0.5]})


def _prepare_many_nodes(folder: Path) -> None:
    _prepare(folder)
    with open_at(folder).transaction("main", message="Many nodes") as tx:
        for i in range(8):
            noise = {"note": os.urandom(5000).hex()}
            array = tx.create_array(
                f"group {i % 2}/a{i}", shape=(4,), dtype="int8", attributes=noise
            )
            array[:] = i


def _commit_many_nodes(folder: Path) -> None:
    with open_at(folder).transaction("main", message="Change") as tx:
        tx["group 0/a2"][:] = 3
        tx.delete("group 1/a1")


def _prepare_merge(folder: Path) -> None:
    _prepare(folder)
    repository = open_at(folder)
    repository.branches.create("side", at="main")
    _extend(repository, 10)
    _extend(repository, 20, "side")
    with repository.transaction("side", message="Change x") as tx:
        tx["x"][0, 0] = 9


def _merge(folder: Path) -> None:
    open_at(folder).merge("side", into="main")


def _prepare_tag(folder: Path) -> None:
    _prepare(folder)
    open_at(folder).tags.create("kept", message="Kept")


def _prepare_branch(folder: Path) -> None:
    _prepare(folder)
    open_at(folder).branches.create("gone", at="main")


def _prepare_garbage(folder: Path) -> None:
    _prepare_merge(folder)
    repository = open_at(folder)
    repository.branches.delete("side", force=True)
    repository.tags.create("v1")
    for number in range(3):
        tx = repository.transaction("main", message="Abandoned")
        tx["x"][...] = 100 + number
        internals(tx).write()


def _collect(folder: Path) -> None:
    collect(LocalStore(folder / "repository"), AT_ONCE)


def _prepare_import(folder: Path) -> None:
    _create(folder)
    numbers = np.random.default_rng(0)
    np.save(folder / "images.npy", numbers.integers(0, 255, (300, 16, 16), "uint8"))
    np.save(folder / "labels.npy", np.arange(300))


def _import(folder: Path) -> None:
    files = [str(folder / f"{name}.npy") for name in ("images", "labels")]
    rows = open_rows(files)
    with open_at(folder).transaction("main", message="Import") as tx:
        import_into(tx, "train", rows)


def _prepare_push(folder: Path) -> None:
    """Make the repository, and beside it a clone with commits that it lacks."""
    _prepare(folder)
    copy = vstore.clone(folder / "repository", folder / "clone", author="Mortal <m@example.org>")
    for number in range(3):
        _extend(copy, number)


def _push(folder: Path) -> None:
    copy = vstore.open(folder / "clone")
    copy.remotes.open(str(folder / "repository")).push("main")


def _prepare_fetch(folder: Path) -> None:
    """Make the repository a clone of one beside it that has commits since."""
    _prepare(folder)
    shutil.move(folder / "repository", folder / "origin")
    vstore.clone(folder / "origin", folder / "repository")
    origin = vstore.open(folder / "origin", author="Mortal <m@example.org>")
    for number in range(3):
        _extend(origin, number)


def _fetch(folder: Path) -> None:
    open_at(folder).remotes["origin"].fetch("main")


def _prepare_clone(folder: Path) -> None:
    """Make a repository with several commits beside where its clone is to be."""
    _prepare(folder)
    for number in range(3):
        _extend(open_at(folder), number)
    open_at(folder).tags.create("v1")
    shutil.move(folder / "repository", folder / "origin")


def _clone(folder: Path) -> None:
    vstore.clone(folder / "origin", folder / "repository")


CLONING = {"clone": Operation(_prepare_clone, _clone)}
"""What leaves something that is no repository yet, and is finished by the same call."""

OPERATIONS = {
    "create": Operation(lambda folder: None, _create),
    "first commit": Operation(_create, lambda folder: _start(folder)),
    "commit": Operation(_prepare, _commit),
    "commit with index objects": Operation(_prepare_many_nodes, _commit_many_nodes),
    "merge": Operation(_prepare_merge, _merge),
    "create tag": Operation(_prepare, lambda folder: open_at(folder).tags.create("v1")),
    "delete tag": Operation(_prepare_tag, lambda folder: open_at(folder).tags.delete("kept")),
    "create branch": Operation(
        _prepare, lambda folder: open_at(folder).branches.create("made", at="main")
    ),
    "delete branch": Operation(
        _prepare_branch, lambda folder: open_at(folder).branches.delete("gone")
    ),
    "gc": Operation(_prepare_garbage, _collect),
    "import": Operation(_prepare_import, _import),
    "push": Operation(_prepare_push, _push),
    "fetch": Operation(_prepare_fetch, _fetch),
}


def _prepare_part(folder: Path) -> None:
    """Make the repository a clone without data, whose packs hold chunks of several columns."""
    origin = vstore.create(folder / "origin", author="Mortal <m@example.org>")
    with origin.transaction("main", message="First") as tx:
        columns = {name: vstore.ndarray((8,), "int64", rows_per_chunk=64) for name in "xy"}
        values = np.random.default_rng(0).integers(0, 2**60, (640, 8))
        tx.create_table("t", columns).extend({"x": values, "y": values + 1})
    vstore.clone(folder / "origin", folder / "repository", metadata_only=True)


def _fetch_part(folder: Path) -> None:
    open_at(folder).fetch_data("t/x", samples=slice(0, 200))
    open_at(folder).fetch_data("t/y", samples=slice(300, 500))


def _prepare_drop(folder: Path) -> None:
    _prepare_part(folder)
    open_at(folder).fetch_data("t")


def _drop(folder: Path) -> None:
    open_at(folder).drop("t", samples=slice(0, 500))
    open_at(folder).drop("t/y")


PARTIAL = {
    "fetch-data": Operation(_prepare_part, _fetch_part),
    "drop": Operation(_prepare_drop, _drop),
}
"""What changes only which data is here, so that readers see the same at every moment."""


def _start(folder: Path) -> None:
    with open_at(folder).transaction("main", message="First") as tx:
        tx.create_table("t", {"n": vstore.ndarray((), "int64")}).extend({"n": [1]})


def state_of(folder: Path) -> State | None:
    """Return what readers see: branches with their histories, tags, and all data of `main`."""
    repository = open_at(folder)
    try:
        repository.description  # noqa: B018
    except vstore.NotFoundError:
        return None
    histories = {name: [c.message for c in repository.log(name)] for name in repository.branches}
    tags = {name: repository.commit(repository.tags[name]).message for name in repository.tags}
    data = _data(repository.checkout("main")) if "main" in histories else {}
    return {"branches": histories, "tags": tags, "data": data}


def _data(group: Any) -> State:
    found: State = {}
    for name in group:
        child = group[name]
        if isinstance(child, vstore.Table):
            found[name] = {column: _plain(child[column][:]) for column in child.columns}
            found[name]["keys"] = child.sample_keys().tolist()
        elif isinstance(child, vstore.Array):
            found[name] = child[...].tolist()
        else:
            found[name] = _data(child)
    return found


def _plain(values: Any) -> Any:
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


@dataclass(frozen=True, slots=True)
class Kills:
    """What came of killing one operation at many points."""

    points: int
    old: int
    new: int


def kill(operation: str, folder: Path, *, stride: int = 1, first: int = 0) -> Kills:
    """Kill an operation at every `stride`-th point of it and check what is left each time."""
    work = OPERATIONS[operation]
    (folder / "before").mkdir(parents=True)
    work.prepare(folder / "before")
    shutil.copytree(folder / "before", folder / "after")
    work.run(folder / "after")
    before, after = state_of(folder / "before"), state_of(folder / "after")
    found = []
    for place in killed(operation, folder, stride, first):
        left = state_of(place)
        assert left in (before, after), f"{place} holds neither the old state nor the new"
        found.append(left == before)
        _check_usable(place)
        shutil.rmtree(place)
    assert found, "no point was reached"
    return Kills(len(found), sum(found), len(found) - sum(found))


def _check_usable(folder: Path) -> None:
    """Check that all is whole, that work goes on and that what is left over can be collected."""
    if state_of(folder) is None:
        _create(folder)
    repository = open_at(folder)
    _check_sound(repository)
    with repository.transaction("main", message="Go on") as tx:
        tx.create_array("after the kill", shape=(2,), dtype="int8")[:] = 1
    assert repository.commit("main").message == "Go on"
    verify_all(repository)
    collect(repository.store, AT_ONCE)
    wanted = reachable(repository.store, heads(repository).values())
    there = {info.key for prefix in OBJECTS for info in repository.store.list_prefix(prefix)}
    assert there == wanted, "garbage stays, or something needed was collected"
    verify_all(open_at(folder))
    _check_sound(open_at(folder))


def _check_sound(repository: Repository) -> None:
    found = fsck(repository.store, FsckOptions(mode="full", decode=True))
    assert not found.problems, f"fsck found {found}"


def killed(operation: str, folder: Path, stride: int, first: int) -> Iterator[Path]:
    """Yield a folder for each point at which the operation was killed."""
    context = multiprocessing.get_context("forkserver")
    mine, theirs = context.Pipe(duplex=False)
    arguments = (theirs, operation, folder, stride, first)
    process = context.Process(target=_kill_all, args=arguments, daemon=True)
    process.start()
    theirs.close()
    while (place := mine.recv()) is not None:
        yield place
    process.join()


def _kill_all(answer: Connection, operation: str, folder: Path, stride: int, first: int) -> None:
    """Fork a child for each point; this process has no threads, so that it can."""
    number, was_killed = first, True
    while was_killed:
        place = folder / str(number)
        shutil.copytree(folder / "before", place)
        child = os.fork()
        if not child:
            _die_in(operation, place, number)
        _, status = os.waitpid(child, 0)
        was_killed = os.WIFSIGNALED(status)
        assert was_killed or os.waitstatus_to_exitcode(status) == 0, "the operation failed"
        if was_killed:
            answer.send(place)
        number += stride
    answer.send(None)


def _die_in(operation: str, place: Path, number: int) -> None:
    code = 1
    try:
        Killer(number).install()
        (OPERATIONS | PARTIAL | CLONING)[operation].run(place)
        code = 0
    finally:
        os._exit(code)
