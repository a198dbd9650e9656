"""Images, sounds and bytes as the files that they are, in folders of their classes."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from vstore.errors import InvalidInputError
from vstore.exporters.exporter import Exporter
from vstore.exporters.file_names import with_suffix
from vstore.exporters.names import checked_path, file_path
from vstore.exporters.refusals import listed, not_held
from vstore.exporters.rows import ExportBatch, ExportColumn, ExportRows
from vstore.exporters.target import Target
from vstore.exporters.texts import as_json, is_json, json_samples

METADATA = "metadata.jsonl"
"""What the folder says of each file besides its bytes and its class."""


class Files(Exporter):
    """A folder with a file for each image, sound or bytes: equal to the one that came in.

    A file is called by its key; one without a key by its position. If a column has `classes`, the
    name of a sample's class is the folder of its files, unless the key says so already. Other
    columns are written to `metadata.jsonl`.
    """

    options: ClassVar = {
        "escape_names": (bool, False, "write what cannot stand in the name of a file as %XX")
    }

    def write(
        self, rows: ExportRows, target: Target, *, escape_names: bool = False, **_: Any
    ) -> None:
        """Write the files, and what else is known of them."""
        columns = rows.columns.values()
        files = [column for column in columns if column.has_files]
        classes = next((column for column in columns if column.classes is not None), None)
        rest = [column for column in columns if column not in (*files, classes)]
        _check(rows, files, rest, classes)
        names = _Names(rows, files, classes, is_escaped=escape_names)
        target.folder  # noqa: B018 - there, also where there is no sample
        if rest:
            with target.open(METADATA) as metadata:
                for batch in rows.batches():
                    for line in self._lines(names, rest, batch, target):
                        metadata.write(line)
            return
        for batch in rows.batches():
            for _paths in self._written(names, batch, target):
                pass

    def _written(
        self, names: "_Names", batch: ExportBatch, target: Target
    ) -> Iterator[dict[str, str | None]]:
        """Write the files of a batch; yield the paths of each sample's, by column."""
        for at in range(len(batch)):
            paths: dict[str, str | None] = {}
            for column in names.files:
                paths[column.name] = None
                data = batch.values[column.name][at]
                if batch.valid[column.name][at]:
                    paths[column.name] = path = names.path(column, batch, at, data)
                    with target.open(path) as file:
                        file.write(data)
            yield paths

    def _lines(
        self, names: "_Names", rest: Sequence[ExportColumn], batch: ExportBatch, target: Target
    ) -> Iterator[bytes]:
        shown = ExportRows(
            names.rows.path, {each.name: each for each in rest}, None, {}, names.rows.positions,
            {}, None,
        )  # fmt: skip
        written = self._written(names, batch, target)
        for paths, sample in zip(written, json_samples(shown, batch), strict=True):
            yield (as_json({**names.fields(paths), **sample}) + "\n").encode()


def _check(
    rows: ExportRows,
    files: Sequence[ExportColumn],
    rest: Sequence[ExportColumn],
    classes: ExportColumn | None,
) -> None:
    """Refuse columns that the folder cannot hold."""
    if not files:
        raise InvalidInputError(
            f"{rows.path!r} has no images, sounds or bytes to write as files; its columns are "
            f"{listed(rows.columns)}",
            code="no-files-to-export",
            hint="name a file with the suffix of another format, such as .parquet or .csv",
        )
    for column in rest:
        if not is_json(column):
            raise not_held(f"{METADATA}, next to files,", column)
    if classes is not None and classes.info.optional:
        raise not_held("a folder for each class", classes)
    for name in rows.columns:
        if name == "file_name" or name.endswith("_file_name"):
            raise InvalidInputError(
                f"the column {name!r} is called as {METADATA} calls files: choose other columns"
            )


class _Names:
    """What the files of samples are called."""

    def __init__(
        self,
        rows: ExportRows,
        files: Sequence[ExportColumn],
        classes: ExportColumn | None,
        *,
        is_escaped: bool,
    ) -> None:
        self.rows = rows
        self.files = files
        self._classes = classes
        self._is_escaped = is_escaped
        self._width = len(str(int(rows.positions.max(initial=0))))

    def path(self, column: ExportColumn, batch: ExportBatch, at: int, data: bytes) -> str:
        """Return the path of a file, which is checked."""
        key = batch.keys[at]
        base = file_path(key) if self.rows.key_kind is not None else f"{key:0{self._width}}"
        if self._classes is not None:
            folder = self._folder(batch, at)
            is_told = f"/{base}".rpartition("/")[0].endswith(f"/{folder}") or not folder
            base = base if is_told or base.startswith(f"{folder}/") else f"{folder}/{base}"
        named = base if len(self.files) == 1 else f"{column.name}/{base}"
        return with_suffix(checked_path(named, is_escaped=self._is_escaped), data)

    def _folder(self, batch: ExportBatch, at: int) -> str:
        assert self._classes is not None
        number, known = int(batch.values[self._classes.name][at]), self._classes.classes or ()
        if not 0 <= number < len(known):
            raise InvalidInputError(
                f"the column {self._classes.name!r} has the class {number} for the sample "
                f"{batch.keys[at]!r}; there are {len(known)} classes",
                code="no-such-class",
                hint="choose the columns to export, without this one",
                column=self._classes.name,
            )
        return known[number]

    def fields(self, paths: dict[str, str | None]) -> dict[str, str | None]:
        """Return what the metadata says of the files of a sample."""
        if len(self.files) == 1:
            return {"file_name": paths[self.files[0].name]}
        return {f"{name}_file_name": path for name, path in paths.items()}
