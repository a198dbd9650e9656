"""Values of tables, columns and arrays, as text and as JSON."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

import vstore
from vstore.cli import preview
from vstore.cli.description import Node
from vstore.errors import InvalidInputError, MissingExtraError
from vstore.faces import internals
from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    import numpy as np

    from vstore import entry_points
    from vstore.display import lines as display
    from vstore.display import viewers
    from vstore.reading import looking
else:
    np = lazy("numpy")
    entry_points = lazy("vstore.entry_points")
    looking = lazy("vstore.reading.looking")
    viewers = lazy("vstore.display.viewers")
    display = lazy("vstore.display.lines")

_MIN_WIDTH = 6


def values_json(node: Node, path: str, index: Any) -> dict[str, Any]:
    """Return what an index picks; of a table with the samples' keys, where they have any."""
    if isinstance(node, vstore.Table):
        return _table_json(node, index)
    if isinstance(node, vstore.Group):
        raise _no_values(path)
    return {"path": path, "values": node[index]}


def show_values(node: Node, path: str, index: Any, screen: Console, *, limit: int) -> None:
    """Print what an index picks: at most `limit` samples."""
    if isinstance(node, vstore.Table):
        _show_table(node, index, screen, limit)
    elif isinstance(node, vstore.Column):
        _show_column(node, index, screen, limit)
    elif isinstance(node, vstore.Group):
        raise _no_values(path)
    else:
        _show_value(node[index], screen)


def _table_json(table: "vstore.Table", index: Any) -> dict[str, Any]:
    _check_samples(index, table.path)
    values = {name: column[index] for name, column in table.columns.items()}
    keys = _keys(table, [index] if isinstance(index, int) else _positions(index, len(table)))
    named = {} if keys is None else {"keys": keys[0] if isinstance(index, int) else keys}
    return {"path": table.path, **named, "values": values}


def _show_table(table: "vstore.Table", index: Any, screen: Console, limit: int) -> None:
    """Print one sample from top to bottom, several as the lines of a grid."""
    _check_samples(index, table.path)
    if isinstance(index, int):
        _show_sample(table, index, screen)
        return
    positions = _positions(index, len(table))
    shown = positions[:limit]
    _show_grid(table.columns, shown, screen, keys=_keys(table, shown))
    _show_rest(len(positions) - limit, screen)


def _show_column(column: "vstore.Column", index: Any, screen: Console, limit: int) -> None:
    if isinstance(index, (slice, list)):
        positions = _positions(index, len(column))
        _show_grid({column.name: column}, positions[:limit], screen, keys=None)
        _show_rest(len(positions) - limit, screen)
        return
    value = column[index]
    _show_value(_seen(column, [value])[0] if isinstance(index, int) else value, screen)


def _show_value(value: Any, screen: Console) -> None:
    """Print one value, as a picture too if it is one and there are colours."""
    screen.print(Text(preview.lines(value)), soft_wrap=True)
    _show_picture(value, screen)


def _show_picture(value: Any, screen: Console) -> None:
    has_colours = screen.is_terminal and screen.color_system in ("256", "truecolor")
    if has_colours and preview.is_picture(value):
        screen.print(preview.picture(value, width=screen.width), soft_wrap=True)


def _show_sample(table: "vstore.Table", index: int, screen: Console) -> None:
    values = {name: _read_one(column, index) for name, column in table.columns.items()}
    keys = _keys(table, [index])
    named = "" if keys is None else f"  key {keys[0]!r}"
    screen.print(
        Text.assemble((f"{printable(table.path)}[{index}]", "bold cyan"), printable(named))
    )
    width = max(map(len, values), default=0)
    for name, value in values.items():
        label = Text(f"  {printable(name):{width}}  ", "bold")
        screen.print(Text.assemble(label, display.one_line(value)), soft_wrap=True)
        _show_picture(value, screen)


def _read_one(column: "vstore.Column", index: int) -> Any:
    """Return a sample as a viewer shows it; encoded bytes where no decoder is installed."""
    try:
        return _seen(column, [column[index]])[0]
    except MissingExtraError:
        return column.encoded(index)


def _seen(column: "vstore.Column", values: Any) -> Sequence[Any]:
    """Return what is seen of samples of a column: what a viewer shows, or the samples."""
    if not any(entry_points.plugins(entry_points.VIEWERS)):
        return list(values)
    return viewers.viewed(looking.described(internals(column)), values)


def _show_grid(
    columns: "Mapping[str, vstore.Column]",
    positions: Sequence[int],
    screen: Console,
    *,
    keys: Sequence[Any] | None,
) -> None:
    shown = {printable(name): _cells(column, positions) for name, column in columns.items()}
    parts = {"": [f"{position:,}" for position in positions]}
    if keys is not None:
        parts["key"] = [printable(str(key)) for key in keys]
    cells = [[name, *texts] for name, texts in (*parts.items(), *shown.items())]
    widths = _fitting([max(map(cell_len, texts)) for texts in cells], screen.width)
    grid = Grid(box=None, show_header=False, padding=(0, 1))
    for number in range(len(cells)):
        styles = ["dim"] + ["yellow"] * (keys is not None)
        style = styles[number] if number < len(styles) else ""
        grid.add_column(style=style, justify="left" if number else "right", no_wrap=True)
    for row in range(len(positions) + 1):
        line = [_cut(texts[row], width) for texts, width in zip(cells, widths, strict=True)]
        grid.add_row(*line, style="" if row else "dim")
    screen.print(grid)


def _fitting(widths: Sequence[int], available: int) -> list[int]:
    """Return the widths, the greatest cut down until all fit next to each other."""
    limit = max(widths)
    room = available - 2 * len(widths)
    while limit > _MIN_WIDTH and sum(min(width, limit) for width in widths) > room:
        limit -= 1
    return [min(width, limit) for width in widths]


def _cut(text: str, width: int) -> Text:
    cell = Text(text)
    cell.truncate(width, overflow="ellipsis")
    return cell


def _cells(column: "vstore.Column", positions: Sequence[int]) -> list[str]:
    where = np.array(positions, np.int64)
    format_of = internals(column).info.kind.format_of
    if format_of is not None:
        return [str(display.Unshown(format_of(data), len(data))) for data in column.encoded(where)]
    return [display.one_line(value) for value in _seen(column, list(column[where]))]


def _show_rest(count: int, screen: Console) -> None:
    if count > 0:
        screen.print(Text(f" … and {count:,} more (--limit shows more of them)", "dim"))


def _positions(index: Any, count: int) -> Sequence[int]:
    """Return the positions that a slice or a list picks, counted from the start."""
    if isinstance(index, slice):
        if index.step == 0:
            raise InvalidInputError("the step of an index cannot be 0")
        return range(count)[index]
    return [position + count if -count <= position < 0 else position for position in index]


def _keys(table: "vstore.Table", positions: Sequence[int]) -> Sequence[Any] | None:
    """Return the keys of the samples at some positions, and of no others; None without keys."""
    if table.key_kind is None:
        return None
    keys: list[Any] = (
        internals(table)
        .keys_of(internals(table).rows.locate(np.array(positions, np.int64)))
        .tolist()
    )
    return keys


def _check_samples(index: Any, path: str) -> None:
    if not isinstance(index, (int, slice, list)):
        raise InvalidInputError(
            f"{path!r} is a table, whose only axis is that of the samples",
            hint="index one of its columns for more",
        )


def _no_values(path: str) -> InvalidInputError:
    return InvalidInputError(
        f"{path or '/'!r} is a group", hint="give the path of a table or an array in it"
    )
