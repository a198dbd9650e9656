"""Importers: samples are found in files, by what knows their format, and added to a table.

`open_rows` finds samples, `import_into` adds them to a table of a transaction. An `Importer`
knows one kind of source, and what it finds are `Rows`.

Files are recognized by their first bytes, not by their names: IDX (the format of MNIST)
and NumPy's `.npy`, plain or in gzip, and `.npz`. Nothing is unpickled, ever.

>>> import numpy, tempfile, vstore
>>> folder = tempfile.TemporaryDirectory()
>>> path = folder.name + "/image.npy"
>>> numpy.save(path, numpy.zeros((100, 28, 28), "uint8"))
>>> repo = vstore.create("memory://importers-doc")
>>> with repo.transaction("main", message="Import") as tx:
...     import_into(tx, "train", open_rows([path]))
Imported(table='train', added=100, count=100)
>>> repo.checkout("main")["train"]
<vstore.Table 'train' 100 samples; image: uint8[28, 28]>
>>> folder.cleanup()
"""

from vstore.importers.array_source import ArraySource
from vstore.importers.arrays import ArrayImporter, ArrayRows
from vstore.importers.files import open_arrays
from vstore.importers.idx import open_idx, read_idx
from vstore.importers.import_source import ImportSource
from vstore.importers.importer import Importer, Rows
from vstore.importers.importing import Imported, import_into, open_rows
from vstore.importers.npy import open_npy, open_npz
from vstore.importers.sample_keys import read_keys

__all__ = [
    "ArrayImporter",
    "ArrayRows",
    "ArraySource",
    "ImportSource",
    "Imported",
    "Importer",
    "Rows",
    "import_into",
    "open_arrays",
    "open_idx",
    "open_npy",
    "open_npz",
    "open_rows",
    "read_idx",
    "read_keys",
]
