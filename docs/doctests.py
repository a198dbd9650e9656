"""Examples in docstrings as code on the pages of the API: Markdown takes `>>>` for quotations."""

from typing import Any

import griffe


class Doctests(griffe.Extension):
    """Puts a fence around each example."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of an object that was read."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    """Return a docstring with a fence around each run of lines that begins with `>>>`."""
    lines: list[str] = []
    fence: str | None = None
    for line in [*text.splitlines(), ""]:
        if line.lstrip().startswith(">>>") and fence is None:
            indent = line[: len(line) - len(line.lstrip())]
            fence = f"{indent}```"
            lines.append(f"{fence}pycon")
        elif fence is not None and not line.strip():
            lines.append(fence)
            fence = None
        lines.append(line)
    return "\n".join(lines[:-1])
