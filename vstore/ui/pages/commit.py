"""The first page and commits: what there is, who made it, which branches lead where."""

from collections.abc import Iterator
from typing import Any

from vstore.display import boxes
from vstore.display.html import Content, Markup, element, joined
from vstore.errors import NotFoundError
from vstore.history.commit_box import age, changes, commit_facts
from vstore.history.commits import Commit
from vstore.reading.snapshot import Snapshot
from vstore.reading.summary import ArraySummary, Summary
from vstore.ui.layout import Page, commit_link, link
from vstore.ui.site import Head, Site
from vstore.ui.web import Request, Response, address, redirect
from vstore.wording import format_nbytes

_RECENT = 8
_MOST_NODES = 500


def home(site: Site, _: Request) -> Page:
    """Return the head of the default branch, with branches, tags and the last commits."""
    heads = site.heads()
    refs = _refs(heads, site.repo.default_branch)
    try:
        snapshot = site.snapshot(site.repo.resolve())
    except NotFoundError as error:
        if error.code not in ("no-commit-yet", "branch-not-found"):
            raise
        content = joined(boxes.note("Nothing was committed yet."), refs)
        return Page(title="An empty repository", content=content, data={"branches": {}})
    summary = snapshot.summary()
    recent = list(site.repo.log(snapshot.commit.id, limit=_RECENT))
    content = joined(
        _tree(snapshot, summary),
        element("h2", "Branches and tags"),
        refs,
        element("h2", "Last commits"),
        commit_list(recent),
        link("The whole log", "/log"),
        element("p", "What changed in the last ", *_periods()),
    )
    data = _data(snapshot, summary) | {
        "branches": {head.name: head.commit for head in heads if not head.is_tag},
        "tags": {head.name: head.commit for head in heads if head.is_tag},
    }
    title = f"Contents of {site.repo.default_branch}"
    return Page(title=title, content=content, data=data, commit=snapshot.commit.id)


def _periods() -> Iterator[Content]:
    for days, name in ((1, "day"), (7, "week"), (30, "month")):
        yield link(name, address("diff", days=days))
        yield " "


def go(site: Site, request: Request) -> Response:
    """Lead from a branch, a tag or the beginning of a hash to the commit."""
    found = site.resolve(request.query.get("rev", "").strip())
    parts = [request.query.get("page") or "c", found, request.query.get("path", "")]
    return redirect(address(*parts))


def commit(site: Site, request: Request) -> Page:
    """Return one commit: what it says, what it changed, and what is in it."""
    snapshot = site.snapshot(request.parts[1])
    summary = snapshot.summary()
    found = snapshot.commit
    content = joined(
        commit_facts(found),
        changes(found),
        _compare(found),
        element("p", boxes.code(f"vstore.open({site.repo.url!r}).checkout({found.id!r})")),
        element("h2", "Contents"),
        _tree(snapshot, summary),
    )
    data = _data(snapshot, summary)
    title = found.title or f"Commit {found.id[:12]}"
    return Page(title=title, content=content, data=data, trail=[("Log", "/log")], commit=found.id)


def _compare(found: Commit) -> Markup | None:
    if not found.parents:
        return None
    links = (
        joined(
            link(f"What changed since {parent[:12]}", address("diff", f"{parent}..{found.id}")), " "
        )
        for parent in found.parents[:8]
    )
    return element("p", *links)


def _data(snapshot: Snapshot, summary: Summary) -> dict[str, Any]:
    found = snapshot.commit
    return {
        "parents": list(found.parents),
        "metadata": dict(found.metadata),
        **summary.to_dict(),
    }


def _tree(snapshot: Snapshot, summary: Summary) -> Markup:
    """Return the tables and arrays of a commit, with links to each."""
    here = snapshot.commit.id
    rows: list[tuple[Content, ...]] = []
    for table in summary.tables:
        stored = sum(column.stored_nbytes for column in table.columns)
        names = ", ".join(column.path.rpartition("/")[2] for column in table.columns)
        keys = f"keyed by {table.keys}" if table.keys else ""
        name = link(table.path or "/", address("t", here, table.path))
        counted = f"{table.samples:,}"
        rows.append(
            (name, f"table {keys}", counted, boxes.shortened(names, 120), format_nbytes(stored))
        )
    for array in summary.arrays:
        name = link(array.path, address("a", here, array.path))
        rows.append(
            (name, f"array {array.dtype}", _shape(array), None, format_nbytes(array.stored_nbytes))
        )
    if not rows:
        return boxes.note("This commit holds no table and no array.")
    heads = ("path", "kind", "samples or shape", "columns", "stored")
    return boxes.grid(heads, rows, right=[2, 4], count=len(rows), most=_MOST_NODES)


def _shape(array: ArraySummary) -> str:
    return " x ".join("?" if length is None else f"{length:,}" for length in array.shape)


def _refs(heads: list[Head], default: str) -> Markup:
    rows = (
        (
            "tag" if head.is_tag else "branch",
            element("strong", head.name),
            commit_link(head.commit),
            link("log", address("log", rev=head.name)),
            joined(
                link("compare", address("diff", old=default, new=head.name)),
                " ",
                link("try to merge", address("merge", theirs=head.name, into=default)),
            )
            if head.name != default
            else None,
        )
        for head in heads
    )
    if not heads:
        return boxes.note("none")
    return boxes.grid(("", "name", "commit", "", f"with {default}"), rows, count=len(heads))


def commit_list(commits: list[Commit]) -> Markup:
    """Return commits, newest first, a line each."""
    rows = (
        (
            commit_link(each.id),
            boxes.shortened(each.title, 120),
            boxes.shortened(each.author.name, 40),
            element("span", age(each.time), title=f"{each.time:%Y-%m-%d %H:%M:%S} UTC"),
        )
        for each in commits
    )
    return boxes.grid(("commit", "message", "author", "when"), rows, count=len(commits))
