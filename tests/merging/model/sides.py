"""All that one side of a merge may have done to a table of two samples, to arrays and to groups."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from tests.merging.model import rewriting
from tests.merging.model.both import Both
from tests.merging.model.changes import NUMBER
from tests.merging.model.state import Name
from tests.merging.model.twin import Act, Twin
from tests.merging.model.values import INT32, INT64, TEXT, Cell, Form, cell
from tests.repositories import new_repository

FLOAT32 = Form("ndarray", "float32")
A, B, C, D = "a", "b", "c", "d"
"""Two samples, one that was deleted before both sides began, and one to be added."""

Side = Callable[[Twin, str], None]
"""What is done on a branch."""


def ints(*values: int, form: Form = INT32) -> list[Cell]:
    """Return cells of whole numbers."""
    return [cell(form.number(value)) for value in values]


def real(value: float) -> Cell:
    """Return a cell of the column `o`."""
    return cell(np.float32(value))


class Pairs:
    """What both sides begin with, with keys or without, and what they may do."""

    def __init__(self, keys: Any) -> None:
        self.keys = keys
        self.twin = Twin(new_repository())
        self.twin.commit("main", self._begin)
        self.twin.commit("main", lambda both: both.delete("t", self._name(C)))

    def _name(self, letter: str) -> Name:
        return letter if self.keys else "abc".index(letter)

    def _begin(self, both: Both) -> None:
        columns = {"x": (INT32, False), "y": (TEXT, False), "o": (FLOAT32, True)}
        both.make_table("t", self.keys, columns | self._numbers)
        for letter, x, o in (A, 10, real(1)), (B, 20, None), (C, 30, real(3)):
            self._add(both, letter, self._name(letter), x=ints(x)[0], y="", o=o)
        both.set_attributes("t", {"unit": "m"}, "x")
        both.set_attributes("t", {"made": 1})
        both.make_array("a", "int16")
        both.make_array("g/b", "int16")
        both.change_element("a", 0, 9)

    @property
    def _numbers(self) -> dict[str, tuple[Form, bool]]:
        return {} if self.keys else {NUMBER: (INT64, False)}

    def _add(self, both: Both, letter: str, name: Name, **cells: Cell) -> None:
        more = {} if self.keys else {NUMBER: ints(name, form=INT64)[0]}
        both.add("t", letter if self.keys else name, cells | more)

    # What a side does

    def _change(self, letter: str, **cells: Cell) -> Act:
        return lambda both: both.change("t", self._name(letter), cells)

    def _new(self, letter: str, x: int, **more: Cell) -> Act:
        """Add a sample; without keys it is another one on each side."""
        return lambda both: self._add(
            both, letter, 100 + next(both.fresh), x=ints(x)[0], y="", o=None, **more
        )

    def _remake(self, both: Both, form: Form, optional: bool, cells: list[Cell] | None) -> None:
        both.drop_column("t", "x")
        both.add_column("t", "x", (form, optional), cells)

    def _remake_table(self, both: Both, x: int) -> None:
        both.drop("t")
        both.make_table("t", self.keys, {"x": (INT32, False), "y": (TEXT, False)} | self._numbers)
        self._add(both, A, 100 + next(both.fresh), x=ints(x)[0], y="new")

    def samples(self) -> dict[str, Act]:
        """Return what is done to samples."""
        return {
            "a.x = 1": self._change(A, x=ints(1)[0]),
            "a.x = 2": self._change(A, x=ints(2)[0]),
            "a.x = 0": self._change(A, x=ints(0)[0]),
            "a.o = 1.5": self._change(A, o=real(1.5)),
            "a.o = 0": self._change(A, o=real(0)),
            "a.o missing": self._change(A, o=None),
            "b.o = 0": self._change(B, o=real(0)),
            "b.x = 1": self._change(B, x=ints(1)[0]),
            "delete a": lambda both: both.delete("t", self._name(A)),
            "add c": self._new(C, 30),
            "add c otherwise": self._new(C, 31),
            "add d": self._new(D, 40),
            "add d otherwise": self._new(D, 41),
            "compact": lambda both: both.compact("t"),
            "delete b and compact": all_of(
                lambda both: both.delete("t", self._name(B)), lambda both: both.compact("t")
            ),
        }

    def columns(self) -> dict[str, Act]:
        """Return what is done to columns."""

        def add(*column: Any) -> Act:
            return lambda both: both.add_column("t", "w", *column)

        cast: Act = lambda both: both.cast("t", "x", "int64")  # noqa: E731
        rename: Act = lambda both: both.rename_column("t", "x", "z")  # noqa: E731
        return {
            "column w": add((INT32, False)),
            "column w = 5, 6": add((INT32, False), ints(5, 6)),
            "column w = 5, 7": add((INT32, False), ints(5, 7)),
            "column w optional": add((INT32, True)),
            "column w optional = 5, missing": add((INT32, True), [*ints(5), None]),
            "column w int64 = 5, 6": add((INT64, False), ints(5, 6, form=INT64)),
            "column w = 5, 6 and add d": all_of(
                add((INT32, False), ints(5, 6)), self._new(D, 40, w=ints(8)[0])
            ),
            "cast x to int64": cast,
            "cast x to float64": lambda both: both.cast("t", "x", "float64"),
            "cast x and a.x = 7": all_of(cast, self._change(A, x=ints(7, form=INT64)[0])),
            "rename x to z": rename,
            "rename x to z and a.z = 1": all_of(rename, self._change(A, z=ints(1)[0])),
            "rename x to w": lambda both: both.rename_column("t", "x", "w"),
            "drop x": lambda both: both.drop_column("t", "x"),
            "recreate x": partial(self._remake, form=INT32, optional=False, cells=ints(5, 6)),
            "recreate x optional": partial(self._remake, form=INT32, optional=True, cells=None),
            "recreate x int64": partial(self._remake, form=INT64, optional=False, cells=None),
        }

    def tables(self) -> dict[str, Act]:
        """Return what is done to attributes and to the table as a whole."""

        def attributes(values: Mapping[str, Any], column: str | None = None) -> Act:
            return lambda both: both.set_attributes("t", values, column)

        return {
            "set x.from": attributes({"unit": "m", "from": 1}, "x"),
            "x.unit = 1": attributes({"unit": 1}, "x"),
            "x.unit = 1.0": attributes({"unit": 1.0}, "x"),
            "remove x.unit": attributes({}, "x"),
            "t.made = true": attributes({"made": True}),
            "remove t.made": attributes({}),
            "move t to u": lambda both: both.move("t", "u"),
            "move t to g/t": lambda both: both.move("t", "g/t"),
            "copy t to u": lambda both: both.copy("t", "u"),
            "drop t": lambda both: both.drop("t"),
            "recreate t": partial(self._remake_table, x=1),
            "recreate t otherwise": partial(self._remake_table, x=2),
        }

    def of_tables(self) -> dict[str, Side]:
        """Return all that a side may do to the table."""
        samples = self.samples()
        acts = {**samples, **self.columns(), **self.tables()}
        found = {name: doing(act) for name, act in acts.items()}
        found["nothing"] = doing()
        found["restore c"] = restore
        found["a.x = 1 and add d, squashed"] = squashed(samples["a.x = 1"], samples["add d"])
        return found

    def of_nodes(self) -> dict[str, Side]:
        """Return all that a side may do to arrays and groups."""

        def element(path: str, at: int, value: int) -> Act:
            return lambda both: both.change_element(path, at, value)

        def attribute(path: str, attributes: Mapping[str, Any]) -> Act:
            return lambda both: both.set_attributes(path, attributes)

        def remake(dtype: str) -> Act:
            made: Act = lambda both: both.make_array("a", dtype)  # noqa: E731
            return all_of(lambda both: both.drop("a"), made, element("a", 0, 9))

        make: Act = lambda both: both.make_array("c", "int16")  # noqa: E731
        acts: dict[str, Act] = {
            "a[0] = 1": element("a", 0, 1),
            "a[0] = 2": element("a", 0, 2),
            "a[0] = 0": element("a", 0, 0),
            "a[1] = 2": element("a", 1, 2),
            "drop a": lambda both: both.drop("a"),
            "recreate a": remake("int16"),
            "recreate a int32": remake("int32"),
            "g.unit = 1": attribute("g", {"unit": 1}),
            "g.unit = true": attribute("g", {"unit": True}),
            "g.from = 1": attribute("g", {"from": 1}),
            "root.unit = 1": attribute("", {"unit": 1}),
            "root.unit = null": attribute("", {"unit": None}),
            "drop g": lambda both: both.drop("g"),
            "g/b[0] = 1": element("g/b", 0, 1),
            "move t to g/t": lambda both: both.move("t", "g/t"),
            "make g/c": lambda both: both.make_array("g/c", "int16"),
            "make c": make,
            "make c = 1": all_of(make, element("c", 0, 1)),
        }
        return {"nothing": doing()} | {name: doing(act) for name, act in acts.items()}


def doing(*acts: Act) -> Side:
    """Return a side that makes a commit of each change."""

    def do(twin: Twin, branch: str) -> None:
        for act in acts:
            twin.commit(branch, act)

    return do


def all_of(*acts: Act) -> Act:
    """Return changes of one commit."""

    def act(both: Both) -> None:
        for each in acts:
            each(both)

    return act


def restore(twin: Twin, branch: str) -> None:
    """Bring back the sample that was deleted."""
    rewriting.revert(twin, "main", branch)


def squashed(*acts: Act) -> Side:
    """Return a side that makes one commit of several."""

    def do(twin: Twin, branch: str) -> None:
        doing(*acts)(twin, branch)
        rewriting.squash(twin, branch, "main")

    return do


def branch_of(name: str) -> str:
    """Return what the branch of a side is called."""
    return "".join(c if c.isalnum() else "-" for c in name).strip("-")


def shares(names: Sequence[str], one: str, share: int) -> list[str]:
    """Return each `share`-th of some names, beginning elsewhere for each name."""
    return [each for i, each in enumerate(names) if (i + 2 * names.index(one)) % share == 0]
