"""A column as the library sees it: the arrays that it is made of."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vstore.errors import FormatError, InvalidInputError
from vstore.format.numbers import Ints, Positions, StoredRows
from vstore.format.table.element_rows import from_rows
from vstore.format.table.kinds import ColumnInfo
from vstore.format.table.names import SHAPE_SUFFIX, VALID_SUFFIX
from vstore.format.table.ragged import set_shapes
from vstore.format.table.rows import Rows
from vstore.reading.array import ChunkSource, read
from vstore.reading.masked import masked

_WAVE_NBYTES = 32 * 2**20


class ColumnTable(Protocol):
    """What a column knows of the table it belongs to."""

    @property
    def path(self) -> str:
        """Where the table is in the repository."""

    def find_source(self, name: str) -> ChunkSource | None:
        """Return the chunks of an array of the table, None where there is none."""

    def positions(self, keys: Any) -> Positions:
        """Return where the samples with some keys are, or raise `NotFoundError`."""

    def reopening(self) -> tuple[Any, ...]:
        """Return what a pickle of the table says: what opens it, and with which arguments."""


class StoredColumn:
    """The chunks of a column and of its companions, and which stored rows its samples are.

    `beside` are the companions by suffix; `valid` is the one that says which samples are
    there, where some may be missing; `table` is None inside a transaction.
    """

    def __init__(
        self,
        name: str,
        source: ChunkSource,
        info: ColumnInfo,
        rows: Rows,
        *,
        beside: Mapping[str, ChunkSource] | None = None,
        table: ColumnTable | None = None,
    ) -> None:
        self.name = name
        self.source = source
        self.info = info
        self.rows = rows
        self.beside = beside or {}
        self.valid = self.beside.get(VALID_SUFFIX)
        self.table = table

    @property
    def arrays(self) -> list[ChunkSource]:
        """All arrays that the column is made of."""
        return [self.source, *self.beside.values()]

    def at_rows(self, stored: int | StoredRows) -> Any:
        """Return the samples in stored rows; see `Rows`. Deleted samples are included."""
        return self.at(stored, ())

    def at(self, stored: Any, rest: tuple[Any, ...]) -> Any:
        """Return the samples in stored rows, or the part of each that `rest` picks."""
        if self.info.kind.is_plain:
            return self._fixed(stored, rest)
        if rest:
            raise InvalidInputError(
                f"samples of the {self.info.kind_name} column {self.name!r} differ in size, so "
                "they have no common axes to index",
                code="samples-differ-in-size",
                hint=f"index the samples first, then each one, as in `table[{self.name!r}][0][0]`",
                column=self.name,
            )
        if isinstance(stored, int):
            return self._samples(slice(stored, stored + 1))[0]
        return self._samples(stored)

    def shapes(self) -> Ints:
        """Return the shape of each sample, shape (samples, axes); zeros where one is missing.

        Raises:
            InvalidInputError: shapes are not stored apart from the samples.
        """
        live = self.rows.locate(slice(None))
        if self.info.kind.is_plain:
            found = np.array([self.source.metadata.shape[1:]], np.int64)
            found = np.repeat(found, len(self.rows), axis=0)
        elif SHAPE_SUFFIX in self.beside:
            found = set_shapes(self.info.shape or (), read(self.beside[SHAPE_SUFFIX], (live,)))
        else:
            raise InvalidInputError(
                f"the {self.info.kind_name} column {self.name!r} has no shapes apart from its "
                "samples: read those, or store lengths in a column of their own",
                code="no-shapes",
                column=self.name,
            )
        if self.valid is not None:
            found[~read(self.valid, (live,))] = 0
        return found

    def are_there(self) -> NDArray[np.bool_]:
        """Return which samples are not missing, shape (samples,)."""
        if self.valid is None:
            return np.ones(len(self.rows), bool)
        found: NDArray[np.bool_] = read(self.valid, (self.rows.locate(slice(None)),))
        return found

    def _samples(self, stored: Any) -> NDArray[Any]:
        elements = read(self.source, (stored,))
        beside = {suffix: read(source, (stored,)) for suffix, source in self.beside.items()}
        try:
            return from_rows(self.info, elements, beside)
        except FormatError as exc:
            raise self._damaged(exc, stored) from exc

    def _damaged(self, error: FormatError, stored: Any) -> FormatError:
        """Return an error of one of the samples in stored rows with the place of the sample."""
        rows = np.arange(self.rows.stored)[stored] if isinstance(stored, slice) else stored
        position = int(self.rows.position(np.asarray(rows)[[error.fields["at"]]])[0])
        key = self._key(int(np.asarray(rows)[error.fields["at"]]))
        return type(error)(
            f"column {self.name!r}, sample {position}{key}: {error}",
            code=error.code,
            hint=error.hint,
            column=self.name,
            sample=position,
        )

    def _key(self, row: int) -> str:
        """Return how a sample is called besides its position, nothing where it has no key."""
        keys_of = getattr(self.table, "keys_of", None)
        if keys_of is None or getattr(self.table, "key_kind", None) is None:
            return ""
        return f" ({keys_of(np.array([row], np.int64)).tolist()[0]!r})"

    def _fixed(self, stored: Any, rest: tuple[Any, ...]) -> Any:
        values = read(self.source, (stored, *rest))
        if self.valid is None:
            return values
        valid = read(self.valid, (stored,))
        if isinstance(stored, int):
            return values if valid else None
        return masked(values, valid)
