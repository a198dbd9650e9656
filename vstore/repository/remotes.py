"""Other repositories that this one exchanges commits with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace as with_members

from vstore.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from vstore.faces import exported_from
from vstore.format import object_keys
from vstore.format import remote as stored
from vstore.format.commit import FORMAT
from vstore.history.remotes import (
    delete_remote,
    put_remote,
    read_remote,
    read_remotes,
    rename_remote,
    storable_url,
)
from vstore.lazy import lazy
from vstore.repository.remote import Remote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vstore.maintenance.fsck import fsck as verification
    from vstore.repository.access import Access
else:
    verification = lazy("vstore.maintenance.fsck.fsck")


@exported_from("vstore")
class Remotes:
    """The remotes of a repository: iterate over names, index by name.

    >>> import vstore
    >>> repo = vstore.create("memory://remotes-doc")
    >>> repo.remotes.add("backup", "memory://remotes-doc-backup")
    <vstore.Remote backup memory://remotes-doc-backup>
    >>> list(repo.remotes)
    ['backup']
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._store = access.store

    def __iter__(self) -> Iterator[str]:
        return iter(read_remotes(self._store))

    def __len__(self) -> int:
        return len(read_remotes(self._store))

    def __contains__(self, name: str) -> bool:
        return name in read_remotes(self._store)

    def __getitem__(self, name: str) -> Remote:
        return self.open(name)

    def open(self, name: str, *, storage_options: Mapping[str, Any] | None = None) -> Remote:
        """Return a remote by its name, or any repository by its URL or path.

        Args:
            name: the name of a remote; what has a `/`, or begins with a dot, is an address.
            storage_options: what the store's client is told, as in `vstore.open`; nothing of
                it is ever stored. Default: those of the remote in the `RemoteSettings` that
                the repository was opened with.

        Raises:
            NotFoundError: there is no remote of that name.
        """
        if _is_address(name):
            return Remote(self._access, None, name, storage_options)
        try:
            found, _ = read_remote(self._store, name)
        except NotFoundError as error:
            known = ", ".join(self) or "none"
            raise NotFoundError(
                f"there is no remote {name!r} in {self._store.url}; there is {known}",
                code="remote-not-found",
                hint=f"add it with `repo.remotes.add({name!r}, url)`",
                name=name,
            ) from error
        if storage_options is None:
            storage_options = self._access.remote_settings.storage_options.get(name)
        return Remote(self._access, found, found.url, storage_options)

    def add(
        self,
        name: str,
        url: str,
        *,
        read_only: bool = False,
        storage_options: Mapping[str, Any] | None = None,
    ) -> Remote:
        """Remember another repository by a name; nothing is read or written there.

        Args:
            name: what it is to be called; its branches here will be `<name>/<branch>`.
            url: its URL or path, without credentials.
            read_only: whether pushing there is refused.
            storage_options: see `open`.

        Raises:
            AlreadyExistsError: there is a remote of that name, or a branch that begins so.
            InvalidUrlError: the URL has a user, a password or a query.
        """
        object_keys.check_remote_name(name)
        prefix = f"{name}/"
        taken = [each for each in self._access.refs.branch_names() if each.startswith(prefix)]
        if taken:
            raise AlreadyExistsError(
                f"the branch {taken[0]!r} begins with {prefix!r}, where branches of the remote go",
                code="branch-exists",
                hint="choose another name for the remote",
                name=name,
            )
        value = stored.Remote(FORMAT, name, storable_url(url), read_only=read_only)
        if name in self:
            raise AlreadyExistsError(
                f"there is a remote {name!r} already",
                code="remote-exists",
                hint=f"change its address with `repo.remotes.set_url({name!r}, url)`",
                name=name,
            )
        put_remote(self._store, value)
        return Remote(self._access, value, value.url, storage_options)

    def remove(self, name: str) -> None:
        """Forget a remote, and where its branches were; nothing changes there.

        If it promises data, the repository is verified to hold all of it.

        Raises:
            NotFoundError: there is no remote of that name.
            InvalidInputError: data of this repository is only there.
        """
        found, _ = read_remote(self._store, name)
        if found.promises and any(
            not problem.repaired
            for problem in verification.fsck(self._store, remotes=None).problems
        ):
            raise InvalidInputError(
                f"data of this repository is only at the remote {name!r}",
                code="remote-promises",
                hint="get it first with `repo.fetch_data(all_history=True)`, for each branch",
                name=name,
            )
        for branch in self._tracking(name):
            self._delete_branch(branch)
        delete_remote(self._store, name)

    def rename(self, old: str, new: str) -> None:
        """Give a remote another name; what says where its branches were goes along.

        Raises:
            NotFoundError: there is no remote `old`.
            AlreadyExistsError: there is a remote `new`, or a branch that begins so.
        """
        object_keys.check_remote_name(new)
        if list(self._tracking(new)):
            raise AlreadyExistsError(
                f"there are branches that begin with {new + '/'!r} already",
                code="branch-exists",
                hint="choose another name for the remote",
                name=new,
            )
        branches = list(self._tracking(old))
        rename_remote(self._store, old, new)
        for name in branches:
            branch = self._access.refs.get_branch(name)
            self._access.refs.create_branch(
                new + name.removeprefix(old),
                branch.commit,
                action=f"renamed from {name}",
                log=branch.document.log,
            )
            self._delete_branch(name)

    def set_url(self, name: str, url: str) -> None:
        """Give a remote another address.

        Raises:
            NotFoundError: there is no remote of that name.
        """
        found, version = read_remote(self._store, name)
        value = with_members(found, url=storable_url(url))
        put_remote(self._store, value, expected=version)

    def _tracking(self, name: str) -> Iterator[str]:
        return (each for each in self._access.refs.branch_names() if each.startswith(f"{name}/"))

    def _delete_branch(self, name: str) -> None:
        branch = self._access.refs.find_branch(name)
        if branch is not None:
            self._access.refs.deleted.note(branch.document)
            self._access.refs.withdraw_branch(branch)

    def __repr__(self) -> str:
        return f"<remotes {', '.join(self) or 'none'}>"


def _is_address(name: str) -> bool:
    return "/" in name or "\\" in name or name.startswith((".", "~"))
