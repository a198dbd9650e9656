"""How a representation gets into a notebook: styled, bounded, and never as an error."""

from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec, TypeVar

from vstore.display.html import Markup, element, joined
from vstore.display.style import STYLE

T = TypeVar("T")
P = ParamSpec("P")

MOST_NBYTES = 200_000
"""How large a representation gets at most."""

_STYLE_NBYTES = 10_000
_TEXT_LENGTH = 20_000


def shown(build: Callable[[], Markup], what: object) -> str:
    """Return what a notebook shows of an object: its box, or its text where that fails.

    What is too large for a notebook is text as well. Nothing is raised: a cell whose value
    cannot be shown has a value all the same.
    """
    try:
        page = framed(build())
        if len(page.encode()) <= MOST_NBYTES:
            return page
    except Exception:  # noqa: BLE001 - whatever it is, the text form follows
        pass
    return framed(element("pre", _text_of(what)))


def representation(build: Callable[Concatenate[T, P], Markup]) -> Callable[Concatenate[T, P], str]:
    """Make a function that builds the box of an object return what a notebook shows of it."""

    def show(what: T, /, *args: P.args, **options: P.kwargs) -> str:
        return shown(lambda: build(what, *args, **options), what)

    return show


def fitted(build: Callable[[int], Markup], sizes: Sequence[int]) -> Markup:
    """Return what is built with the first of some sizes of pictures that is not too large."""
    made = Markup()
    for size in sizes:
        made = build(size)
        if len(made) < MOST_NBYTES - _STYLE_NBYTES:
            break
    return made


def _text_of(what: object) -> str:
    try:
        words = str(what)
    except Exception as exc:  # noqa: BLE001 - the error is what can be said of the object
        return f"<{type(what).__name__}: {type(exc).__name__}>"
    return words if len(words) <= _TEXT_LENGTH else f"{words[:_TEXT_LENGTH]}…"


def framed(content: Markup) -> Markup:
    """Return content with the style that applies to it alone."""
    return element("div", joined(element("style", STYLE), content), class_="vstore-box")
