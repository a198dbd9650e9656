"""Verify the forwarding documents of repacked packs, and restore them from a copy."""

from vstore.errors import FormatError
from vstore.format import object_keys
from vstore.format.digest import Digest
from vstore.history.forwarding import find_moved
from vstore.maintenance.forwarding import Forwards
from vstore.maintenance.fsck.findings import Restorer
from vstore.maintenance.inventory import Inventory
from vstore.storage.store import ObjectStore


def check_moves(forwards: Forwards, inventory: Inventory, restorer: Restorer) -> None:
    """Report documents that are damaged, where they are needed; take those of the copy.

    What is said of a pack that is there is not needed. A document that is missing cannot be
    noticed: the pack is reported as missing, unless the copy has the one or the other.
    """
    for pack, detail in list(forwards.damaged.items()):
        if inventory.packs.find(pack) is None:
            repaired = restorer.copy is not None and _adopt(forwards, pack, restorer.copy)
            restorer.findings.report(object_keys.moved(pack), "damaged", detail, repaired=repaired)
    if restorer.copy is None:
        return
    for info in restorer.copy.list_prefix(object_keys.MOVED):
        found = object_keys.moved_at(info.key)
        if found is None or found in forwards.moved or found in forwards.damaged:
            continue
        if inventory.packs.find(found) is None and _adopt(forwards, found, restorer.copy):
            restorer.findings.report(info.key, "missing", repaired=True)


def _adopt(forwards: Forwards, pack: Digest, copy: ObjectStore) -> bool:
    """Store what the copy says of a pack; return whether it says anything."""
    try:
        moved = find_moved(copy, pack)
    except FormatError:
        moved = None
    if moved is None:
        return False
    forwards.store.put(object_keys.moved(pack), copy.get(object_keys.moved(pack)))
    forwards.take(pack)
    return True
