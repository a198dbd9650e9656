"""One change of the keys of a transaction, as any process makes it."""

from dataclasses import dataclass

from vstore.hierarchy.staged_zarr_keys import StagedKeys


@dataclass(frozen=True, slots=True)
class Change:
    """Bytes for a key; None deletes it, or all below it where it ends in a slash."""

    key: str
    data: bytes | None

    def apply(self, keys: StagedKeys) -> None:
        """Make the change."""
        if self.data is not None:
            keys.set(self.key, self.data)
        elif self.key.endswith("/") or not self.key:
            keys.delete_prefix(self.key)
        else:
            keys.delete(self.key)
