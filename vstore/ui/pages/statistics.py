"""How the values of a column are spread, each bar a link to its samples; and that as a picture."""

import msgspec

from vstore.display import boxes, plots
from vstore.display.html import Content, Markup, element, joined
from vstore.faces import internals
from vstore.format.digest import digest_of
from vstore.reading.array import StoredArray
from vstore.reading.boxes import shape_of
from vstore.reading.column import Column
from vstore.ui import filters
from vstore.ui.distributions import Bar, Distribution, distribution
from vstore.ui.layout import Page, link
from vstore.ui.site import Site
from vstore.ui.web import FOREVER, Request, Response, address

_COLOR = "#5b8fd0"
_WIDTH = 260


def statistics(site: Site, request: Request) -> Page:
    """Return what a column holds."""
    column, commit, path = _column(site, request)
    missing = int((~column.valid).sum())
    facts: dict[str, Content] = {
        "kind": column.kind,
        "data type": str(column.dtype),
        "shape": shape_of(column),
        "missing": f"{missing:,}" if missing else None,
    }
    found = _spread(site, column) if filters.is_filtered(column) else None
    content = joined(
        boxes.facts(facts),
        None if found is None else _table(found, commit, path, column.name),
        boxes.attributes_of(column.attributes),
    )
    data = {
        "column": column.name,
        "missing": missing,
        "bars": [] if found is None else [[bar.label, bar.count] for bar in found.bars],
    }
    trail = [("Contents", address("c", commit)), (path or "/", address("t", commit, path))]
    title = f"Column {column.name}"
    return Page(title=title, content=content, data=data, trail=trail, commit=commit)


def _column(site: Site, request: Request) -> tuple[Column, str, str]:
    _, commit, *rest = request.parts
    path, name = "/".join(rest[:-1]), rest[-1] if rest else ""
    return site.table(commit, path)[name], commit, path


def _spread(site: Site, column: Column) -> Distribution:
    """Return a column's distribution, kept by what is stored: an unchanged column has the same."""
    held = internals(column)
    sources = [each for each in held.arrays if isinstance(each, StoredArray)]
    stored = [[each.node.metadata, each.node.chunks] for each in sources]
    name = digest_of(msgspec.json.encode([column.name, stored, held.rows.deleted.tolist()]))
    found = site.statistics.find(name)
    if found is None:
        found = distribution(column)
        site.statistics.put(name, found)
    return found


def _table(found: Distribution, commit: str, path: str, name: str) -> Markup:
    most = max((bar.count for bar in found.bars), default=0) or 1
    rows: list[tuple[Content, ...]] = [
        (
            link(_label(bar), address("t", commit, path, where=bar.where)),
            f"{bar.count:,}",
            _bar(bar.count / most),
        )
        for bar in found.bars
    ]
    if found.others:
        rows.append(("other values", f"{found.others:,}"))
    if found.missing:
        where = filters.written(name, "is missing")
        to = address("t", commit, path, where=where)
        rows.append((link("missing", to), f"{found.missing:,}"))
    said = element("p", found.said)
    return joined(said, boxes.grid((name, "samples", "share"), rows, right=[1], most=len(rows)))


def _label(bar: Bar) -> str:
    return boxes.shortened(bar.label, 80) or "(empty)"


def _bar(share: float) -> Markup:
    width = max(share * _WIDTH, 1)
    shape = element("rect", width=f"{width:.1f}", height=14, class_="vstore-bar")
    return element("svg", shape, width=_WIDTH, height=14, aria_hidden="true")


def bars(site: Site, request: Request) -> Response:
    """Return the distribution of a column as a picture for the head of a table."""
    column, _, _ = _column(site, request)
    found = _spread(site, column)
    drawn = plots.bars([bar.count for bar in found.bars], width=110, height=26)
    colored = drawn.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" fill="{_COLOR}" ', 1)
    return Response(colored.encode(), kind="image/svg+xml", headers=[FOREVER])
