"""Which files of a folder are of which kind, by their names: what a folder is a folder of."""

from collections import Counter
from typing import Final

from vstore.importers.source import Source

SUFFIXES: Final = {
    "image": frozenset({".jpg", ".jpeg", ".png", ".webp"}),
    "audio": frozenset({".wav", ".flac"}),
    "table": frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".txt", ".parquet", ".arrow"}),
}
"""The suffixes of each kind. Tables count only where there are neither images nor sounds."""


def main_kind(source: Source) -> str | None:
    """Return the kind that most files of a folder have; None if they have none of them.

    Files of rows next to images describe them, and other files are left out.
    """
    kinds = {suffix: kind for kind, suffixes in SUFFIXES.items() for suffix in suffixes}
    counts = Counter(kinds.get(file.suffix) for file in source.files())
    for media in (("image", "audio"), ("table",)):
        found = [(counts[kind], kind) for kind in media if counts[kind]]
        if found:
            return max(found)[1]
    return None
