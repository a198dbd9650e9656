"""One column of a table, opened for reading."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn, overload

import numpy as np
from numpy.typing import NDArray

from vstore import optional
from vstore.errors import InvalidInputError, NotFoundError, NotHereError
from vstore.faces import exported_from
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.format.zarr.selection import SelectMany, SelectOne, split
from vstore.lazy import lazy
from vstore.reading.array import read
from vstore.reading.masked import unmasked
from vstore.reading.stored_column import StoredColumn
from vstore.wording import choice

if TYPE_CHECKING:
    from vstore.reading import boxes
else:
    boxes = lazy("vstore.reading.boxes")

_WAVE_NBYTES = 32 * 2**20


@exported_from("vstore")
class Column:
    """The values of all samples of a table under one name.

    Index it as a NumPy array whose first axis counts samples. A column of fixed shape
    gives arrays; `text` and `bytes` give object arrays of `str` and `bytes`; samples of
    differing shapes and images give an object array of arrays. One integer gives one
    sample. Where samples are missing, a column of fixed shape gives a masked array, any
    other None in their places; one missing sample is None. `numpy.asarray(column)` has
    NaN or NaT for them, and where there is no such value it raises `InvalidInputError`.
    """

    def __init__(self, stored: StoredColumn) -> None:
        self._internals = stored

    def __reduce__(self) -> tuple[Any, ...]:
        table = self._internals.table
        if table is None:
            raise TypeError("a column of an open transaction does not pickle: commit first")
        reopen, arguments = table.reopening()
        return reopen(*arguments).__getitem__, (self.name,)

    @property
    def name(self) -> str:
        """The column's name within its table."""
        return self._internals.name

    @property
    def kind(self) -> str:
        """One of `ndarray`, `ragged`, `text`, `texts`, `bytes`, `image` and `audio`."""
        return self._internals.info.kind_name

    @property
    def metadata(self) -> ArrayMetadata:
        """The Zarr v3 metadata of the stored array, which counts deleted samples too."""
        return self._internals.source.metadata

    @property
    def shape(self) -> tuple[int | None, ...]:
        """(samples, *shape of one sample); None for an axis that differs between samples."""
        shape = None if self._internals.info.kind.is_plain else self._internals.info.shape
        return (len(self), *(self.metadata.shape[1:] if shape is None else shape))

    @property
    def shapes(self) -> NDArray[np.int64]:
        """The shape of each sample, shape (samples, axes); zeros for one that is missing.

        Values are not read. Text, bytes and images have no shapes apart from their values, and
        raise an error.
        """
        return self._internals.shapes()

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How long each sample is along its first axis, shape (samples,); see `shapes`."""
        shapes = self._internals.shapes()
        if not shapes.shape[1]:
            raise InvalidInputError(
                f"samples of the column {self.name!r} are single elements, which have no length",
                code="no-shapes",
                column=self.name,
            )
        return shapes[:, 0]

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Which samples are there, and not missing: shape (samples,). No sample is read.

        >>> import vstore
        >>> repo = vstore.create("memory://valid-doc")
        >>> with repo.transaction("main", message="Start") as tx:
        ...     table = tx.create_table("t", {"name": vstore.text().as_optional()})
        ...     table.extend({"name": ["Ann", None]})
        >>> repo.checkout("main")["t"]["name"].valid.tolist()
        [True, False]
        """
        return self._internals.are_there()

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type of the samples; object for text and bytes."""
        dtype = self._internals.info.kind.dtype(self._internals.info)
        return self.metadata.dtype if dtype is None else dtype

    @property
    def attributes(self) -> dict[str, Any]:
        """The column's attributes, as a copy."""
        return dict(self.metadata.attributes)

    def __len__(self) -> int:
        return len(self._internals.rows)

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TypeError(
            f"the column {self.name!r} is read from a commit, which never changes: assign to the "
            'table of a transaction, `with repo.transaction("main", message="…") as tx: '
            'tx["table"]["column"][0] = …`'
        )

    @overload
    def __getitem__(self, index: tuple[Any, ...]) -> Any: ...
    @overload
    def __getitem__(self, index: SelectMany) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, index: SelectOne) -> Any: ...
    def __getitem__(self, index: Any) -> Any:
        """Return the samples an index picks, decoding each chunk once.

        Raises:
            OutOfBoundsError: a position outside the table.
            InvalidInputError: anything else that is no index of the column.
            CorruptionError: stored bytes are damaged.
            NotHereError: they are at a remote that cannot be read now.
        """
        first, rest = split(index, self.metadata.ndim)
        try:
            return self._internals.at(self._internals.rows.locate(first), rest)
        except NotHereError as exc:
            raise exc.of_sample(first) from exc.__cause__

    @overload
    def encoded(self, index: SelectMany) -> NDArray[Any]: ...
    @overload
    def encoded(self, index: SelectOne) -> Any: ...
    def encoded(self, index: Any) -> Any:
        """Return samples as they are stored: files of images and sounds, undecoded."""
        stored = self._internals.rows.locate(index)
        return read(self._internals.source, (stored,))

    def info(self, index: SelectMany | SelectOne) -> Any:
        """Return what the files of images or sounds say of themselves, without decoding them.

        One integer gives one `ImageInfo` or `AudioInfo`, anything else a list; None stands for
        samples that are missing or were given no value.

        Raises:
            FormatError: a file is damaged.
            InvalidInputError: the column holds neither images nor sounds.
        """
        describe = self._internals.info.kind.describe
        if describe is None:
            raise InvalidInputError(
                f"files of images and sounds say what they are; the column {self.name!r} is "
                f"{self.kind}",
                code="no-files",
                hint="ask a column of `vstore.image()` or `vstore.audio()`",
                column=self.name,
            )
        found = self.encoded(index)
        if isinstance(found, bytes):
            return describe(found) if found else None
        return [describe(each) if each else None for each in found]

    def contains(self, text: str) -> NDArray[np.bool_]:
        """Return a mask of the samples whose lists of texts have one; missing samples have none.

        Reads the column.

        Raises:
            InvalidInputError: the column holds no lists of texts.
        """
        if not self._internals.info.kind.is_collection or not isinstance(text, str):
            raise InvalidInputError(
                f"whether a sample contains {text!r} is asked of lists of texts; the column "
                f"{self.name!r} is {self.kind}",
                code="not-texts",
                hint="compare its samples, as in `table['name'][:] == 'night'`",
                column=self.name,
            )
        found = (sample is not None and text in sample for sample in self)
        return np.fromiter(found, bool, len(self))

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the samples, reading whole chunks at a time."""
        step = self._rows_per_wave()
        for start in range(0, len(self), step):
            wave = slice(start, start + step)
            samples = self[wave]
            if self._internals.valid is None or not self._internals.info.kind.is_plain:
                yield from samples
            else:
                valid = read(self._internals.valid, (self._internals.rows.locate(wave),))
                yield from (
                    sample if there else None
                    for sample, there in zip(samples.data, valid, strict=True)
                )

    def _rows_per_wave(self) -> int:
        chunk = self.metadata.chunk_shape[0]
        if not self._internals.info.kind.is_plain:
            return chunk
        return max(1, _WAVE_NBYTES // max(1, self.metadata.chunk_nbytes)) * chunk

    def __array__(self, dtype: Any = None, *, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("reading a stored column always copies")
        return unmasked(self[:], dtype, name=self.name)

    def _arrow(self) -> Any:
        table = self._internals.table
        if table is None:
            raise TypeError("a column of an open transaction is not read as Arrow: commit first")
        reopen, arguments = table.reopening()
        purpose = "a column as Arrow"
        arrow = optional.load(
            "vstore.arrow.scan", package="pyarrow", extra="arrow", purpose=purpose
        )
        scan = arrow.scan_of(reopen(*arguments), columns=[self.name])
        return scan.table().column(0)

    def __arrow_array__(self, type: object = None) -> object:  # noqa: A002
        """Give all samples to pyarrow, with a type to cast them to if that is given."""
        found = self._arrow()
        return found if type is None else found.cast(type)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give all samples to any library that takes Arrow streams."""
        return self._arrow().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"<vstore.Column {self.name!r} {self.kind} {self.shape} {self.dtype}>"

    def _repr_html_(self) -> str:
        return boxes.column_box(self)


def column_not_found(path: str, name: object, columns: Iterable[str]) -> NotFoundError:
    """Return the error for a column that a table does not have; `columns` are those it has."""
    return NotFoundError(
        f"the table {path!r} has no column {name!r}",
        code="column-not-found",
        hint=choice(str(name), list(columns)),
        path=path,
        column=name,
    )
