"""Files of arrays, opened as the importer of arrays opens them."""

from pathlib import Path
from typing import Any

from vstore.importers import open_rows
from vstore.importers.array_source import ArraySource
from vstore.importers.arrays import SideBySide


def side_by_side(path: Path | list[Path], **options: Any) -> SideBySide:
    (item,) = open_rows(path, with_="arrays", **options).items
    assert isinstance(item, SideBySide)
    return item


def open_arrays(path: Path, **options: Any) -> list[ArraySource]:
    return list(side_by_side(path, **options).arrays.values())


def open_array(path: Path) -> ArraySource:
    (found,) = open_arrays(path)
    return found
