"""The golden repositories by name, each with the function that makes it where it is told."""

from collections.abc import Callable

from tests.format.golden.arrays import write_arrays, write_codecs, write_tree
from tests.format.golden.histories import (
    write_empty,
    write_history,
    write_merges,
    write_partial,
    write_repacked,
)
from tests.format.golden.making import Made
from tests.format.golden.outside import write_virtual
from tests.format.golden.tables import write_columns, write_patches, write_tables

REPOSITORIES: dict[str, Callable[[Made], None]] = {
    "arrays": write_arrays,
    "codecs": write_codecs,
    "columns": write_columns,
    "empty": write_empty,
    "history": write_history,
    "merges": write_merges,
    "partial": write_partial,
    "patches": write_patches,
    "repacked": write_repacked,
    "tables": write_tables,
    "tree": write_tree,
    "virtual": write_virtual,
}
