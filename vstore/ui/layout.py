"""The frame of every page: what it is about, and where to go from there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vstore.display import boxes
from vstore.display.html import Content, Markup, element, joined
from vstore.ui.scratch_store import Cost
from vstore.ui.web import address
from vstore.wording import format_nbytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a page says: as HTML, and as plain values for `?format=json`.

    `trail` are the pages above it, each a name and an address; `commit` is what it shows.
    """

    title: str
    content: Markup
    data: Mapping[str, Any]
    trail: Sequence[tuple[str, str]] = ()
    commit: str | None = None


def framed(page: Page, url: str, cost: Cost | None = None) -> bytes:
    """Return a page as a document; `cost` is what it took to make it."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{boxes.shortened(page.title, 80)} · vstore"),
        element("link", rel="stylesheet", href="/style.css"),
        element("link", rel="icon", href="/icon.svg"),
        element("script", src="/script.js", defer=True),
    )
    body = element(
        "body",
        element("a", "Skip to the content", href="#content", class_="skip"),
        _header(url),
        element(
            "main",
            _trail(page),
            element("h1", page.title),
            page.content,
            id="content",
            class_="vstore-box",
            tabindex="-1",
        ),
        _footer(page, cost),
    )
    return f"<!doctype html>{element('html', head, body, lang='en')}".encode()


def _header(url: str) -> Markup:
    links = (("Contents", "/"), ("Log", "/log"), ("Compare", "/diff"), ("Merge", "/merge"))
    nav = element("nav", *(link(name, to) for name, to in links), aria_label="Pages")
    name = element("a", "vstore", href="/", class_="name")
    chosen = element(
        "input", name="rev", placeholder="branch, tag or commit", aria_label="Revision"
    )
    form = element("form", chosen, element("button", "Open"), action="/go", method="get")
    return element("header", name, element("code", url), nav, form)


def _trail(page: Page) -> Markup | None:
    if not page.trail:
        return None
    steps = (joined(link(name, to), " / ") for name, to in page.trail)
    return element("nav", *steps, class_="trail", aria_label="Above")


def _footer(page: Page, cost: Cost | None) -> Markup:
    pinned = None
    if page.commit is not None:
        said = "This address names a commit by its hash, and always shows the same: "
        pinned = joined(said, boxes.code(page.commit), ". ")
    took = None
    if cost is not None:
        noun = "request" if cost.requests == 1 else "requests"
        took = f" It took {cost.requests:,} {noun}, {format_nbytes(cost.nbytes)} of storage."
    return element("footer", pinned, "Only read, never changed.", took)


def link(name: Content, to: str, **attributes: str | None) -> Markup:
    """Return a link to another page of this server."""
    return element("a", name, href=to, **attributes)


def commit_link(commit: str, name: Content = None) -> Markup:
    """Return a link to a commit, called by the beginning of its hash."""
    return link(name if name is not None else element("code", commit[:12]), address("c", commit))


def pages(page: int, count: int, to: Callable[[int], str], per_page: int) -> Markup:
    """Return the links to other pages of a list: first, previous, next, last, and any."""
    last = max(1, -(-count // per_page))
    first_shown = min((page - 1) * per_page + 1, count)
    said = f"{first_shown:,} to {min(page * per_page, count):,} of {count:,}"
    steps = (("« first", 1, None), ("‹ previous", page - 1, "prev"))  # noqa: RUF001 - arrows
    ahead = (("next ›", page + 1, "next"), ("last »", last, None))  # noqa: RUF001 - arrows
    return element(
        "nav",
        *(_step(name, to(at), rel) if page > 1 else None for name, at, rel in steps),
        element("span", said),
        *(_step(name, to(at), rel) if page < last else None for name, at, rel in ahead),
        class_="pages",
        aria_label="Pages of the list",
    )


def _step(name: str, to: str, rel: str | None) -> Markup:
    return link(name, to, rel=rel)


def numbered(*parts: str, **query: object) -> Callable[[int], str]:
    """Return what gives the addresses of the pages of a list, by their numbers."""

    def to(page: int) -> str:
        return address(*parts, **{**query, "page": page if page > 1 else None})

    return to


def field(label: str, control: Markup) -> Markup:
    """Return a control of a form with its label."""
    return element("label", element("span", label), " ", control)


def choice(name: str, options: Sequence[str], chosen: str | None) -> Markup:
    """Return a list to choose from."""
    return element(
        "select",
        *(element("option", each, value=each, selected=each == chosen) for each in options),
        name=name,
    )


def hidden(**values: object) -> Markup:
    """Return values that a form takes along; those that are None or empty are left out."""
    return joined(
        *(
            element("input", type="hidden", name=name, value=str(value))
            for name, value in values.items()
            if value is not None and value != ""
        )
    )
