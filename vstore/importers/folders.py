"""Folders of files, each of which is a sample: images, or anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

from vstore.format.table.specs import ColumnSpec, bytes_, image
from vstore.importers.image_modes import PIXELS, common_mode
from vstore.importers.importer import Importer, Option, Rows
from vstore.importers.labels import Known, by_folder, by_table
from vstore.importers.media import SUFFIXES, is_webdataset, main_kind
from vstore.importers.source import Source, SourceFile

LABEL_OPTIONS: Mapping[str, Option] = {
    "class": (str, "path", "the class of a file: the path of its folder, its leaf, or none"),
    "labels": (str, None, "a CSV or JSONL file with a row for each file, in place of classes"),
    "path_column": (str, None, "the field of --labels that has the path of a file, or its name"),
}
"""The options of importers of folders whose files are samples."""


class Images(Importer):
    """JPEG, PNG and WebP files: an image each, with its class by folder or labels by a table."""

    options: ClassVar[Mapping[str, Option]] = {
        **LABEL_OPTIONS,
        "mode": PIXELS,
    }

    def fits(self, source: Source) -> bool:
        """Return whether most files are images by their names, and one of them by its bytes."""
        if main_kind(source) != "image" or is_webdataset(source):
            return source.is_file and _is_image(source.head(12))
        return any(_is_image(file.head(12)) for file in islice(source.files(*_PATTERNS), 10))

    def open(self, source: Source, *, mode: str = "auto", **options: Any) -> Rows:
        """Return the images in the order of their paths, which are their keys."""
        files = list(source.files() if source.is_file else source.files(*_PATTERNS))
        if mode == "auto" and "image" not in source.schema:
            mode = common_mode(files)
        return file_rows(source, files, ("image", image(mode=mode)), options)


class Files(Importer):
    """Any files: the bytes of each, as they are. Chosen by name only."""

    options: ClassVar[Mapping[str, Option]] = {
        **LABEL_OPTIONS,
        "class": (str, "none", LABEL_OPTIONS["class"][2]),
    }

    def fits(self, source: Source) -> bool:  # noqa: ARG002 - it reads everything
        """Return False: whatever is read, another importer may read it better."""
        return False

    def open(self, source: Source, **options: Any) -> Rows:
        """Return the files in the order of their paths, which are their keys."""
        return file_rows(source, list(source.files()), ("data", bytes_()), options)


def file_rows(
    source: Source,
    files: list[SourceFile],
    column: tuple[str, ColumnSpec],
    options: Mapping[str, Any],
) -> Rows:
    """Return files as samples: a column of the files as they are, and what is known of them.

    Args:
        source: where the files are from.
        files: those that are samples.
        column: the name and the description of the column that holds the files.
        options: `LABEL_OPTIONS`, as they were given.
    """
    name, spec = column
    labels, path_column = options.get("labels"), options.get("path_column")
    if labels is None:
        known = by_folder(files, options.get("class", "path"))
    else:
        known = by_table(source, labels, path_column)
    return Rows(
        {name: source.schema.get(name, spec), **known.columns},
        "str",
        items=files,
        read=_Reading(name, known),
        key=_path,
        count=len(files),
        ignored=len(source.listed) - len(files) + source.hidden,
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """Reads a file, and what is known of it."""

    name: str
    known: Known

    def __call__(self, file: SourceFile) -> Mapping[str, Any]:
        return {**self.known.of(file), self.name: file.bytes()}


def _path(file: SourceFile) -> str:
    return file.path


_PATTERNS = tuple(f"*{suffix}" for suffix in sorted(SUFFIXES["image"]))


def _is_image(head: bytes) -> bool:
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return is_webp or head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))
