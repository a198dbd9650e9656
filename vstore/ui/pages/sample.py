"""One sample: every column in full, who changed each last, and the same sample before."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from vstore.display import boxes
from vstore.display.html import Content, Markup, element, joined
from vstore.display.lines import Unshown, one_line
from vstore.display.overlays import OVER, overlaid
from vstore.display.pictures import as_pixels, is_image
from vstore.display.values import cell
from vstore.errors import VstoreError
from vstore.faces import internals
from vstore.history.commit_box import age
from vstore.history.commits import Commit
from vstore.reading.looking import look
from vstore.reading.table import Table
from vstore.ui.layout import Page, commit_link, link
from vstore.ui.pages.media import draw_cell, draw_loose
from vstore.ui.pages.table import plain
from vstore.ui.site import Site, position_of, stored_rows
from vstore.ui.web import Request, address, key_text, parse_key

_SIZE = 384
_MOST_TEXT = 20_000
_MOST_BLAMED = 24


def sample(site: Site, request: Request) -> Page:
    """Return one sample of a table."""
    _, commit, *rest = request.parts
    path = "/".join(rest)
    found = site.table(commit, path)
    key = parse_key(request.query["key"]) if "key" in request.query else None
    position = position_of(found, request.query, key)
    rows = stored_rows(found, [position])
    if found.key_kind is not None and key is None:
        key = internals(found).keys_of(rows).tolist()[0]
    values = {name: column[0] for name, column in look(internals(found), rows).items()}
    blamed = _blame(site, commit, found, position if key is None else key)
    lines = []
    for name in values:
        stored = address("cell", commit, path, name, row=position)
        alt = f"{name} of {position if key is None else key}"
        shown = _seen(site, (commit, found, position), values, name, alt)
        by = blamed.get(name)
        said = joined(_said(by), _before(by, path, key))
        lines.append((_name(commit, path, name), shown, said, link("bytes", stored)))
    named: Any = position if key is None else key
    history = address("log", rev=commit, path=path, sample=key_text(named))
    content = joined(
        _neighbours(commit, found, position),
        element("p", link("Commits that changed it", history)),
        boxes.grid(("column", "value", "last changed", "stored"), lines, most=len(lines)),
    )
    title = f"{path} {named if key is not None else f'[{position}]'}"
    data = {
        "path": path,
        "position": position,
        "key": key,
        "values": {name: plain(value) for name, value in values.items()},
        "blame": {name: each.id for name, each in blamed.items()},
    }
    trail = [("Contents", address("c", commit)), (path or "/", address("t", commit, path))]
    return Page(title=title, content=content, data=data, trail=trail, commit=commit)


def _name(commit: str, path: str, name: str) -> Markup:
    return element("strong", link(name, address("stats", commit, path, name)))


def _seen(
    site: Site, of: tuple[str, Table, int], values: Mapping[str, Any], name: str, alt: str
) -> Content:
    """Return what is seen of one cell: its value, a player of a sound, what lies over an image."""
    commit, found, position = of
    value = values[name]
    draw = draw_cell(site, commit, found.path, name, position)
    shown = _shown(value, cell(value, size=_SIZE, alt=alt, draw=draw))
    if found[name].kind == "audio" and value is not None:
        stored = address("cell", commit, found.path, name, row=position)
        player = element("audio", src=stored, controls=True, preload="none", aria_label=alt)
        return joined(player, shown)
    return joined(shown, _overlaid(site, found, values, name))


def _shown(value: Any, made: Content) -> Content:
    """Return a value in full where it is text, else as a large cell."""
    if isinstance(value, str):
        return element("pre", boxes.shortened(value, _MOST_TEXT))
    if isinstance(value, Unshown):
        return f"{value}: {value.reason}" if value.reason else str(value)
    if isinstance(value, np.ndarray) and is_image(value):
        return joined(made, element("div", one_line(value), class_="vstore-note"))
    return made


def _overlaid(site: Site, found: Table, values: Mapping[str, Any], name: str) -> Content:
    """Return the image of a column under the boxes and masks of others; None without any."""
    image = values[name]
    if not isinstance(image, np.ndarray) or not is_image(image):
        return None
    marks = [
        (np.ma.getdata(value), found[other].attributes)
        for other, value in values.items()
        if isinstance(value, np.ndarray) and found[other].attributes.get(OVER) == name
    ]
    drawn = overlaid(np.ma.getdata(image), marks)
    if drawn is None:
        return None
    return draw_loose(site)(
        as_pixels(drawn, limit=_SIZE), alt=f"{name} with what lies over it", size=_SIZE
    )


def _blame(site: Site, commit: str, found: Table, key: Any) -> dict[str, Commit]:
    """Return the commit that last changed each cell; nothing of those that cannot be told."""
    names = list(found.columns)[:_MOST_BLAMED]

    def blame(name: str) -> tuple[str, Any]:
        try:
            return name, site.repo.blame(f"{found.path}/{name}", key, revision=commit)
        except VstoreError:
            return name, None

    blamed = [blame(name) for name in names]
    return {name: each for name, each in blamed if isinstance(each, Commit)}


def _said(commit: Commit | None) -> Content:
    if commit is None:
        return None
    who = f"{boxes.shortened(commit.author.name, 40)}, {age(commit.time)}"
    title = element("div", boxes.shortened(commit.title, 80), class_="vstore-note")
    return joined(commit_link(commit.id), " ", who, title)


def _before(commit: Commit | None, path: str, key: Any) -> Content:
    """Return a link to the sample as it was before a commit; samples without keys may move."""
    if commit is None or key is None or not commit.parents:
        return None
    return link("before", address("s", commit.parents[0], path, key=key_text(key)))


def _neighbours(commit: str, found: Table, position: int) -> Markup:
    """Return links to the samples before and after."""
    steps = (("‹ previous", position - 1, "prev"), ("next ›", position + 1, "next"))  # noqa: RUF001
    links = (
        link(words, address("s", commit, found.path, row=at), rel=rel)
        for words, at, rel in steps
        if 0 <= at < len(found)
    )
    where = element("span", f"sample {position:,} of {len(found):,}")
    return element("nav", *links, where, class_="pages", aria_label="Neighbors")
