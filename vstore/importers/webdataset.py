"""WebDataset: archives in which the files of one stem are a sample."""

import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, ClassVar

import numpy as np

from vstore.errors import InvalidInputError
from vstore.format.table.sounds import DTYPES
from vstore.format.table.specs import ColumnSpec, audio, bytes_, image, ndarray, text
from vstore.importers.image_modes import PIXELS
from vstore.importers.importer import Importer, Option, Rows
from vstore.importers.media import SUFFIXES, is_webdataset, split_stem
from vstore.importers.source import Source, SourceFile

_INFERRED_FROM = 100


class WebDataset(Importer):
    """WebDataset archives: a sample for each stem, a column for each suffix, stems as keys."""

    options: ClassVar[Mapping[str, Option]] = {
        "audio_dtype": (str, "int16", f"what sounds are read as: {', '.join(DTYPES)}"),
        "mode": PIXELS,
    }

    def fits(self, source: Source) -> bool:
        """Return whether the source is an archive with several files of one stem in a row."""
        return is_webdataset(source)

    def open(self, source: Source, **options: Any) -> Rows:
        """Return the samples in the order of the archive.

        Raises:
            InvalidInputError: files of one stem are apart, or two columns would be one.
        """
        samples = [
            Stem(stem, tuple(files))
            for stem, files in groupby(source.files(), key=lambda file: split_stem(file.path)[0])
        ]
        _check_stems(samples)
        found: dict[str, dict[str, None]] = {}
        counts: Counter[str] = Counter()
        for sample in samples:
            for name, suffix in sample.members:
                found.setdefault(name, {})[suffix] = None
                counts[name] += 1
        columns = {}
        for name, suffixes in found.items():
            given = source.schema.get(name)
            spec = given or _described(name, list(suffixes), samples, options)
            columns[name] = spec if counts[name] == len(samples) else spec.as_optional()
        return Rows(columns, "str", items=samples, read=read_sample, key=_stem, count=len(samples))


@dataclass(frozen=True, slots=True)
class Stem:
    """The files of a sample."""

    stem: str
    files: tuple[SourceFile, ...]

    @property
    def members(self) -> Sequence[tuple[str, str]]:
        """The column and the last suffix of each file."""
        return [column_of(split_stem(file.path)[1]) for file in self.files]

    def __str__(self) -> str:
        return str(self.files[0])


def _stem(sample: Stem) -> str:
    return sample.stem


def column_of(suffix: str) -> tuple[str, str]:
    """Return the column that a suffix stands for, and what says its type.

    >>> column_of("png"), column_of("image.png")
    (('png', 'png'), ('image', 'png'))
    """
    name, _, last = suffix.rpartition(".")
    return (name or suffix or "data").replace(".", "_"), last.lower() or "bin"


def _check_stems(samples: Sequence[Stem]) -> None:
    seen: set[str] = set()
    for sample in samples:
        if sample.stem in seen:
            raise InvalidInputError(
                f"the files of the sample {sample.stem!r} do not follow each other in the archive"
            )
        seen.add(sample.stem)
        names = [name for name, _ in sample.members]
        if len(set(names)) < len(names):
            raise InvalidInputError(f"{sample} has two files for one column: {', '.join(names)}")


def kind_of(suffix: str) -> str:
    """Return what a file with a suffix holds."""
    for kind in ("image", "audio"):
        if f".{suffix}" in SUFFIXES[kind]:
            return kind
    known = {"cls": "number", "txt": "text", "json": "text", "npy": "array"}
    return known.get(suffix, "bytes")


def _described(
    name: str, suffixes: Sequence[str], samples: Sequence[Stem], options: Mapping[str, Any]
) -> ColumnSpec:
    """Return the column for files of some suffixes."""
    kinds = {kind_of(suffix) for suffix in suffixes}
    if len(kinds) > 1:
        raise InvalidInputError(
            f"the files of the column {name!r} are of several kinds: {', '.join(suffixes)}"
        )
    (kind,) = kinds
    if kind == "array":
        return _array_column(name, samples)
    made: dict[str, Callable[[], ColumnSpec]] = {
        "image": lambda: image(mode=options.get("mode", "auto")),
        "audio": lambda: audio(dtype=options.get("audio_dtype", "int16")),
        "number": lambda: ndarray((), "int64"),
        "text": text,
        "bytes": bytes_,
    }
    return made[kind]()


def _array_column(name: str, samples: Sequence[Stem]) -> ColumnSpec:
    """Return the column for arrays, by the first of them."""
    files = (
        file
        for sample in samples
        for file, (column, _) in zip(sample.files, sample.members, strict=True)
        if column == name
    )
    arrays = [_array(file.bytes(), file) for file in islice(files, _INFERRED_FROM)]
    dtypes, ranks = {each.dtype for each in arrays}, {each.ndim for each in arrays}
    if len(dtypes) > 1 or len(ranks) > 1:
        raise InvalidInputError(
            f"the arrays of {name!r} differ in data type or number of axes: "
            f"{', '.join(sorted(map(str, dtypes)))}",
            hint="describe the column with a schema",
        )
    lengths = zip(*(each.shape for each in arrays), strict=True)
    shape = [each[0] if len(set(each)) == 1 else None for each in map(list, lengths)]
    return ndarray(shape, dtypes.pop())


def _array(data: bytes, file: object) -> np.ndarray[Any, Any]:
    try:
        found: np.ndarray[Any, Any] = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError) as exc:
        raise InvalidInputError(f"{file} is no .npy file that can be read: {exc}") from exc
    return found


def read_sample(sample: Stem) -> Mapping[str, Any]:
    """Return the values of a sample by column.

    Raises:
        InvalidInputError: a file is not what its suffix says.
    """
    values: dict[str, Any] = {}
    for file, (name, suffix) in zip(sample.files, sample.members, strict=True):
        values[name] = _value(kind_of(suffix), file.bytes(), file)
    return values


def _value(kind: str, data: bytes, file: SourceFile) -> Any:
    if kind == "array":
        return _array(data, file)
    if kind in ("number", "text"):
        try:
            said = data.decode()
            return int(said) if kind == "number" else said
        except ValueError as exc:
            raise InvalidInputError(f"{file} holds no {kind}: {exc}") from exc
    return data
