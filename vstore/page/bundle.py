"""The page as one file: its modules behind one another, its style, and what it is told."""

import html
import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from vstore.version import __version__

SOURCE = Path(__file__).parent / "source"
"""Where the page's modules, style and frame are; its first module is `main.js`."""

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


def page(about: Mapping[str, Any], *, connect: str) -> str:
    """Return the page, told about a repository.

    It may run its own script and no other, and ask nobody but `connect`, a source as a content
    security policy names one.
    """
    style, script = (SOURCE / "page.css").read_text("utf-8"), bundled("main.js")
    policy = {
        "default-src": "'none'",
        "script-src": _hash(script),
        "style-src": _hash(style),
        "img-src": "blob: data:",
        "media-src": "blob:",
        "connect-src": connect,
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    values = {
        "policy": html.escape("; ".join(f"{name} {source}" for name, source in policy.items())),
        "version": html.escape(__version__),
        "title": html.escape(str(about["title"])),
        "style": style,
        "about": _inline(about),
        "script": script,
    }
    frame = (SOURCE / "page.html").read_text("utf-8")
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], frame)


@cache
def bundled(name: str) -> str:
    """Return a module and all that it imports as one module without imports."""
    texts: dict[str, str] = {}
    _gather(name, texts)
    return "".join(texts.values())


def _gather(name: str, texts: dict[str, str]) -> None:
    """Add a module behind those that it imports."""
    source = (SOURCE / name).read_text("utf-8")
    for other in _imports(source):
        if other not in texts:
            _gather(other, texts)
    texts[name] = _EXPORT.sub("", _IMPORT.sub("", source))


def _imports(source: str) -> Iterator[str]:
    for found in _IMPORT.finditer(source):
        yield found[1]


def _hash(content: str) -> str:
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"


def _inline(value: Mapping[str, Any]) -> str:
    """Return JSON that ends no element, whatever it says."""
    return json.dumps(value, sort_keys=True).replace("<", "\\u003c")
