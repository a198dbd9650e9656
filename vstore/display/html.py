"""HTML made of elements: whatever is not markup is text, and text is escaped.

There is no other way to make markup, so nobody's message, key or caption becomes any.
"""

from html import escape
from typing import Any

from vstore.wording import MISLEADING

_VOID = frozenset({"img", "br", "hr", "input", "link", "meta"})
_SHAPES = frozenset({"rect", "line", "path", "circle"})


class Markup(str):
    """HTML that `element` and `joined` made."""

    __slots__ = ()


Content = str | float | None
"""What can be in an element: markup as it is, anything else as text, and nothing for None."""


def text(value: object) -> Markup:
    r"""Return a value as text of a page; what would mislead its reader is spelled out.

    >>> text("<b>&"), text("gpj.\u202eexe")
    ('&lt;b&gt;&amp;', 'gpj.\\u202eexe')
    """
    if isinstance(value, Markup):
        return value
    shown = MISLEADING.sub(_spelled, str(value)).encode("utf-8", "backslashreplace").decode()
    return Markup(escape(shown, quote=True))


def _spelled(found: Any) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def joined(*content: Content) -> Markup:
    """Return several pieces one after another."""
    return Markup("".join(text(each) for each in content if each is not None))


def element(tag: str, *content: Content, **attributes: str | float | bool | None) -> Markup:
    """Return an element.

    An attribute that is None or False is left out; a `_` at the end of a name is dropped, one
    within becomes `-`.

    >>> element("a", "x < y", href="/?a=1&b=2", class_="link", hidden=False)
    '<a href="/?a=1&amp;b=2" class="link">x &lt; y</a>'
    """
    said = "".join(
        f" {name.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{text(value)}"')
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in _VOID:
        return Markup(f"<{tag}{said}>")
    if tag in _SHAPES and not content:
        return Markup(f"<{tag}{said}/>")
    return Markup(f"<{tag}{said}>{joined(*content)}</{tag}>")
