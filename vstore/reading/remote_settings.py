"""How what is missing in a repository is read from its remotes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

from vstore.errors import InvalidInputError
from vstore.faces import exported_from

CACHE_NBYTES = 10 * 2**30
"""How much of what was read from remotes is kept on disk, unless another limit is given."""


@exported_from("vstore")
@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSettings:
    """Whether and how remotes are reached, and where what was read from them is kept.

    Attributes:
        offline: raise `NotHereError` in place of asking a remote.
        storage_options: the options of each remote's store, by the name of the remote.
        cache_dir: the directory for what was read. If None, it is inside a local repository,
            else in the user's directory for caches.
        cache_nbytes: how large it may become; 0 keeps nothing.
        sources: the places in which chunks may be read that stay in files elsewhere, each with the
            options of its store; see `vstore.open`.
    """

    offline: bool = False
    storage_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    cache_dir: str | PathLike[str] | None = None
    cache_nbytes: int = CACHE_NBYTES
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.cache_nbytes < 0:
            raise InvalidInputError(f"cache_nbytes={self.cache_nbytes} is negative")


BY_DEFAULT = RemoteSettings()
"""What is missing is read from remotes, with credentials from the environment."""
