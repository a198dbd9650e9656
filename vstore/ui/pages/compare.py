"""Two commits compared: counts by table, and samples before and after as pairs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from vstore.diffing.boxes import change_rows, status_mark
from vstore.diffing.comparison import difference_of, moved_line
from vstore.diffing.diff import Diff
from vstore.diffing.pairs import SamplePair, SamplePairs
from vstore.diffing.table_diff import TableDiff
from vstore.display import boxes
from vstore.display.html import Content, Markup, element, joined
from vstore.display.values import cell
from vstore.errors import InvalidInputError, NotFoundError
from vstore.faces import internals
from vstore.format.digest import Digest, is_digest
from vstore.ui.layout import Page, commit_link, field, link, numbered, pages
from vstore.ui.pages.media import draw_loose
from vstore.ui.pages.table import plain
from vstore.ui.site import Site
from vstore.ui.web import Request, Response, address, redirect

PER_PAGE = 50
_MOST_DAYS = 36_500
_SIZE = 160


def diff(site: Site, request: Request) -> Page | Response:
    """Return what differs between two commits; without any, a form that asks for them."""
    _, *rest = request.parts
    if not rest:
        return _asked(site, request)
    old, dots, new = rest[0].partition("..")
    if not dots:
        raise InvalidInputError("two commits are compared as `old..new`")
    if not (is_digest(old) and is_digest(new)):
        pinned = f"{site.resolve(old)}..{site.resolve(new)}"
        return redirect(address("diff", pinned, *rest[1:], **request.query))
    path, column = "/".join(rest[1:]), request.query.get("column")
    only = [f"{path}/{column}" if column else path]
    found = Diff(site.snapshot(old), site.snapshot(new), only=only)
    if len(rest) == 1:
        return _whole(found)
    if path not in found.tables:
        raise NotFoundError(f"no sample of {path!r} differs")
    return _pairs(site, request, found, found.tables[path])


def _asked(site: Site, request: Request) -> Page | Response:
    old, new = request.query.get("old", "").strip(), request.query.get("new", "").strip()
    if "days" in request.query:
        days = min(request.number("days", 7, least=0), _MOST_DAYS)
        return _since(site, new or site.repo.default_branch, datetime.now(UTC) - timedelta(days))
    if old or new:
        return redirect(address("diff", f"{site.resolve(old)}..{site.resolve(new)}"))
    names = [head.name for head in site.heads()]
    form = element(
        "form",
        field("Before", element("input", name="old", placeholder="v1, main~1, a hash")),
        field("After", element("input", name="new", placeholder="main")),
        element("button", "Compare"),
        action="/diff",
        class_="filters",
    )
    content = joined(form, boxes.note(f"Branches and tags: {', '.join(names[:20]) or 'none'}"))
    return Page(title="Compare two commits", content=content, data={"names": names})


def _since(site: Site, branch: str, time: datetime) -> Response:
    """Lead to what changed on a branch since a time; on one that is younger, since its root."""
    new = site.resolve(branch)
    try:
        old = site.resolve(f"{branch}@{{{time:%Y-%m-%dT%H:%M:%SZ}}}")
    except NotFoundError:
        *_, first = site.repo.log(new)
        old = Digest(first.id)
    return redirect(address("diff", f"{old}..{new}"))


def _ends(found: Diff) -> Markup:
    old = None if found.old is None else found.old.commit
    new = found.new.commit
    before = "nothing" if old is None else joined(commit_link(old.id), " ", old.title)
    return element("p", "From ", before, " to ", commit_link(new.id), " ", new.title)


def _range(found: Diff) -> str:
    return f"{'' if found.old is None else found.old.commit.id}..{found.new.commit.id}"


def _whole(found: Diff) -> Page:
    rows = list(change_rows(found))
    counted = boxes.note("Nothing differs.")
    if rows:
        heads = ("what", "", "samples", "which")
        counted = boxes.grid(heads, rows, right=[2], count=len(rows), most=500)
    links = [
        element(
            "li",
            link(
                f"Samples of {path or '/'}, before and after", address("diff", _range(found), path)
            ),
        )
        for path, table in found.tables.items()
        if len(SamplePairs(table))
    ]
    content = joined(_ends(found), element("ul", *links) if links else None, counted)
    return Page(title="What changed", content=content, data=found.to_dict())


def _pairs(site: Site, request: Request, found: Diff, table: TableDiff) -> Page:
    several = SamplePairs(table)
    count = len(several)
    page = min(request.number("page", 1, least=1), max(1, -(-count // PER_PAGE)))
    shown = several.page((page - 1) * PER_PAGE, PER_PAGE)
    column = request.query.get("column")
    to = numbered("diff", _range(found), table.path, column=column)
    counts = ", ".join(f"{number:,} {verb}" for verb, number in several.counts.items() if number)
    content = joined(
        _ends(found),
        element("p", f"{count:,} samples: {counts}"),
        _columns(found, table, column),
        pages(page, count, to, PER_PAGE),
        *(_pair(site, each) for each in shown),
        pages(page, count, to, PER_PAGE),
    )
    data = {
        "path": table.path,
        "counts": several.counts,
        "pairs": [_plain(pair) for pair in shown],
    }
    trail = [("What changed", address("diff", _range(found)))]
    return Page(title=f"Changes in {table.path or '/'}", content=content, data=data, trail=trail)


def _columns(found: Diff, table: TableDiff, column: str | None) -> Markup:
    """Return links to the changes of one column each, with how many there are."""
    here = ("diff", _range(found), table.path)
    if column:
        return element("p", f"Only changes of {column}. ", link("All columns", address(*here)))
    changed = internals(table).changes
    links = (
        joined(link(f"{name} ({len(rows):,})", address(*here, column=name)), " ")
        for name, (_, rows) in changed.items()
    )
    return element("p", "Changes of: ", *links) if len(changed) > 1 else Markup()


def _plain(pair: SamplePair) -> dict[str, Any]:
    sides = {
        name: {each: plain(value) for each, value in side.items()} for name, side in _sides(pair)
    }
    return {"key": pair.key, "status": pair.status, **sides}


def _sides(pair: SamplePair) -> Sequence[tuple[str, dict[str, Any]]]:
    return (("before", pair.old), ("after", pair.new))


def _pair(site: Site, pair: SamplePair) -> Markup:
    """Return one sample: for each column what was, what is, and the difference."""
    title = joined(status_mark(pair.status), " ", element("strong", str(pair.key)))
    columns = (_column(site, pair, name) for name in pair.columns)
    return element("section", element("h2", title), element("div", *columns), class_="pair")


def _column(site: Site, pair: SamplePair, name: str) -> Markup:
    draw = draw_loose(site)
    figures = [
        _figure(when, cell(side[name], size=_SIZE, alt=f"{name} of {pair.key} {when}", draw=draw))
        for when, side in _sides(pair)
        if name in side
    ]
    line = moved_line(pair, name)
    if line:
        pixels = difference_of(pair.old[name], pair.new[name], _SIZE)
        alt = f"difference of {name} of {pair.key}"
        drawn = None if pixels is None else draw(pixels, alt=alt, size=_SIZE)
        figures.append(_figure("difference", joined(drawn, element("div", line))))
    return element("div", element("h3", name), *figures, class_="sides")


def _figure(caption: str, content: Content) -> Markup:
    return element(
        "figure", element("figcaption", caption), element("div", content), class_=caption
    )
