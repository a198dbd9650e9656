"""Stored documents changed by someone who also puts the digests right, and read carefully."""

import base64
import copy
import json
import math
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import vstore
from tests.faults.interposed import InterposedStore
from tests.faults.samples import build
from tests.peak_memory import own_peak_nbytes
from vstore import Repository, VstoreError
from vstore.faces import internals
from vstore.format.digest import digest_of
from vstore.format.document import dumps
from vstore.storage.local import LocalStore
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Key
from vstore.transfer.cloning import ClonePlan, clone
from vstore.transfer.exchange import TransferOptions

MOST_SECONDS = 1.0
MOST_NBYTES = 256 * 2**20
MOST_PIECE_NBYTES = 16 * 2**20
"""Who reads carefully looks at what sizes an array declares for chunks and samples first."""

EVIL: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 7, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30,
    0.5, -0.0, 1e308, "", "0", "a", "\x00", "/", "..", "../../etc/passwd", "/etc/passwd", "~",
    "C:\\x", "x" * 100_000, "\u202e", "\ud7ff", [], {}, [[]], [None], [0] * 1000, [-1], [2**62],
    [1, 2, 3], [2**31, 2**31], [0, 0], {"name": "numcodecs.pickle"}, [{"name": "numcodecs.pickle"}],
    {"name": "bytes", "configuration": {"endian": "big"}}, {"name": "zstd"}, "O", "object",
    {"name": "zstd", "configuration": {"level": 10**9, "checksum": "x"}}, "int64", "<U1000000000",
    {"name": "fixed_length_utf32", "configuration": {"length_bytes": 2**31 - 4}}, "float16",
    {"name": "sharding_indexed", "configuration": {"chunk_shape": [0]}}, "0" * 64, "f" * 64, 2, 99,
    {"name": "regular", "configuration": {"chunk_shape": [2**40]}}, ["must-understand"], "\u0661",
)  # fmt: skip
_PUNCTUATION = b'{}[],:"\\0123456789-+eE.ntf \xff\x00'


def load() -> dict[Key, bytes]:
    """Return the objects of a small repository, the same ones each time."""
    with tempfile.TemporaryDirectory() as name, _always_the_same():
        build(Path(name))
        store = LocalStore(name)
        return {info.key: store.get(info.key) for info in store.list_prefix("")}


