"""Changes to look at: samples before and after, next to each other."""

from collections.abc import Iterator, Mapping, Sequence

from vstore.diffing.boxes import status_mark
from vstore.diffing.comparison import moved, moved_line
from vstore.diffing.pairs import SamplePair
from vstore.display import boxes, notebook
from vstore.display.html import Content, Markup, joined
from vstore.display.lines import one_line
from vstore.display.values import cell
from vstore.faces import exported_from
from vstore.wording import plural, printable

_SIZES = (96, 64, 40, 24, 0)


@exported_from("vstore")
class DiffPreview:
    """Samples that differ, read already: what `Diff.show` returns.

    `tables` has the pairs by the path of their table, and `counts` how many samples of each
    table differ, shown or not.
    """

    def __init__(
        self, tables: Mapping[str, Sequence[SamplePair]], counts: Mapping[str, int]
    ) -> None:
        self.tables = tables
        self.counts = counts

    def __str__(self) -> str:
        return printable("\n".join(self._lines())) or "no sample differs"

    def __repr__(self) -> str:
        return str(self)

    def _lines(self) -> Iterator[str]:
        for path, pairs in self.tables.items():
            yield f"{path}: {plural(self.counts[path], 'sample')}"
            for pair in pairs:
                yield f"  {pair.status} {pair.key!r}"
                for name in pair.columns:
                    sides = [one_line(side[name]) for side in (pair.old, pair.new) if name in side]
                    note = moved_line(pair, name)
                    yield f"    {name}: {' -> '.join(sides)}{f' ({note})' if note else ''}"
            rest = self.counts[path] - len(pairs)
            if rest > 0:
                yield f"  … and {rest:,} more"

    def _repr_html_(self) -> str:
        return notebook.shown(self._box, self)

    def _box(self) -> Markup:
        if not self.tables:
            return boxes.note("no sample differs")
        return notebook.fitted(self._tables, _SIZES)

    def _tables(self, size: int) -> Markup:
        return joined(*(self._table(path, size) for path in self.tables))

    def _table(self, path: str, size: int) -> Markup:
        pairs = self.tables[path]
        rows = [row for pair in pairs for row in pair_rows(pair, size)]
        heads = ("", "sample", "column", "before", "after", "difference")
        rest = boxes.more(self.counts[path] - len(pairs))
        content = boxes.grid(heads, rows, most=len(rows)), rest
        return boxes.box(
            "Changes in", path or "/", *content, note=plural(self.counts[path], "sample")
        )


def pair_rows(pair: SamplePair, size: int) -> Iterator[tuple[Content, ...]]:
    """Yield a line of a grid for each column in which a sample differs."""
    for i, name in enumerate(pair.columns):
        sides = [
            cell(side[name], size=size, alt=f"{name} of {pair.key!r} {when}")
            if name in side
            else None
            for side, when in ((pair.old, "before"), (pair.new, "after"))
        ]
        first = (None, None) if i else (status_mark(pair.status), str(pair.key))
        yield (*first, name, *sides, moved(pair, name, size))
