"""What a merge would do: its conflicts as pictures, and the command that resolves them."""

import shlex

from vstore.display import boxes
from vstore.display.html import Markup, element, joined
from vstore.display.values import cell
from vstore.merging.conflicts import Conflict
from vstore.merging.merge import Merged
from vstore.ui.layout import Page, commit_link, field
from vstore.ui.pages.media import draw_loose
from vstore.ui.pages.table import plain
from vstore.ui.site import Site
from vstore.ui.web import Request
from vstore.wording import plural

_SIZE = 128
_MOST = 100


def merge(site: Site, request: Request) -> Page:
    """Return what merging a revision into a branch would come to; nothing is merged."""
    into, theirs = (request.query.get(name, "").strip() for name in ("into", "theirs"))
    names = [head.name for head in site.heads()]
    if not theirs:
        content = joined(
            _form(names, into, theirs), boxes.note("Nothing is merged: it is a dry run.")
        )
        return Page(title="Try a merge", content=content, data={"names": names})
    into = into or site.repo.default_branch
    found = site.scratch().merge(theirs, into=into, dry_run=True)
    content = joined(
        _form(names, into, theirs), _said(found, site.repo.url, into, theirs), _grid(site, found)
    )
    data = {
        "kind": found.kind,
        "conflicts": [_plain(conflict) for conflict in found.unresolved[:_MOST]],
        "unresolved": len(found.unresolved),
    }
    return Page(title=f"Merge {theirs} into {into}", content=content, data=data)


def _form(names: list[str], into: str, theirs: str) -> Markup:
    return joined(
        element(
            "form",
            field("Merge", element("input", name="theirs", value=theirs)),
            field("into", element("input", name="into", value=into, placeholder="default branch")),
            element("button", "Try"),
            action="/merge",
            class_="filters",
        ),
        boxes.note(f"Branches and tags: {', '.join(names[:20]) or 'none'}"),
    )


def _said(found: Merged, url: str, into: str, theirs: str) -> Markup:
    if found.kind == "up-to-date":
        return element("p", "The branch has all of it already.")
    if found.kind == "fast-forward" and found.commit is not None:
        return element("p", "The branch would move on to ", commit_link(found.commit.id), ".")
    command = f"vstore merge {shlex.quote(url)} {shlex.quote(theirs)} --into {shlex.quote(into)}"
    if not found.unresolved:
        return joined(element("p", "It would merge without a conflict:"), element("pre", command))
    paths = sorted({conflict.path for conflict in found.unresolved})
    chosen = " ".join(f"--theirs {shlex.quote(path)}" for path in paths[:20])
    words = (
        f"{plural(len(found.unresolved), 'conflict')}. Resolve each path with --ours or --theirs:"
    )
    return joined(element("p", words), element("pre", f"{command} {chosen}"))


def _grid(site: Site, found: Merged) -> Markup | None:
    if not found.unresolved:
        return None
    draw = draw_loose(site)
    rows = (
        (
            conflict.path or "/",
            None if conflict.sample is None else str(conflict.sample),
            conflict.note or f"{conflict.kind} on both sides",
            *(
                None
                if value is None
                else cell(value, size=_SIZE, alt=f"{name} of {conflict.sample}", draw=draw)
                for name, value in _sides(conflict)
            ),
        )
        for conflict in found.unresolved
    )
    heads = ("where", "sample", "what", "base", "ours", "theirs")
    return boxes.grid(heads, rows, count=len(found.unresolved), most=_MOST)


def _sides(conflict: Conflict) -> tuple[tuple[str, object], ...]:
    return ("base", conflict.base), ("ours", conflict.ours), ("theirs", conflict.theirs)


def _plain(conflict: Conflict) -> dict[str, object]:
    return conflict.to_dict() | {name: plain(value) for name, value in _sides(conflict)}
