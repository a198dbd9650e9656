"""Reading documents and refusing what is not what its digest says."""

from dataclasses import dataclass

from vstore.errors import CorruptionError, NotFoundError
from vstore.format import object_keys
from vstore.format.commit import RepositoryDocument
from vstore.format.digest import read_verified
from vstore.history.documents import read_document, repository_not_found
from vstore.maintenance.crawl import Task
from vstore.storage.store import ObjectStore


@dataclass(frozen=True, slots=True)
class DocumentReader:
    """Reads documents and verifies them."""

    store: ObjectStore

    def __call__(self, task: Task) -> bytes:
        """Return the verified bytes of a document.

        Raises:
            NotFoundError: it is missing.
            CorruptionError: its bytes are not what its digest or its parent says.
        """
        expected, where = bytes.fromhex(task.digest), f"{task.key} in {self.store.url}"
        data = read_verified(lambda: self.store.get(task.key), expected, what=where)
        if task.nbytes not in (None, len(data)):
            raise CorruptionError(
                f"{task.key} in {self.store.url} has {len(data)} bytes, not {task.nbytes} as "
                f"what refers to it says"
            )
        return data


def require_repository(store: ObjectStore) -> RepositoryDocument:
    """Return the document that marks a repository.

    Raises:
        NotFoundError: there is no repository.
        FormatError: a newer vstore made it, or it is damaged.
    """
    try:
        what = f"{object_keys.REPOSITORY} in {store.url}"
        return read_document(store, object_keys.REPOSITORY, RepositoryDocument, what=what)[0]
    except NotFoundError:
        raise repository_not_found(store.url) from None
