"""How garbage is collected: for how long things are kept, and what a collection does."""

from dataclasses import dataclass
from datetime import timedelta

from vstore.errors import InvalidInputError
from vstore.faces import exported_from

DEFAULT_GRACE = timedelta(hours=24)
DEFAULT_EXPIRE = timedelta(days=30)


@exported_from("vstore")
@dataclass(frozen=True, slots=True, kw_only=True)
class GcOptions:
    """How garbage is collected.

    `grace`: an object must be unreachable for this long before it is listed for deletion,
    and again before it is deleted. None is 24 hours for a new list, and for a pending one
    the grace period it was made with.
    `expire`: for how long the log of a branch keeps commits that the branch no longer reaches.
    `wait`: wait out the grace period and delete, in the same call.
    `take_over`: finish what a collection that died was deleting, without waiting until it
    has been silent for ten minutes. Use it only if that process is certainly dead.
    `measure`: find out how much of the packs that stay is dead.
    `repack`: repack packs of which at least this share is dead, for instance 0.5. Up to 0.001,
    what is dead is to be gone: packs are repacked even where that frees no room.
    `accept_lost_refs`: free also what only branches and tags needed that are gone without
    having been deleted by vstore.
    """

    grace: timedelta | None = None
    expire: timedelta = DEFAULT_EXPIRE
    dry_run: bool = False
    wait: bool = False
    take_over: bool = False
    measure: bool = False
    repack: float | None = None
    accept_lost_refs: bool = False

    def __post_init__(self) -> None:
        if self.repack is not None and not 0 < self.repack <= 1:
            raise InvalidInputError(
                f"repack={self.repack} is not the share of a pack that must be unreachable",
                hint="give a number above 0 and up to 1, for instance 0.5",
            )
        for name in ("grace", "expire"):
            value = getattr(self, name)
            if value is not None and value < timedelta(0):
                raise InvalidInputError(f"{name}={value} is a negative duration")
