"""Parquet, Feather and Arrow files, and data sets of Hugging Face on disk."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, ClassVar

from vstore.importers.image_modes import PIXELS
from vstore.importers.importer import Importer, Option, Rows
from vstore.importers.source import Source, SourceFile
from vstore.optional import load

PARQUET = b"PAR1"
FILE = b"ARROW1\0\0"
STREAM = b"\xff\xff\xff\xff"
_INFO = "dataset_info.json"


class ArrowFiles(Importer):
    """Parquet, Feather and Arrow files: Arrow's types one to one; structs flatten to a.b."""

    options: ClassVar[Mapping[str, Option]] = {
        "key": (str, None, "the column that has the keys, which becomes no column"),
    }

    def fits(self, source: Source) -> bool:
        """Return whether the first file that is not JSON begins as one of them does."""
        if is_dataset(source):
            return False
        file = next(iter(source.files()), None)
        return file is not None and is_arrow(file)

    def open(self, source: Source, *, key: str | None = None, **_: Any) -> Rows:
        """Return the rows of the files, which have the same columns.

        Raises:
            MissingExtraError: pyarrow is not installed.
            InvalidInputError: files differ in columns, or have types that vstore lacks.
        """
        rows: Rows = _reading().table_rows(source, list(source.files()), key=key)
        return rows


class HuggingFace(Importer):
    """Data sets of Hugging Face, as `save_to_disk` writes them: Image, Audio, ClassLabel, Value."""

    options: ClassVar[Mapping[str, Option]] = {
        "split": (str, None, "the split to import, if there are several"),
        "audio_dtype": (str, "float32", "what sounds are read as: int16, int32, float32, float64"),
        "mode": PIXELS,
    }

    def fits(self, source: Source) -> bool:
        """Return whether there is a file that describes such a data set."""
        return is_dataset(source)

    def open(self, source: Source, *, split: str | None = None, **options: Any) -> Rows:
        """Return the rows of the data set, in their order.

        Raises:
            MissingExtraError: pyarrow is not installed.
            InvalidInputError: there are several splits, or a feature that vstore lacks.
        """
        rows: Rows = _reading().dataset_rows(source, split=split, options=options)
        return rows


def is_dataset(source: Source) -> bool:
    """Return whether a folder holds a data set of Hugging Face."""
    names = {PurePosixPath(file.path).name for file in source.files()}
    return not source.is_file and _INFO in names and any(n.endswith(".arrow") for n in names)


def is_arrow(file: SourceFile) -> bool:
    """Return whether a file begins as Parquet or one of Arrow's formats."""
    return file.head(8).startswith((PARQUET, FILE, STREAM))


def _reading() -> Any:
    return load(
        "vstore.importers.arrow_reading",
        package="pyarrow",
        extra="arrow",
        purpose="an import of Parquet, Feather and Arrow files",
    )
