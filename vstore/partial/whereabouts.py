"""Which copies of some data exist, and how much of it is here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vstore.faces import exported_from, internals
from vstore.format import object_keys
from vstore.maintenance.progress import NOTHING, Amount
from vstore.maintenance.promises import Promises
from vstore.partial.holdings import Holdings, amount, distinct
from vstore.partial.selecting import Selection, array_paths, chunks_in
from vstore.reading.fetch import Fetcher
from vstore.reading.snapshot import Snapshot


@exported_from("vstore")
@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """Where the chunks of a path are.

    Attributes:
        path: what they belong to.
        stored: all of them.
        here: those in the repository itself.
        remotes: those that each remote holds that promises objects, by name.
    """

    path: str
    stored: Amount = NOTHING
    here: Amount = NOTHING
    remotes: dict[str, Amount]

    @property
    def is_here(self) -> bool:
        """Whether all of them are in the repository itself."""
        return self.here == self.stored

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "path": self.path,
            "stored": _plain(self.stored),
            "here": _plain(self.here),
            "remotes": {name: _plain(found) for name, found in self.remotes.items()},
        }


def _plain(found: Amount) -> dict[str, int]:
    return {"chunks": found.objects, "nbytes": found.nbytes}


def whereis(snapshot: Snapshot, selection: Selection, fetcher: Fetcher) -> Whereabouts:
    """Return where the chunks of a selection are, by listings of the repository and its remotes.

    Raises:
        NotFoundError: nothing is at the path.
        NotHereError: a remote cannot be listed.
    """
    refs = list(distinct(chunks_in(snapshot, selection)))
    holdings = Holdings.read(fetcher.store)
    remotes: dict[str, Amount] = {}
    for listing in Promises(fetcher.elsewhere).listings():
        found = []
        for ref in refs:
            place = ref
            if listing.inventory.find_size(object_keys.pack(ref.pack.digest)) is None:
                place = listing.forwards.place(ref)
            if listing.inventory.packs.find(place.pack.digest) == place.pack.nbytes:
                found.append(ref)
        remotes[listing.name] = amount(found)
    here = amount(ref for ref in refs if holdings.place(ref) is not None)
    return Whereabouts(path=selection.path, stored=amount(refs), here=here, remotes=remotes)


def local_data(snapshot: Snapshot, path: str, fetcher: Fetcher) -> Iterator[Whereabouts]:
    """Yield, for every column and array at and below a path, how much of it is here.

    No remote is asked. What a table keeps besides its columns counts to none of them.
    """
    holdings = Holdings.read(fetcher.store)
    tables = snapshot.tables
    for place, _ in array_paths(snapshot, path.strip("/")):
        above, _, name = place.rpartition("/")
        if above in tables and name not in internals(tables[above]).infos:
            continue
        refs = list(distinct(chunks_in(snapshot, Selection(path=place))))
        here = amount(ref for ref in refs if holdings.place(ref) is not None)
        yield Whereabouts(path=place, stored=amount(refs), here=here, remotes={})
