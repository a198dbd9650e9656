"""Put every design note into the navigation, so that adding a note is adding one file."""

from pathlib import Path
from typing import Any


def on_config(config: Any) -> Any:
    """Append the pages of `docs/design/` in the order of their numbers."""
    docs = Path(config["docs_dir"])
    notes = sorted(path.relative_to(docs).as_posix() for path in docs.glob("design/*.md"))
    if notes:
        config["nav"].append({"Design notes": notes})
    return config
