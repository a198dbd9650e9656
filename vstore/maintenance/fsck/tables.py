"""The tables of commits, as those who check them go through them."""

from collections.abc import Iterable, Iterator

from vstore.errors import VstoreError
from vstore.format.digest import Digest
from vstore.reading.fetch import Fetcher
from vstore.reading.snapshot import Snapshot
from vstore.reading.table import Table


def tables_of(fetcher: Fetcher, commits: Iterable[Digest]) -> Iterator[tuple[Digest, str, Table]]:
    """Yield tables with their commits and paths; what cannot be read is left out."""
    for commit in sorted(commits):
        try:
            tables = Snapshot(fetcher, commit).tables
        except VstoreError:
            continue
        for path, table in tables.items():
            yield commit, path, table
