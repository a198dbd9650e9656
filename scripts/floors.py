"""Write the floors of the package into the documentation, or check that they are right there.

The floors are the layers of import-linter in `pyproject.toml`; what a room holds is the
first line of its docstring. `python scripts/floors.py` writes, `--check` compares.
"""

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- floors: begin (scripts/floors.py writes this) -->", "<!-- floors: end -->"


def floors() -> list[list[str]]:
    """Return the rooms of each floor, from the top."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (each["layers"] for each in contracts if each.get("containers") == ["vstore"])
    return [re.findall(r"\w+", layer) for layer in layers]


def purpose(room: str) -> str:
    """Return the first line of the docstring of a package or module of vstore."""
    place = ROOT / "vstore" / room
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text()))
    if not text:
        raise SystemExit(f"{file} has no docstring")
    return text.partition("\n")[0].rstrip(".").replace("|", "\\|")


def table() -> str:
    """Return the floors as a table of Markdown."""
    rows = ["| Floor | Room | Holds |", "|---|---|---|"]
    for number, rooms in reversed(list(enumerate(reversed(floors()), 1))):
        rows += [f"| {number} | `{room}` | {purpose(room)} |" for room in rooms]
    return "\n".join(rows)


def main() -> int:
    """Write the table, or compare it where `--check` is given."""
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    fresh = f"{before}{BEGIN}\n{table()}\n{END}{after}"
    if "--check" in sys.argv[1:]:
        if fresh != page:
            print(f"{PAGE.relative_to(ROOT)}: the floors are stale: run python scripts/floors.py")
        return int(fresh != page)
    PAGE.write_text(fresh)
    return 0


if __name__ == "__main__":
    sys.exit(main())
