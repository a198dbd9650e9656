"""What a part of a commit needs is copied from one repository to another."""

from concurrent.futures import ThreadPoolExecutor

from vstore.format.nodes import Node
from vstore.history.closure import fresh_below
from vstore.reading.fetch import Fetcher
from vstore.reading.through_store import ThroughStore
from vstore.storage.store import ObjectStore
from vstore.transfer.copying import Copier
from vstore.transfer.documents import Documents, KnownCommits
from vstore.transfer.side import IN_FLIGHT


def copy_node(source: Fetcher, node: Node, target: ObjectStore) -> None:
    """Copy all that a node needs; when this returns, the target has acknowledged every object.

    Raises:
        NotFoundError: something that it needs is missing at the source.
        CorruptionError: something that it needs is damaged there.
    """
    with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="vstore-transfer") as requests:
        documents = Documents(ThroughStore(source), KnownCommits(), requests)
        Copier(documents, target).copy(fresh_below(documents, node))
