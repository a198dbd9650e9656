"""Importers: samples are found in files, by what knows their format, and added to a table.

`open_rows` finds samples behind an address, `import_into` adds them to a table of a
transaction. `open_hierarchy` and `import_hierarchy` do so for groups and arrays.
`vstore.plugins` has what an importer of your own is made of. Nothing is unpickled, ever.

>>> import numpy, tempfile, vstore
>>> folder = tempfile.TemporaryDirectory()
>>> path = folder.name + "/image.npy"
>>> numpy.save(path, numpy.zeros((100, 28, 28), "uint8"))
>>> repo = vstore.create("memory://importers-doc")
>>> with repo.transaction("main", message="Import") as tx:
...     import_into(tx, "train", open_rows(path))
Imported(table='train', added=100, count=100, replaced=0, equal=0, removed=0, skipped=())
>>> repo.checkout("main")["train"]
<vstore.Table 'train' 100 samples; image: uint8[28, 28]>
>>> folder.cleanup()
"""

from vstore.importers.addresses import open_source
from vstore.importers.errors import Skipped
from vstore.importers.hierarchy_importing import (
    HierarchyOptions,
    ImportedHierarchy,
    import_hierarchy,
)
from vstore.importers.idx import read_idx
from vstore.importers.importing import Imported, ImportOptions, import_into
from vstore.importers.opening import open_as_it_is, open_hierarchy, open_rows
from vstore.importers.schema import read_schema

__all__ = [
    "HierarchyOptions",
    "ImportOptions",
    "Imported",
    "ImportedHierarchy",
    "Skipped",
    "import_hierarchy",
    "import_into",
    "open_as_it_is",
    "open_hierarchy",
    "open_rows",
    "open_source",
    "read_idx",
    "read_schema",
]
