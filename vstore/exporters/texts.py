"""Formats of text: CSV, JSON lines, lines."""

import json
import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.exporters.exporter import Exporter
from vstore.exporters.refusals import not_held, one_column, require_held
from vstore.exporters.rows import ExportBatch, ExportColumn, ExportRows
from vstore.exporters.target import Target
from vstore.format.table.names import KEYS
from vstore.format.zarr.dtypes import STRING

_SCALARS = "biufMUT"


class Csv(Exporter):
    """Numbers, texts and times as CSV, with names in the first line; missing ones are empty."""

    suffixes: ClassVar[tuple[str, ...]] = (".csv",)

    def write(self, rows: ExportRows, target: Target, **_: Any) -> None:
        """Write a line for each sample; keys, where there are any, in front as `sample`."""
        require_held("a CSV file", rows, _is_cell)
        head = [] if rows.key_kind is None else [KEYS]
        with target.open() as file:
            file.write(_line(map(_quoted, [*head, *rows.columns])))
            for batch in rows.batches():
                cells = [_cells(column, batch) for column in rows.columns.values()]
                if head:
                    cells.insert(0, [_quoted(_spelled(key)) for key in batch.keys])
                file.write(b"".join(map(_line, zip(*cells, strict=True))))


def _is_cell(column: ExportColumn) -> bool:
    if column.kind.is_plain:
        return column.shape == () and _is_text(column.dtype)
    return column.kind.data_type == STRING


def _is_text(dtype: np.dtype[Any]) -> bool:
    """Return whether values are the same when their texts are read."""
    is_time = dtype.kind == "M"
    is_odd = is_time and np.datetime_data(dtype)[1] != 1  # NumPy writes these wrongly
    return dtype.kind in _SCALARS and dtype.names is None and not is_odd


def _cells(column: ExportColumn, batch: ExportBatch) -> list[str]:
    values, valid = batch.values[column.name], batch.valid[column.name]
    if column.kind.is_plain and column.dtype.kind not in "UT":
        cells = _numbers(values)
    else:
        cells = [_quoted(str(value)) if value is not None else "" for value in values.tolist()]
    return [cell if there else "" for cell, there in zip(cells, valid, strict=True)]


def _numbers(values: NDArray[Any]) -> list[str]:
    """Return the shortest texts that are the same numbers when they are read."""
    if values.dtype.kind == "b":
        return ["true" if each else "false" for each in values.tolist()]
    if values.dtype.kind == "f":
        return [str(each) for each in values]
    texts: list[str] = values.astype(str).tolist()
    return texts


def _quoted(text: str) -> str:
    """Return a text as a cell; the empty one in quotes, since nothing stands for a missing one."""
    needs = not text or text.strip() != text or any(char in text for char in ',"\r\n')
    return '"' + text.replace('"', '""') + '"' if needs else text


def _line(cells: Any) -> bytes:
    return (",".join(cells) + "\n").encode()


def _spelled(key: Any) -> str:
    return json.dumps(list(key), ensure_ascii=False) if isinstance(key, tuple) else str(key)


class Jsonl(Exporter):
    """A JSON object on each line: numbers, texts, and lists of them; missing ones are null."""

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")

    def write(self, rows: ExportRows, target: Target, **_: Any) -> None:
        """Write a line for each sample; keys, where there are any, as `sample`."""
        require_held("JSON", rows, is_json)
        with target.open() as file:
            for batch in rows.batches():
                lines = []
                for key, sample in zip(batch.keys, json_samples(rows, batch), strict=True):
                    named = {} if rows.key_kind is None else {KEYS: key}
                    lines.append(as_json({**named, **sample}) + "\n")
                file.write("".join(lines).encode())


def is_json(column: ExportColumn) -> bool:
    """Return whether samples of a column are the same when they are read from JSON."""
    if column.has_files or column.kind.describe is not None:
        return False
    is_text = column.kind.is_collection or column.kind.data_type == STRING
    return is_text or _is_text(column.dtype)


def as_json(sample: Any) -> str:
    """Return a document on one line."""
    return json.dumps(sample, ensure_ascii=False, separators=(", ", ": "), allow_nan=False)


def json_samples(rows: ExportRows, batch: ExportBatch) -> Iterator[dict[str, Any]]:
    """Yield the samples of a batch as JSON objects.

    Raises:
        InvalidInputError: a number is not finite, which JSON has no word for.
    """
    columns = [_json_values(column, batch) for column in rows.columns.values()]
    for values in zip(*columns, strict=True) if columns else ({} for _ in batch.keys):
        yield dict(zip(rows.columns, values, strict=True)) if columns else {}


def _json_values(column: ExportColumn, batch: ExportBatch) -> list[Any]:
    found = []
    for at, sample in enumerate(batch.samples(column.name)):
        try:
            found.append(_json(sample))
        except ValueError:
            raise InvalidInputError(
                f"JSON has no infinite numbers and no NaN: column {column.name!r}, sample "
                f"{batch.keys[at]!r}",
                code="column-not-exported",
                hint="choose other columns, or another format: Parquet holds most",
                column=column.name,
            ) from None
    return found


def _json(sample: Any) -> Any:
    """Return a sample as JSON; floats so that the shortest text is the same number."""
    if isinstance(sample, np.ndarray | np.generic):
        array = np.asarray(sample)
        if array.dtype.kind == "M":
            return _null_for_nat(array)
        if array.dtype.kind == "f":
            if not np.isfinite(array).all():
                raise ValueError("not finite")
            wide = np.array([float(str(each)) for each in array.ravel()]).reshape(array.shape)
            return wide.tolist()
        return array.tolist()
    if isinstance(sample, float) and not math.isfinite(sample):
        raise ValueError("not finite")
    return sample


def _null_for_nat(array: NDArray[Any]) -> Any:
    if np.isnat(array).any():
        raise ValueError("no time")
    return array.astype(str).tolist()


class Lines(Exporter):
    """One column of texts, a line for each."""

    suffixes: ClassVar[tuple[str, ...]] = (".txt",)

    def write(self, rows: ExportRows, target: Target, **_: Any) -> None:
        """Write the texts; one with a line break in it is refused."""
        column = one_column("a text file", rows)
        if column.kind.data_type != STRING or column.info.optional:
            raise not_held("a text file", column)
        with target.open() as file:
            for batch in rows.batches():
                texts = batch.samples(column.name)
                for key, text in zip(batch.keys, texts, strict=True):
                    if "\n" in text or "\r" in text:
                        raise InvalidInputError(
                            f"a line cannot hold a line break: column {column.name!r}, sample "
                            f"{key!r}",
                            code="column-not-exported",
                            hint="choose another format, such as JSON lines",
                            column=column.name,
                        )
                file.write("".join(text + "\n" for text in texts).encode())
