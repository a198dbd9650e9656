"""A hundred rows of a table, any of them: thumbnails, filters, and how each column is spread."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.display import boxes
from vstore.display.html import Content, Markup, element, joined
from vstore.display.lines import one_line
from vstore.display.values import cell
from vstore.errors import InvalidInputError
from vstore.faces import internals
from vstore.reading.boxes import shape_of
from vstore.reading.column import Column
from vstore.reading.looking import look
from vstore.reading.table import Table
from vstore.ui import filters
from vstore.ui.layout import Page, choice, commit_link, field, link, numbered, pages
from vstore.ui.pages.media import draw_cell
from vstore.ui.site import Site, stored_rows
from vstore.ui.web import Request, Response, address, key_text, parse_key, redirect

PER_PAGE = 100
_SIZE = 64
_COLUMNS = 24


def table(site: Site, request: Request) -> Page | Response:
    """Return some rows of a table of a commit, or lead to the sample with a key."""
    _, commit, *rest = request.parts
    path = "/".join(rest)
    found = site.table(commit, path)
    if request.query.get("find"):
        key = _key(found, request.query["find"])
        return redirect(address("s", commit, path, key=key_text(key)))
    names = _names(found, request.query.get("cols", ""))
    where, sort = request.query.get("where", "").strip(), request.query.get("sort", "")
    positions = _positions(site, request, found)
    count = len(found) if positions is None else len(positions)
    page = min(request.number("page", 1, least=1), max(1, -(-count // PER_PAGE)))
    start = (page - 1) * PER_PAGE
    shown = np.arange(start, min(start + PER_PAGE, count))
    shown = shown if positions is None else positions[shown]
    rows = stored_rows(found, shown)
    keys = None if found.key_kind is None else internals(found).keys_of(rows).tolist()
    values = look(internals(found), rows, names)
    to = numbered("t", commit, path, where=where, sort=sort, cols=request.query.get("cols"))
    content = joined(
        element("p", f"{len(found):,} samples in commit ", commit_link(commit)),
        _form(found, where, sort, request.query.get("cols", "")),
        None if keys is None else _finder(found),
        pages(page, count, to, PER_PAGE),
        _grid(site, (commit, found), names, shown.tolist(), keys, values),
        pages(page, count, to, PER_PAGE),
        boxes.attributes_of(found.attributes),
    )
    data = {
        "path": path,
        "samples": len(found),
        "matching": count,
        "rows": [
            {"position": int(at), "key": None if keys is None else keys[i]}
            | {name: plain(column[i]) for name, column in values.items()}
            for i, at in enumerate(shown)
        ],
    }
    trail = [("Contents", address("c", commit))]
    return Page(title=path or "/", content=content, data=data, trail=trail, commit=commit)


def plain(value: Any) -> Any:
    """Return a value in JSON's terms; an array as a line that describes it."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    return one_line(value)


def _names(found: Table, wanted: str) -> list[str]:
    """Return the columns that are shown: those that are asked for, else the first ones."""
    names = [name for name in wanted.split(",") if name]
    for name in names:
        found[name]
    return names or list(found.columns)[:_COLUMNS]


def _positions(site: Site, request: Request, found: Table) -> NDArray[np.int64] | None:
    """Return where the rows are that a filter picks, in the order that is asked for; None: all."""
    where, sort = request.query.get("where", "").strip(), request.query.get("sort", "")
    if not where and not sort:
        return None
    name = (*request.parts[1:], where, sort)
    known = site.rows.find(name)
    if known is not None:
        return known
    if sort and sort.removeprefix("-") not in found:
        raise InvalidInputError(f"there is no column {sort.removeprefix('-')!r} to sort by")
    picked = np.arange(len(found))
    if where:
        picked = filters.matching(found, filters.parse(where))
    if sort:
        picked = filters.ordered(found, picked, sort)
    site.rows.put(name, picked)
    return picked


def _form(found: Table, where: str, sort: str, columns: str) -> Markup:
    orders = [name for name in found.columns if filters.is_filtered(found[name])]
    options = ["", *(each for name in orders for each in (name, f"-{name}"))]
    example = 'label = 7 and caption contains "disk"'
    return element(
        "form",
        field("Filter", element("input", name="where", value=where, size=40, placeholder=example)),
        field("Sort", choice("sort", options, sort)),
        field("Columns", element("input", name="cols", value=columns, placeholder="all")),
        element("button", "Show"),
        method="get",
        class_="filters",
    )


def _finder(found: Table) -> Markup:
    """Return a form that asks for a sample by its key."""
    example = '["part", 1]' if found.key_kind == "tuple" else None
    asked = element("input", name="find", placeholder=example)
    return element("form", field("Key", asked), element("button", "Find"), class_="filters")


def _key(found: Table, text: str) -> Any:
    """Return the key that was typed: texts as they are, others as JSON."""
    return text if found.key_kind == "str" else parse_key(text)


def _grid(
    site: Site,
    of: tuple[str, Table],
    names: Sequence[str],
    positions: Sequence[int],
    keys: Sequence[Any] | None,
    values: dict[str, list[Any]],
) -> Markup:
    commit, found = of
    heads: list[Content] = ["#", "key" if keys is not None else None]
    heads += [_head(commit, found, found[name]) for name in names]
    rows = []
    for i, position in enumerate(positions):
        to = address("s", commit, found.path, **_sample(position, keys, i))
        row: list[Content] = [link(f"{position:,}", to)]
        row.append(None if keys is None else link(str(keys[i]), to))
        for name in names:
            alt = f"{name} of {position if keys is None else keys[i]}"
            draw = draw_cell(site, commit, found.path, name, position)
            row.append(cell(values[name][i], size=_SIZE, alt=alt, draw=draw))
        rows.append(row)
    return element("div", boxes.grid(heads, rows, right=[0], most=PER_PAGE), class_="rows")


def _sample(position: int, keys: Sequence[Any] | None, i: int) -> dict[str, object]:
    return {"row": position} if keys is None else {"key": key_text(keys[i])}


def _head(commit: str, found: Table, column: Column) -> Markup:
    """Return the head of a column: its name, what it holds, and how that is spread."""
    to = address("stats", commit, found.path, column.name)
    bars = None
    if len(found) and filters.is_filtered(column):
        src = address("bars", commit, found.path, column.name)
        alt = f"distribution of {column.name}"
        bars = element("img", src=src, alt=alt, width=110, height=26, loading="lazy", class_="bars")
    form = column.kind if column.dtype.hasobject else f"{column.dtype}"
    return joined(
        link(column.name, to),
        element("span", f" {form}", class_="form", title=shape_of(column)),
        bars,
    )
