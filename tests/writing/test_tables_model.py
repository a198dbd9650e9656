"""Tables against a plain list of samples, over random changes in several commits."""

from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from numpy.typing import NDArray

import vstore
from tests.reading.indices import axis_indices
from tests.repositories import new_repository, table_of

_TEXTS = st.text(st.characters(codec="utf-8", max_codepoint=0x2FF), max_size=5)
_NUMBERS = st.sampled_from([0, 0, 0, 1, -1, 127, -128])
"""Often the fill value, so that chunks come to hold nothing else, and again something."""


NAMES = ("x", "text", "raw", "ragged", "label", "note")
FILL = 7


@dataclass(eq=False)
class Sample:
    """One sample, as the model holds it."""

    x: tuple[int, int]
    text: str
    raw: bytes
    ragged: NDArray[np.float32]
    label: int | None
    note: str | None
    extra: int = FILL
    """What the column holds that comes and goes."""


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Draw one sample; empty and zero ones are common."""
    length = draw(st.sampled_from([0, 0, 1, 2, 5]))
    value = draw(st.sampled_from([0.0, -0.0, 1.5, float("nan")]))
    return Sample(
        (draw(_NUMBERS), draw(_NUMBERS)),
        draw(_TEXTS),
        draw(st.binary(max_size=draw(st.sampled_from([2, 20])))),
        np.full((length, 2), value, np.float32),
        draw(st.none() | _NUMBERS),
        draw(st.none() | _TEXTS),
        draw(_NUMBERS),
    )


def batch_of(new: list[Sample]) -> dict[str, Any]:
    """Return samples as they are given to a table, one entry a column."""
    return {
        "x": np.array([sample.x for sample in new], "int8").reshape(-1, 2),
        "text": [sample.text for sample in new],
        "raw": [sample.raw for sample in new],
        "ragged": [sample.ragged for sample in new],
        "label": [sample.label for sample in new],
        "note": [sample.note for sample in new],
        "extra": [sample.extra for sample in new],
    }


def plain(values: Any) -> list[Any]:
    """Return what was read, arrays as their shape and bits, None for what is missing."""
    values = values.tolist() if isinstance(values, np.ma.MaskedArray) else list(values)
    return [
        (value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value
        for value in values
    ]


@dataclass
class Limits:
    """How small the buffers of the write path are, so that a few samples overflow them."""

    dirty: int
    pack: int
    raw: int
    patches: list[Any] = field(default_factory=list)

    def start(self) -> None:
        values = {
            "staged_array.DIRTY_NBYTES": self.dirty,
            "packs.PACK_NBYTES": self.pack,
            "packs.OPEN_NBYTES": 2 * self.pack,
            "packs.RAW_NBYTES": self.raw,
            "open_choices.ENOUGH_SAMPLES": 7,
            "open_choices.OBJECT_NBYTES": 1,
            "new_column.OBJECT_NBYTES": 1,
            "new_column.CHUNK_NBYTES": 20,
        }
        for name, value in values.items():
            patch = mock.patch(f"vstore.writing.{name}", value)
            patch.start()
            self.patches.append(patch)

    def stop(self) -> None:
        for patch in self.patches:
            patch.stop()


class TableMachine(RuleBasedStateMachine):
    """One table without or with keys, changed in transactions, read between and after them."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = Limits(2**20, 2**20, 2**20)
        self.kind: Any = None
        self.model: list[tuple[Any, Sample]] = []
        self.committed: list[tuple[Any, Sample]] = []
        self.history: list[tuple[str, list[tuple[Any, Sample]], tuple[str, ...]]] = []
        self.has_extra = self.had_extra = False
        self.gone: list[Any] = []
        self.tx: vstore.Transaction | None = None
        self.next_key = 0

    @initialize(
        kind=st.sampled_from([None, "int", "str", "tuple"]),
        rows=st.sampled_from([1, 4, 8, None, None, None]),
        codecs=st.sampled_from(["none", "fast", "balanced"]),
        limits=st.builds(
            Limits,
            st.sampled_from([1, 100, 2**20]),
            st.sampled_from([1, 200, 2**20]),
            st.sampled_from([1, 300, 2**20]),
        ),
    )
    def create(self, kind: Any, rows: int | None, codecs: str, limits: Limits) -> None:
        self.limits = limits
        self.limits.start()
        self.kind = kind
        self.repository = new_repository()
        self.tx = self.repository.transaction("main", message="Create")
        columns = {
            "x": vstore.ndarray((2,), "int8", rows_per_chunk=rows, codecs=codecs),
            "text": vstore.text(rows_per_chunk=rows and 2 * rows, codecs=codecs),
            "raw": vstore.bytes_(rows_per_chunk=rows, codecs=codecs),
            "ragged": vstore.ndarray((None, 2), "float32", rows_per_chunk=rows, codecs=codecs),
            "label": vstore.ndarray((), "int16", rows_per_chunk=rows, fill_value=3).as_optional(),
            "note": vstore.text(rows_per_chunk=rows, codecs=codecs).as_optional(),
        }
        self.tx.create_table("t", columns, keys=kind)

    @property
    def table(self) -> Any:
        if self.tx is None:
            self.tx = self.repository.transaction("main", message="Change")
        return self.tx["t"]

    def _new_keys(self, count: int, data: st.DataObject) -> list[Any] | None:
        if self.kind is None:
            return None
        keys: list[Any] = []
        for _ in range(count):
            if data.draw(st.booleans()) and self.gone:
                keys.append(self.gone.pop())
            else:
                self.next_key += 1
                keys.append(self._new_key(data.draw(st.sampled_from([1, -1]))))
        return keys

    def _new_key(self, sign: int) -> Any:
        kinds = {
            "int": sign * self.next_key,
            "str": f"k{self.next_key}",
            "tuple": ("p", sign) if self.next_key == 1 else (f"p{sign}", self.next_key),
        }
        return kinds[self.kind]

    def _names(self) -> tuple[str, ...]:
        return (*NAMES, "extra") if self.has_extra else NAMES

    def _batch(self, new: list[Sample]) -> dict[str, Any]:
        batch = batch_of(new)
        return {name: batch[name] for name in self._names()}

    def _one(self, sample: Sample) -> dict[str, Any]:
        return {name: value[0] for name, value in self._batch([sample]).items()}

    def _add(self, keys: list[Any] | None, new: list[Sample]) -> None:
        if not self.has_extra:
            new = [Sample(**(vars(sample) | {"extra": FILL})) for sample in new]
        self.model += zip(keys or [None] * len(new), new, strict=True)

    @rule(new=st.lists(samples(), max_size=13), data=st.data())
    def extend(self, new: list[Sample], data: st.DataObject) -> None:
        keys = self._new_keys(len(new), data)
        self.table.extend(self._batch(new), keys=keys)
        self._add(keys, new)

    @rule(sizes=st.lists(st.integers(0, 5), max_size=4), data=st.data())
    def extend_by_batches(self, sizes: list[int], data: st.DataObject) -> None:
        batches = []
        for size in sizes:
            new = [data.draw(samples()) for _ in range(size)]
            keys = self._new_keys(size, data)
            batches.append(self._batch(new) | ({} if keys is None else {"sample": keys}))
            self._add(keys, new)
        self.table.extend(iter(batches))

    @rule(new=samples(), data=st.data())
    def append(self, new: Sample, data: st.DataObject) -> None:
        keys = self._new_keys(1, data)
        self.table.append(self._one(new), key=keys[0] if keys else None)
        self._add(keys, [new])

    @rule(data=st.data())
    def assign(self, data: st.DataObject) -> None:
        index = data.draw(axis_indices(len(self.model)))
        name = data.draw(st.sampled_from(self._names()))
        is_one = isinstance(index, (int, np.integer))
        places = np.atleast_1d(np.arange(len(self.model))[_plain(index)])
        new = [data.draw(samples()) for _ in places]
        values = batch_of(new)[name]
        self.table[name][index] = values[0] if is_one else values
        for place, sample in zip(places.tolist(), new, strict=True):
            self._replace(place, **{name: getattr(sample, name)})

    @rule(data=st.data(), values=st.tuples(_NUMBERS, _NUMBERS))
    def assign_one_value_to_many(self, data: st.DataObject, values: tuple[int, int]) -> None:
        index = data.draw(axis_indices(len(self.model)))
        self.table["x"][index] = np.array(values, "int8")
        for place in np.atleast_1d(np.arange(len(self.model))[_plain(index)]).tolist():
            self._replace(place, x=values)

    @precondition(lambda self: self.kind is not None and self.model)
    @rule(data=st.data(), new=samples())
    def assign_by_key(self, data: st.DataObject, new: Sample) -> None:
        place = data.draw(st.integers(0, len(self.model) - 1))
        names = data.draw(st.sets(st.sampled_from(self._names())))
        columns = self._one(new)
        self.table.loc[self.model[place][0]] = {name: columns[name] for name in names}
        self._replace(place, **{name: getattr(new, name) for name in names})

    def _replace(self, place: int, **changes: Any) -> None:
        key, old = self.model[place]
        self.model[place] = key, Sample(**(vars(old) | changes))

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        index = data.draw(axis_indices(len(self.model)))
        places = set(np.atleast_1d(np.arange(len(self.model))[_plain(index)]).tolist())
        assert self.table.delete(index) == len(places)
        self._remove(places)

    @precondition(lambda self: self.kind is not None)
    @rule(data=st.data())
    def delete_by_keys(self, data: st.DataObject) -> None:
        places = data.draw(st.sets(st.integers(0, len(self.model) - 1))) if self.model else set()
        keys = [self.model[place][0] for place in sorted(places, reverse=True)]
        assert self.table.delete(keys=keys) == len(places)
        self._remove(places)

    def _remove(self, places: set[int]) -> None:
        self.gone += [self.model[place][0] for place in places if self.kind is not None]
        self.model = [pair for i, pair in enumerate(self.model) if i not in places]

    @rule()
    def compact(self) -> None:
        self.table.compact()
        assert self.table.compact() == 0

    @precondition(lambda self: not self.has_extra)
    @rule(data=st.data(), rows=st.sampled_from([1, 4]))
    def add_column(self, data: st.DataObject, rows: int) -> None:
        spec = vstore.ndarray((), "int16", rows_per_chunk=rows, fill_value=FILL)
        values = None
        if data.draw(st.booleans()):
            values = [data.draw(_NUMBERS) for _ in self.model]
        self.table.add_column("extra", spec, values)
        for place in range(len(self.model)):
            self._replace(place, extra=FILL if values is None else values[place])
        self.has_extra = True

    @precondition(lambda self: self.has_extra)
    @rule(rename=st.booleans())
    def drop_column(self, rename: bool) -> None:
        table = self.table
        if rename:
            table.rename_column("extra", "other")
        table.drop_column("other" if rename else "extra")
        for place in range(len(self.model)):
            self._replace(place, extra=FILL)
        self.has_extra = False

    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        index = data.draw(axis_indices(len(self.model)))
        self._check_samples(self.table, np.atleast_1d(np.arange(len(self.model))[_plain(index)]))

    @precondition(lambda self: self.tx is not None)
    @rule()
    def commit(self) -> None:
        assert self.tx is not None
        made = self.tx.commit()
        self.tx = None
        self.committed, self.had_extra = list(self.model), self.has_extra
        if made is not None:
            self.history.append((made.id, self.committed, self._names()))
        self.gone = []

    @precondition(lambda self: self.tx is not None and self.history)
    @rule()
    def discard(self) -> None:
        assert self.tx is not None
        self.tx.discard()
        self.tx = None
        self.model, self.has_extra = list(self.committed), self.had_extra
        self.gone = []

    def _check_samples(self, table: Any, places: NDArray[np.int64]) -> None:
        expected = self._batch([self.model[place][1] for place in places.tolist()])
        for name in self._names():
            assert plain(table[name][places]) == plain(expected[name]), name

    @invariant()
    def lengths_agree(self) -> None:
        if self.tx is not None:
            assert len(self.tx["t"]) == len(self.model)

    @precondition(lambda self: self.tx is None and self.history)
    @invariant()
    def the_commit_is_the_model(self) -> None:
        _check(table_of(self.repository), self.model, self._names(), self.kind)

    def teardown(self) -> None:
        if self.tx is not None:
            self.tx.discard()
        for commit, expected, names in self.history:
            table = table_of(vstore.open(self.repository.url), commit)
            _check(table, expected, names, self.kind)
        self.limits.stop()


def _plain(index: Any) -> Any:
    return np.array([], np.int64) if isinstance(index, list) and not index else index


def _check(
    table: vstore.Table, expected: list[tuple[Any, Sample]], names: tuple[str, ...], kind: Any
) -> None:
    assert len(table) == len(expected)
    assert sorted(table.columns) == sorted(names)
    batch = batch_of([sample for _, sample in expected])
    for name in names:
        assert plain(table[name][:]) == plain(batch[name]), name
    if kind is None:
        assert table.sample_keys().tolist() == list(range(len(expected)))
    else:
        assert table.sample_keys().tolist() == [key for key, _ in expected]
        for i, (key, _) in list(enumerate(expected))[:3]:
            assert table.position(key) == i


class LongTableMachine(TableMachine):
    """The same, for longer."""


TestTables = TableMachine.TestCase
TestTables.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestTablesForLong = pytest.mark.slow(LongTableMachine.TestCase)
TestTablesForLong.settings = settings(
    max_examples=500,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
