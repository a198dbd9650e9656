"""The parts that representations consist of: a box with a title, facts, grids, code to copy."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from vstore.display.html import Content, Markup, element, joined
from vstore.wording import format_nbytes

MOST_ROWS = 100
"""How many lines of a list are shown before it says how many more there are."""

TEXT_LENGTH = 300


def box(kind: str, name: Content, *content: Content, note: Content = None) -> Markup:
    """Return what is shown of one object: what it is, how it is called, and its parts."""
    title = element(
        "div",
        element("span", kind, class_="vstore-kind"),
        " ",
        element("strong", name) if name not in (None, "") else None,
        element("span", note, class_="vstore-note") if note not in (None, "") else None,
        class_="vstore-title",
    )
    return joined(title, *content)


def facts(pairs: Mapping[str, Content]) -> Markup:
    """Return names and values, one pair a line; those that are None are left out."""
    rows = [
        element("tr", element("th", name, scope="row"), element("td", value))
        for name, value in pairs.items()
        if value is not None and value != ""
    ]
    return element("table", *rows, class_="vstore-facts") if rows else Markup()


def grid(
    heads: Sequence[Content],
    rows: Iterable[Sequence[Content]],
    *,
    right: Iterable[int] = (),
    count: int | None = None,
    most: int = MOST_ROWS,
) -> Markup:
    """Return a table: of `count` rows the first ones, and how many more there are.

    Rows may end early. Columns that are empty in every row are left out. `right` are the
    places of those that hold numbers.
    """
    shown = [[*row, *[None] * (len(heads) - len(row))] for row in islice(rows, most)]
    kept = [
        i for i in range(len(heads)) if not shown or any(row[i] not in (None, "") for row in shown)
    ]
    aligned = set(right)
    head = element(
        "tr", *(element("th", heads[i], scope="col", class_=_class(i, aligned)) for i in kept)
    )
    body = [
        element("tr", *(element("td", row[i], class_=_class(i, aligned)) for i in kept))
        for row in shown
    ]
    table = element("table", element("thead", head), element("tbody", *body), class_="vstore-grid")
    rest = 0 if count is None else count - len(shown)
    return joined(element("div", table, class_="vstore-scroll"), more(rest))


def _class(i: int, aligned: set[int]) -> str | None:
    return "vstore-number" if i in aligned else None


def more(count: int) -> Markup:
    """Return the line that says how many more there are, nothing where there are none."""
    return element("div", f"… and {count:,} more", class_="vstore-note") if count > 0 else Markup()


def note(words: Content) -> Markup:
    """Return a line of small text."""
    return element("div", words, class_="vstore-note")


def code(words: object) -> Markup:
    """Return a line of code, or an id, that one click selects whole."""
    return element("code", shortened(str(words)), class_="vstore-code")


def shortened(words: str, length: int = TEXT_LENGTH) -> str:
    """Return a text that is cut where it is too long.

    >>> shortened("a" * 10, 4)
    'aaaa…'
    """
    return words if len(words) <= length else f"{words[:length]}…"


def size(nbytes: int | None) -> str:
    """Return a size, nothing where it is not known."""
    return "" if nbytes is None else format_nbytes(nbytes)


def ratio(raw: int | None, stored: int) -> str:
    """Return how many times smaller something is stored than it is."""
    if not raw or not stored:
        return ""
    times = raw / stored
    return f"{times:.1f}x" if times >= 0.1 else "<0.1x"


def attributes_of(values: Mapping[str, Any]) -> Markup:
    """Return attributes, folded up; nothing where there are none."""
    if not values:
        return Markup()
    rows = ((name, code(repr(value))) for name, value in values.items())
    return folded(f"Attributes ({len(values):,})", grid(("name", "value"), rows, count=len(values)))


def verdict(words: str, *, is_good: bool) -> Markup:
    """Return how something ended: a sign, words and a color."""
    sign = "✓" if is_good else "✗"
    return element("span", f"{sign} {words}", class_=f"vstore-{'added' if is_good else 'removed'}")


def folded(title: Content, *content: Content, is_open: bool = False) -> Markup:
    """Return a part that unfolds when its title is clicked."""
    return element("details", element("summary", title), *content, open=is_open)
