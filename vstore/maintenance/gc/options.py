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

    `grace`: an object must have been needed by nothing for this long before it is condemned,
    and is deleted this long after. None is 24 hours for a new list of condemned objects,
    and what it was made with for one that waits.
    `expire`: for how long the log of a branch keeps what the branch has left.
    `wait`: wait out the grace period and delete, in the same call.
    `take_over`: finish what a collection that died was deleting, without waiting until it
    has been silent for ten minutes. Only for when it is certainly dead.
    `measure`: find out how much of the packs that stay is dead.
    `repack`: thin out packs of which at least this share is dead, 0.5 for half of it.
    """

    grace: timedelta | None = None
    expire: timedelta = DEFAULT_EXPIRE
    dry_run: bool = False
    wait: bool = False
    take_over: bool = False
    measure: bool = False
    repack: float | None = None

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
