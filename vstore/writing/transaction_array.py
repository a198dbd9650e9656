"""A plain array of a transaction, as people hold it."""

from collections.abc import Callable
from typing import Any

from vstore.faces import exported_from
from vstore.format.table.conversion import as_dtype
from vstore.reading.array import Array
from vstore.writing.staged_array import StagedArray


@exported_from("vstore")
class TransactionArray(Array):
    """A plain array of a transaction: index it to read, assign to it to write."""

    def __init__(self, source: StagedArray, require_open: Callable[[], None]) -> None:
        super().__init__(source, path=source.path)
        self._staged = source
        self._require_open = require_open

    def _require_usable(self) -> None:
        self._require_open()
        self._staged.require_usable()

    def __setitem__(self, index: Any, values: Any) -> None:
        """Change the elements an index picks; values broadcast as in NumPy."""
        self._require_usable()
        self._staged.write(index, as_dtype(values, self.dtype, name=self.path))
