"""Three-way merge of one table: columns first, then the samples in them."""

from vstore.merging.sample_merge import SampleMerge
from vstore.merging.schema_merge import SchemaMerge
from vstore.merging.sides import TableSides


def merge_table(sides: TableSides) -> None:
    """Put into `sides.staged` what theirs changed since the base; conflicts are noted there."""
    columns = SchemaMerge(sides).run()
    SampleMerge(sides, columns).run()
