"""Fill in what pages would otherwise repeat: the design notes, and the codes of errors."""

from pathlib import Path
from typing import Any

from vstore.errors import CODES

PLACE = "<!-- codes: docs/hooks.py puts the table here -->"


def on_config(config: Any) -> Any:
    """Append the pages of `docs/design/` in the order of their numbers."""
    docs = Path(config["docs_dir"])
    notes = sorted(path.relative_to(docs).as_posix() for path in docs.glob("design/*.md"))
    if notes:
        config["nav"].append({"Design notes": notes})
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the table of codes where the page about errors has a place for it."""
    return markdown.replace(PLACE, codes())


def codes() -> str:
    """Return every code and what it means, as a Markdown table."""
    rows = [
        f"| `{cls.__name__}` | `{code}` | {meaning} |"
        for cls, known in CODES.items()
        for code, meaning in known.items()
    ]
    return "\n".join(["| Class | Code | Meaning |", "|---|---|---|", *rows])
