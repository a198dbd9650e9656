"""A few samples to look at: text for a terminal, thumbnails for a notebook."""

from collections.abc import Mapping, Sequence
from typing import Any

from vstore.display import boxes, notebook
from vstore.display.html import Content, Markup, joined
from vstore.display.lines import one_line
from vstore.display.values import cell
from vstore.faces import exported_from
from vstore.wording import printable

_SIZES = (96, 64, 40, 24, 0)
_LARGE = (320, 160, 96, 0)
_WIDTH = 40


@exported_from("vstore")
class Preview:
    """Samples to look at, read already: what `Table.head` and `Table.show` return.

    `columns` has the values by column, `positions` says where the samples are in the table,
    and `keys` what they are called, None without keys.
    """

    def __init__(
        self,
        path: str,
        columns: Mapping[str, Sequence[Any]],
        positions: Sequence[int],
        *,
        keys: Sequence[Any] | None = None,
        is_one: bool = False,
    ) -> None:
        self.path = path
        self.columns = columns
        self.positions = positions
        self.keys = keys
        self._is_one = is_one

    def __len__(self) -> int:
        return len(self.positions)

    def __str__(self) -> str:
        names = [["", *(f"{position:,}" for position in self.positions)]]
        if self.keys is not None:
            names.append(["key", *(printable(str(key)) for key in self.keys)])
        values = [
            [printable(name), *(printable(one_line(value)) for value in found)]
            for name, found in self.columns.items()
        ]
        if self._is_one:
            lines = [f"{printable(self.path)}[{self.positions[0]}]", *self._key_line()]
            width = max((len(name) for name, _ in values), default=0)
            return "\n".join([*lines, *(f"  {name:{width}}  {value}" for name, value in values)])
        return "\n".join(_aligned([*names, *values]))

    def _key_line(self) -> list[str]:
        return [] if self.keys is None else [printable(f"  key {self.keys[0]!r}")]

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return notebook.shown(self._box, self)

    def _box(self) -> Markup:
        """Return the samples with pictures as large as the size of a representation allows."""
        if self._is_one:
            return notebook.fitted(self._sample, _LARGE)
        return notebook.fitted(self._samples, _SIZES)

    def _samples(self, size: int) -> Markup:
        heads: list[Content] = ["#", "key", *self.columns]
        rows = [
            [
                f"{position:,}",
                None if self.keys is None else str(self.keys[i]),
                *(
                    cell(found[i], size=size, alt=f"{name} of sample {position}")
                    for name, found in self.columns.items()
                ),
            ]
            for i, position in enumerate(self.positions)
        ]
        return boxes.box(
            "Samples of", self.path, boxes.grid(heads, rows, right=[0], count=len(self))
        )

    def _sample(self, size: int) -> Markup:
        position = self.positions[0]
        name = f"{self.path}[{position}]"
        shown = {
            column: joined(cell(found[0], size=size, alt=f"{column} of sample {position}"))
            for column, found in self.columns.items()
        }
        key = None if self.keys is None else f"key {self.keys[0]!r}"
        return boxes.box("Sample", name, boxes.facts(shown), note=key)


def _aligned(columns: Sequence[Sequence[str]]) -> list[str]:
    widths = [min(max(map(len, column)), _WIDTH) for column in columns]
    return [
        "  ".join(
            (text if len(text) <= width else f"{text[: width - 1]}…").ljust(width)
            for text, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in zip(*columns, strict=True)
    ]
