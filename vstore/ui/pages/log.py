"""History: commits with the graph they form, of all branches, a path, or one sample."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from vstore.display import boxes
from vstore.display.html import Content, Markup, element, joined
from vstore.faces import internals
from vstore.history.blame import commits_between
from vstore.history.commit_box import age
from vstore.history.commits import Commit
from vstore.history.read_ahead import ReadAhead
from vstore.ui.layout import Page, commit_link, field, link
from vstore.ui.site import Head, Site, named
from vstore.ui.web import Request, address, parse_key

_PER_PAGE = 50
_STEP = 14
_TALL = 30


def log(site: Site, request: Request) -> Page:
    """Return commits, newest first: of a revision, else of all branches."""
    query = request.query
    rev, path, sample = (query.get(name) or None for name in ("rev", "path", "sample"))
    skip = request.number("skip", 0)
    heads = site.heads()
    commits = list(islice(_commits(site, heads, request), _PER_PAGE + 1))
    more = len(commits) > _PER_PAGE
    del commits[_PER_PAGE:]
    graph = Graph() if path is None and not skip else None
    rows = (
        (
            None if graph is None else graph.drawn(each),
            commit_link(each.id),
            joined(*_labels(named(heads).get(each.id, ())), boxes.shortened(each.title, 140)),
            boxes.shortened(each.author.name, 40),
            element("span", age(each.time), title=f"{each.time:%Y-%m-%d %H:%M:%S} UTC"),
            _changed(each),
        )
        for each in commits
    )
    columns = ("graph", "commit", "message", "author", "when", "changes")
    ahead = address("log", rev=rev, path=path, sample=sample, skip=skip + _PER_PAGE)
    content = joined(
        _form(rev, path, sample),
        element("div", boxes.grid(columns, rows, most=_PER_PAGE), class_="log"),
        element("p", link("older commits", ahead, rel="next")) if more else None,
    )
    data = {"commits": [_plain(each) for each in commits], "more": more}
    return Page(title=_title(rev, path, sample), content=content, data=data)


def _title(rev: str | None, path: str | None, sample: str | None) -> str:
    of = f" of {rev}" if rev else ""
    at = f" at {path}" if path else ""
    return f"Log{of}{at}{f', sample {sample}' if sample else ''}"


def _commits(site: Site, heads: Sequence[Head], request: Request) -> Iterator[Commit]:
    query = request.query
    rev, path = query.get("rev") or None, query.get("path") or None
    sample = parse_key(query["sample"]) if query.get("sample") else None
    skip = request.number("skip", 0)
    if rev is not None or path is not None or sample is not None:
        return site.repo.log(rev, path=path, sample=sample, skip=skip, limit=_PER_PAGE + 1)
    starts = list(dict.fromkeys(head.commit for head in heads))
    read = ReadAhead(internals(site.repo).fetcher, most=skip + _PER_PAGE + 1)
    return islice(commits_between(starts, [], read), skip, None)


def _labels(heads: Sequence[Head]) -> Iterator[Content]:
    for head in heads:
        kind = "tag" if head.is_tag else "branch"
        yield element("span", head.name, class_=f"ref {kind}", title=kind)
        yield " "


def _changed(commit: Commit) -> str:
    said = []
    for path, change in list(commit.changes.items())[:3]:
        counts = (("+", change.added), ("~", change.changed), ("-", change.removed))
        said.append(f"{path} {' '.join(f'{sign}{count:,}' for sign, count in counts if count)}")
    more = len(commit.changes) - len(said)
    return boxes.shortened("; ".join(said), 120) + (f" and {more:,} more" if more > 0 else "")


def _form(rev: str | None, path: str | None, sample: str | None) -> Markup:
    fields = (("Revision", "rev", rev), ("Path", "path", path), ("Sample (JSON)", "sample", sample))
    controls = (
        field(label, element("input", name=name, value=value)) for label, name, value in fields
    )
    return element("form", *controls, element("button", "Show"), action="/log", class_="filters")


def _plain(commit: Commit) -> dict[str, Any]:
    return {
        "id": commit.id,
        "parents": list(commit.parents),
        "author": str(commit.author),
        "time": commit.time.isoformat(),
        "message": commit.message,
    }


class Graph:
    """Lanes that lead from commits to their parents, drawn a commit at a time."""

    def __init__(self) -> None:
        self._lanes: list[str] = []

    def drawn(self, commit: Commit) -> Markup:
        """Return the part of the graph next to a commit; the lanes follow to its parents."""
        before = list(self._lanes)
        if commit.id not in self._lanes:
            self._lanes.append(commit.id)
        at = self._lanes.index(commit.id)
        after = [lane for lane in self._lanes if lane != commit.id]
        fresh = [parent for parent in commit.parents if parent not in after]
        after[at:at] = fresh
        lines = [
            _line(i, at if lane == commit.id else at_lane(after, lane), top=True)
            for i, lane in enumerate(before)
        ]
        lines += [_line(at, at_lane(after, parent), top=False) for parent in commit.parents]
        lines += [
            _line(at_lane(after, lane), at_lane(after, lane), top=False)
            for lane in before
            if lane != commit.id
        ]
        self._lanes = after
        width = max(len(before), len(after), at + 1, 1) * _STEP
        dot = element("circle", cx=_x(at), cy=_TALL // 2, r=4, class_="vstore-bar")
        return element(
            "svg",
            *lines,
            dot,
            width=width,
            height=_TALL,
            viewBox=f"0 0 {width} {_TALL}",
            class_="graph",
            aria_hidden="true",
        )


def at_lane(lanes: Sequence[str], commit: str) -> int:
    """Return the number of the lane that leads to a commit."""
    return lanes.index(commit)


def _x(lane: int) -> int:
    return lane * _STEP + _STEP // 2


def _line(start: int, end: int, *, top: bool) -> Markup:
    """Return a curve through the upper or the lower half of a row."""
    y1, y2 = (0, _TALL // 2) if top else (_TALL // 2, _TALL)
    middle = (y1 + y2) / 2
    path = f"M{_x(start)} {y1}C{_x(start)} {middle} {_x(end)} {middle} {_x(end)} {y2}"
    return element("path", d=path, class_="vstore-curve")