@contextmanager
def _always_the_same() -> Iterator[None]:
    """Let commits have times and tokens that do not depend on when they are made."""
    chance, start = random.Random(0), datetime(2026, 1, 1, tzinfo=UTC)
    ticks = count()

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return (start + timedelta(seconds=next(ticks))).astimezone(tz)

    with (
        patch("secrets.token_hex", lambda nbytes: chance.randbytes(nbytes).hex()),
        patch("vstore.repository.opening.datetime", Clock),
        patch("vstore.writing.committing.datetime", Clock),
        patch("vstore.history.tag_refs.datetime", Clock),
    ):
        yield


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Return a document changed in one place or a few; its own check is put right.

    Of a branch, the commit that it carries is changed as deeply as any other.
    """
    if chance.random() < 0.2:
        return _mutate_bytes(data, chance)
    value = json.loads(data)
    carries = isinstance(value.get("head"), str)
    if carries:
        value["head"] = json.loads(value["head"])
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        value = _mutate_value(value, chance)
    if carries and isinstance(value, dict) and isinstance(value.get("head"), dict | list):
        value["head"] = json.dumps(value["head"])
        value["commit"] = digest_of(value["head"].encode())
    if isinstance(value, dict) and "check" in value:
        members = {name: member for name, member in value.items() if name != "check"}
        with suppress(VstoreError):
            value = members | {"check": digest_of(dumps(members))}
    if chance.random() < 0.05:
        return _nested(value, chance)
    return json.dumps(value).encode(errors="surrogatepass")


def _mutate_bytes(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed) + 1)
        match chance.randrange(4):
            case 0:
                del changed[place : place + chance.choice((1, 1, 8, 1000))]
            case 1:
                changed[place:place] = bytes([chance.choice(_PUNCTUATION)])
            case 2:
                changed[place : place + 1] = bytes([chance.choice(_PUNCTUATION)])
            case _:
                other = chance.randrange(len(changed) + 1)
                changed[place:place] = changed[other : other + chance.choice((10, 200))]
    return bytes(changed)


def _nested(value: Any, chance: random.Random) -> bytes:
    text = json.dumps(value)
    depth = chance.choice((63, 65, 1000, 100_000))
    return chance.choice(
        (
            ("[" * depth + text + "]" * depth).encode(),
            text.replace("{", '{"deep":' + "[" * depth + "]" * depth + ",", 1).encode(),
            text.replace("{", '{"format":1,"format":2,', 1).encode(),
        )
    )


def _mutate_value(value: Any, chance: random.Random) -> Any:
    """Change one place somewhere in a JSON value, the deeper ones as often as the others."""
    places = list(_places(value))
    if not places:
        return _evil(chance)
    parent, key = chance.choice(places)
    match chance.randrange(6):
        case 0:
            del parent[key]
        case 1 if isinstance(parent, dict):
            parent[chance.choice(("x", "", "features", "__proto__", str(key) + "x"))] = parent[key]
        case 1 | 2 if isinstance(parent, list):
            parent.insert(key, chance.choice((parent[key], _evil(chance))))
        case 3:
            other, name = chance.choice(places)
            parent[key] = json.loads(json.dumps(other[name]))
        case _:
            parent[key] = _changed(parent[key], chance)
    return value


def _evil(chance: random.Random) -> Any:
    """Return something of its own, which may be changed in its turn."""
    return copy.deepcopy(chance.choice(EVIL))


def _changed(value: Any, chance: random.Random) -> Any:
    if isinstance(value, bool) or value is None or chance.random() < 0.5:
        return _evil(chance)
    if isinstance(value, int):
        others = (value + 1, value - 1, -value, value * 2, value * 2**20, 2**63 - value)
        return chance.choice(others)
    if isinstance(value, str) and len(value) > 40:
        return _changed_text(value, chance)
    if isinstance(value, str):
        return chance.choice((value + "x", value[:-1], value.upper(), value * 1000))
    return _evil(chance)


def _changed_text(value: str, chance: random.Random) -> str:
    """Change a digest, or bytes in base64, without making it malformed."""
    with suppress(ValueError):
        raw = bytearray(base64.b64decode(value, validate=True))
        raw[chance.randrange(len(raw))] ^= 255
        return base64.b64encode(raw * chance.choice((1, 1, 2))).decode()
    place = chance.randrange(len(value))
    return value[:place] + chance.choice("0123456789abcdef") + value[place + 1 :]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys: Any = value.keys() if isinstance(value, dict) else range(len(value))
    if isinstance(value, (dict, list)):
        for key in list(keys):
            yield value, key
            if isinstance(value[key], (dict, list)):
                yield from _places(value[key])


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """What one thing that readers do came to, and what it cost."""

    name: str
    seconds: float
    nbytes: int
    outcome: str

    @property
    def is_costly(self) -> bool:
        """Whether it took longer, or more memory, than any document may."""
        return self.seconds > MOST_SECONDS or self.nbytes > MOST_NBYTES

    def __str__(self) -> str:
        cost = f"{self.seconds:.2f} s, {self.nbytes / 2**20:.0f} MiB"
        return f"{self.name}: {self.outcome}, {cost}"


@dataclass
class Survey:
    """What came of reading many mutated documents."""

    documents: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    largest: int = 0
    failures: list[str] = field(default_factory=list)

    def __add__(self, other: "Survey") -> "Survey":
        return Survey(
            self.documents + other.documents,
            self.outcomes + other.outcomes,
            max(self.slowest, other.slowest),
            max(self.largest, other.largest),
            self.failures + other.failures,
        )

    def add(self, step: Step, where: str) -> None:
        """Count a step, and keep it if it is none that a mutated document may lead to."""
        self.outcomes[step.outcome] += 1
        self.slowest = max(self.slowest, step.seconds)
        self.largest = max(self.largest, step.nbytes)
        if step.outcome.startswith("not ") or step.is_costly:
            self.failures.append(f"{where}: {step}")


def survey(count: int, *, seed: int = 0) -> Survey:
    """Mutate one document at a time and do with the repository all that reads it."""
    objects, chance, found = load(), random.Random(seed), Survey()
    documents = sorted(key for key in objects if key.endswith(".json"))
    readers = _readers(objects)
    for number in range(count):
        key = chance.choice(documents)
        changed = {**objects, key: mutate(objects[key], chance)}
        steps = _read(changed, readers[key])
        if any(step.is_costly for step in steps):
            # Other work on this machine only ever adds: what a step needs is the least it took.
            again = [_read(changed, readers[key]) for _ in range(2)]
            steps = [min(each) for each in zip(steps, *again, strict=True)]
        for step in steps:
            found.add(step, f"seed {seed}, document {number}, {key}")
        found.documents += 1
    return found


def _readers(objects: Mapping[Key, bytes]) -> dict[Key, list[str]]:
    """Return which steps read each object: to the others a change of it makes no difference."""
    found: dict[Key, list[str]] = {key: [] for key in objects}
    inner = _stored(objects)
    for name, step in STEPS.items():
        seen: set[Key] = set()

        def look(_: str, key: Key, send: Callable[[], Any], seen: set[Key] = seen) -> Any:
            seen.add(key)
            return send()

        step(Repository(InterposedStore(inner, look)))
        for key in seen & found.keys():
            found[key].append(name)
    return found


def _read(objects: Mapping[Key, bytes], names: Sequence[str]) -> list[Step]:
    """Do some of what readers do with a repository of these objects."""
    repository = Repository(_stored(objects))
    with believing_digests():
        return [_measured(name, partial(STEPS[name], repository)) for name in names]


def _stored(objects: Mapping[Key, bytes]) -> MemoryStore:
    store = MemoryStore()
    for name, data in objects.items():
        store.put(name, data)
    return store


@contextmanager
def believing_digests() -> Iterator[None]:
    """Take every digest for right, as if whoever changed an object had put right all others."""
    with (
        patch("vstore.format.digest.raw_digest", lambda data: _Right()),
        patch("vstore.reading.fetch.raw_digest", lambda data: _Right()),
    ):
        yield


class _Right:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def _append(repository: Repository) -> None:
    tx = repository.transaction("main", message="Add")
    try:
        tx["u"].extend({"n": [1]})
        internals(tx).write()
    finally:
        tx.discard()


def _clone(repository: Repository, plan: ClonePlan) -> None:
    """Copy what a stranger offers, and what came of it again."""
    store, copy_of = internals(repository).store, MemoryStore()
    try:
        clone(store, copy_of, "memory://stranger", plan)
    finally:
        assert all(".." not in info.key.split("/") for info in copy_of.list_prefix(""))


PART = ClonePlan(options=TransferOptions(packs=False, depth=2))


def browse(group: Any) -> None:
    """Read what is there as somebody would who does not trust its sizes."""
    str(group)
    for name in group:
        child = group[name]
        str(child)
        if isinstance(child, vstore.Table):
            for column in child.columns:
                if _is_small(child[column]):
                    list(child[column][:2])
            if len(child) <= 1000:
                child.sample_keys()
        elif isinstance(child, vstore.Array):
            if _is_small(child):
                child[tuple(slice(0, 2) for _ in child.shape)]
        else:
            browse(child)


def _is_small(array: Any) -> bool:
    metadata = array.metadata
    elements = max(math.prod(metadata.chunk_shape), math.prod(metadata.shape[1:]))
    return bool(elements * metadata.dtype.itemsize <= MOST_PIECE_NBYTES)


STEPS: dict[str, Callable[[Repository], object]] = {
    "description": lambda repository: repository.description,
    "branches": lambda repository: [repository.branches[name] for name in repository.branches],
    "tags": lambda repository: [repository.tags.get(name) for name in repository.tags],
    "log": lambda repository: list(repository.log("main")),
    "main": lambda repository: browse(repository.checkout("main")),
    "side": lambda repository: browse(repository.checkout("side")),
    "tag": lambda repository: browse(repository.checkout("v1")),
    "diff": lambda repository: str(repository.diff("v1", "main")),
    "commit": _append,
    "merge": lambda repository: repository.merge("side", into="main", dry_run=True),
    "clone": lambda repository: _clone(repository, ClonePlan()),
    "clone of a part": lambda repository: _clone(repository, PART),
    "mirror": lambda repository: _clone(repository, ClonePlan(remote=None)),
    "fsck": lambda repository: repository.fsck(mode="full"),
}


def _measured(name: str, step: Callable[[], Any]) -> Step:
    """Do one thing; its seconds are the processor's and those that it would sleep."""
    slept: list[float] = []
    before = _forget_peak()
    started = time.process_time()
    with patch("time.sleep", slept.append):
        outcome = _outcome(step)
    seconds = time.process_time() - started + sum(slept)
    return Step(name, seconds, max(0, own_peak_nbytes() - before), outcome)


def _outcome(step: Callable[[], Any]) -> str:
    try:
        step()
    except VstoreError as error:
        return type(error).__name__
    except Exception as error:  # noqa: BLE001 - any other error is what this looks for
        return f"not a VstoreError: {type(error).__name__}: {error}"[:200]
    return "fine"


def _forget_peak() -> int:
    """Let the process's peak of memory begin at what it uses now; return that."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return own_peak_nbytes()
