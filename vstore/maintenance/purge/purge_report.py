"""What a purge did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vstore.faces import exported_from
from vstore.format.digest import Digest
from vstore.maintenance.progress import NOTHING, Amount
from vstore.storage.store import Key


@exported_from("vstore")
@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeReport:
    """What a purge did, or would do.

    `holding` commits held what was erased, and `commits` were rewritten: these and all that
    followed them. `rewritten` is each old commit with the one in its place. `left` are objects
    that could not be deleted, since something else needs what is in them, or a transaction has
    been open since before they were written.
    """

    url: str
    id: str | None = None
    holding: int = 0
    commits: int = 0
    rewritten: Mapping[Digest, Digest] = field(default_factory=dict)
    nbytes_written: int = 0
    freed: Amount = NOTHING
    left: tuple[Key, ...] = ()
    dry_run: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "url": self.url,
            "id": self.id,
            "holding": self.holding,
            "commits": self.commits,
            "rewritten": dict(self.rewritten),
            "nbytes_written": self.nbytes_written,
            "freed": {"objects": self.freed.objects, "nbytes": self.freed.nbytes},
            "left": list(self.left),
            "dry_run": self.dry_run,
        }
