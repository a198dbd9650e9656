"""Which files of a folder are of which kind, by their names: what a folder is a folder of."""

import re
from collections import Counter
from itertools import pairwise
from typing import Final

from vstore.importers.source import Source

SUFFIXES: Final = {
    "image": frozenset({".jpg", ".jpeg", ".png", ".webp"}),
    "audio": frozenset({".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif"}),
    "table": frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".txt", ".parquet", ".arrow"}),
}
"""The suffixes of each kind. Tables count only where there are neither images nor sounds."""


_DRAWN: Final = frozenset({".svg", ".gif", ".bmp", ".tif", ".tiff"})
"""The suffixes of images that are not imported, but which sounds may be about, too."""


def main_kind(source: Source) -> str | None:
    """Return the kind that most files of a folder have; None if they have none of them.

    Files of rows next to images describe them, and other files are left out. So do sounds that
    are named like an image next to them: `bear_name.ogg` is about `bear.png`.
    """
    kinds = {suffix: kind for kind, suffixes in SUFFIXES.items() for suffix in suffixes}
    shown = {
        split_stem(file.path)[0]
        for file in source.files()
        if kinds.get(file.suffix) == "image" or file.suffix in _DRAWN
    }
    counts = Counter(
        kinds.get(file.suffix)
        for file in source.files()
        if kinds.get(file.suffix) != "audio" or not _is_about(file.path, shown)
    )
    for media in (("image", "audio"), ("table",)):
        found = [(counts[kind], kind) for kind in media if counts[kind]]
        if found:
            return max(found)[1]
    return None


def _is_about(path: str, shown: set[str]) -> bool:
    """Return whether a file is named like one of those that are shown, given without suffix."""
    stem = split_stem(path)[0]
    return stem in shown or any(
        stem[: found.start()] in shown for found in re.finditer(r"[_\- ]", stem)
    )


def split_stem(path: str) -> tuple[str, str]:
    """Return the part of a path in front of the first dot of its name, and the rest behind it.

    >>> split_stem("a.b/000.image.png")
    ('a.b/000', 'image.png')
    """
    folder, slash, name = path.rpartition("/")
    stem, _, suffix = name.partition(".")
    return folder + slash + stem, suffix


def is_webdataset(source: Source) -> bool:
    """Return whether a source is a tar archive in which files of one stem follow each other."""
    files = source.listed
    if source.is_file or not files or not all(file.is_in_tar for file in files):
        return False
    if zarr_root(source) is not None:
        return False
    stems = [split_stem(file.path) for file in files]
    changes = sum(one[0] != other[0] for one, other in pairwise(stems))
    return len({stem for stem, _ in stems}) == changes + 1 < len(files)


def zarr_root(source: Source) -> str | None:
    """Return the folder of a Zarr hierarchy: '' for the top; None if the source is none.

    In an archive it may be a folder below the top, which holds all there is.
    """
    if source.is_file:
        return None
    paths = {file.path for file in source.files()}
    tops = {path.partition("/")[0] for path in paths}
    folders = ["", *(f"{top}/" for top in tops if len(tops) == 1)]
    found = (each for each in folders if any(each + name in paths for name in _ZARR))
    return next(found, None)


_ZARR: Final = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
