"""Reading every sample as a user does: chunks that decode may still not be samples."""

from collections.abc import Iterable
from typing import Any

from vstore.errors import (
    CorruptionError,
    MissingExtraError,
    NotFoundError,
    NotHereError,
    StorageError,
    VstoreError,
)
from vstore.faces import internals
from vstore.format.digest import Digest
from vstore.maintenance.fsck.findings import Findings
from vstore.maintenance.fsck.tables import tables_of
from vstore.reading.array import StoredArray
from vstore.reading.fetch import Fetcher
from vstore.reading.stored_table import StoredTable
from vstore.reading.table import Table


def check_samples(fetcher: Fetcher, commits: Iterable[Digest], findings: Findings) -> None:
    """Report the columns of some commits in which a sample cannot be read.

    A column that is the same in several commits is read once. Chunks that are missing or damaged
    are left out, since they are reported as what they are, and so are images where the extra that
    reads them is not installed.
    """
    seen: list[Any] = []
    for commit, path, table in tables_of(fetcher, commits):
        for name, info in internals(table).infos.items():
            nodes = _nodes(internals(table), [name + suffix for suffix in info.suffixes])
            if nodes in seen:
                continue
            seen.append(nodes)
            problem = _problem(table, name)
            if problem:
                detail = f"the column in {commit[:12]}: {problem}"
                findings.report(f"{path}/{name}", "malformed", detail)


def _nodes(table: StoredTable, names: list[str]) -> list[Any]:
    sources = [table.find_source(name) for name in names]
    return [each.node if isinstance(each, StoredArray) else None for each in sources]


def _problem(table: Table, name: str) -> str:
    """Return why a sample of a column cannot be read, nothing where all can."""
    try:
        for _ in table[name]:
            pass
    except NotHereError:
        return ""
    except (CorruptionError, MissingExtraError, NotFoundError, StorageError) as exc:
        return str(exc) if "sample" in exc.fields else ""
    except VstoreError as exc:
        return str(exc)
    return ""
