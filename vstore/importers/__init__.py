"""Importers: files of arrays, read batch by batch, become the columns of a table.

Files are recognised by their first bytes, not by their names: IDX (the format of MNIST)
and NumPy's `.npy`, plain or in gzip, and `.npz`. Nothing is unpickled, ever.

>>> import numpy, tempfile, vstore
>>> folder = tempfile.TemporaryDirectory()
>>> path = folder.name + "/image.npy"
>>> numpy.save(path, numpy.zeros((100, 28, 28), "uint8"))
>>> columns = name_columns(open_arrays(path))
>>> repo = vstore.create("memory://importers-doc")
>>> with repo.transaction("main", message="Import") as tx:
...     table = tx.create_table("train", column_specs(columns))
...     table.extend(read_batches(columns))
>>> repo.checkout("main")["train"]
<vstore.Table 'train' 100 samples; image: uint8[28, 28]>
>>> folder.cleanup()
"""

from vstore.importers.columns import column_specs, name_columns, read_batches
from vstore.importers.files import open_arrays
from vstore.importers.idx import open_idx, read_idx
from vstore.importers.npy import open_npy, open_npz
from vstore.importers.sample_keys import read_keys
from vstore.importers.source import ArraySource

__all__ = [
    "ArraySource",
    "column_specs",
    "name_columns",
    "open_arrays",
    "open_idx",
    "open_npy",
    "open_npz",
    "read_batches",
    "read_idx",
    "read_keys",
]
