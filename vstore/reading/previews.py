"""Choosing the samples that are looked at, and reading them."""

from typing import Any

import numpy as np

from vstore.reading.looking import look
from vstore.reading.preview import Preview
from vstore.reading.stored_table import StoredTable

MOST_SAMPLES = 100


def preview(table: StoredTable, index: Any) -> Preview:
    """Return the samples that an index picks, a hundred of them at most, to look at."""
    if isinstance(index, slice):
        index = np.arange(*index.indices(len(table)), dtype=np.int64)[:MOST_SAMPLES]
    found = table.rows.locate(index)
    is_one = isinstance(found, int)
    rows = np.atleast_1d(np.asarray(found, np.int64))[:MOST_SAMPLES]
    positions = [int(each) for each in table.rows.position(rows)]
    keys = None if table.key_kind is None else table.keys_of(rows).tolist()
    return Preview(table.path, look(table, rows), positions, keys=keys, is_one=is_one)
