"""Commits in xarray: `xr.open_dataset("s3://bucket/repo@main", engine="vstore", group="climate")`.

Tables open with `sample` as their dimension and the samples' keys as its coordinate;
deleted samples are left out. xarray imports this module to list its engines, also where zarr is
not installed: only opening a commit needs zarr.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from vstore.errors import InvalidInputError
from vstore.faces import internals
from vstore.format.table.names import DELETED, KEY_INDEX, KEYS
from vstore.format.tree import GroupNode
from vstore.optional import needed
from vstore.reading.snapshot import Snapshot
from vstore.reading.table import Table
from vstore.repository.opening import checkout

with needed("xarray", extra="xarray", purpose="the engine 'vstore' of xarray"):
    from xarray import Dataset, DataTree
    from xarray.backends import BackendEntrypoint
    from xarray.backends.zarr import ZarrBackendEntrypoint


class VstoreBackendEntrypoint(BackendEntrypoint):
    """Opens groups and tables of a commit, given as a snapshot or by its address.

    >>> import numpy, vstore, xarray
    >>> repo = vstore.create("memory://xarray-doc")
    >>> with repo.transaction("main", message="Add") as tx:
    ...     table = tx.create_table("train", {"label": vstore.ndarray((), "int64")}, keys="str")
    ...     table.extend({"label": [3, 1, 4]}, keys=["a", "b", "c"])
    >>> dataset = xarray.open_dataset(repo.checkout("main"), engine=VstoreBackendEntrypoint,
    ...                               group="train")
    >>> dataset["label"].sel(sample=["a", "c"]).values
    array([3, 4])
    """

    description: ClassVar[str] = "Open commits of vstore repositories"
    supports_groups: ClassVar[bool] = True

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Return whether this is a snapshot; addresses look like those of other engines."""
        return isinstance(filename_or_obj, Snapshot)

    def open_dataset(  # noqa: PLR0913 - xarray wants each by name
        self,
        filename_or_obj: Any,
        *,
        mask_and_scale: Any = True,
        decode_times: Any = True,
        concat_characters: Any = True,
        decode_coords: Any = True,
        drop_variables: str | Iterable[str] | None = None,
        use_cftime: bool | None = None,
        decode_timedelta: Any = None,
        group: str | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> Dataset:
        """Open one group or table; the root of the commit when `group` is None."""
        snapshot = _snapshot(filename_or_obj, storage_options)
        path = _checked_group(snapshot, group)
        dataset = ZarrBackendEntrypoint().open_dataset(
            _zarr_store(snapshot),
            mask_and_scale=mask_and_scale,
            decode_times=decode_times,
            concat_characters=concat_characters,
            decode_coords=decode_coords,
            drop_variables=drop_variables,
            use_cftime=use_cftime,
            decode_timedelta=decode_timedelta,
            group=path,
            consolidated=False,
        )
        return _live(dataset, snapshot, path)

    def open_groups_as_dict(  # noqa: PLR0913
        self,
        filename_or_obj: Any,
        *,
        mask_and_scale: Any = True,
        decode_times: Any = True,
        concat_characters: Any = True,
        decode_coords: Any = True,
        drop_variables: str | Iterable[str] | None = None,
        use_cftime: bool | None = None,
        decode_timedelta: Any = None,
        group: str | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> dict[str, Dataset]:
        """Open every group and table at and below `group`, each by its path."""
        snapshot = _snapshot(filename_or_obj, storage_options)
        path = _checked_group(snapshot, group)
        groups = ZarrBackendEntrypoint().open_groups_as_dict(
            _zarr_store(snapshot),
            mask_and_scale=mask_and_scale,
            decode_times=decode_times,
            concat_characters=concat_characters,
            decode_coords=decode_coords,
            drop_variables=drop_variables,
            use_cftime=use_cftime,
            decode_timedelta=decode_timedelta,
            group=path or None,
            consolidated=False,
        )
        return {
            name: _live(dataset, snapshot, f"{path}/{name.strip('/.')}".strip("/"))
            for name, dataset in groups.items()
        }

    def open_datatree(  # noqa: PLR0913
        self,
        filename_or_obj: Any,
        *,
        mask_and_scale: Any = True,
        decode_times: Any = True,
        concat_characters: Any = True,
        decode_coords: Any = True,
        drop_variables: str | Iterable[str] | None = None,
        use_cftime: bool | None = None,
        decode_timedelta: Any = None,
        group: str | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> DataTree:
        """Open a group with all below it."""
        groups = self.open_groups_as_dict(
            filename_or_obj,
            mask_and_scale=mask_and_scale,
            decode_times=decode_times,
            concat_characters=concat_characters,
            decode_coords=decode_coords,
            drop_variables=drop_variables,
            use_cftime=use_cftime,
            decode_timedelta=decode_timedelta,
            group=group,
            storage_options=storage_options,
        )
        return DataTree.from_dict(groups)


def _zarr_store(snapshot: Snapshot) -> Any:
    """Return a commit as xarray takes it, whose types leave out the stores that it takes."""
    return snapshot.store


def _snapshot(source: Any, storage_options: Mapping[str, Any] | None) -> Snapshot:
    if isinstance(source, Snapshot):
        return source
    if not isinstance(source, (str, os.PathLike)):
        raise InvalidInputError(
            "the engine 'vstore' opens a snapshot, or the address of a repository with a revision, "
            f"as in s3://bucket/repo@main; got {type(source).__name__}"
        )
    return checkout(os.fspath(source), storage_options=storage_options)


def _checked_group(snapshot: Snapshot, group: str | None) -> str:
    path = (group or "").strip("/")
    if not isinstance(internals(snapshot).tree.get(path), GroupNode):
        raise InvalidInputError(
            f"{path!r} is an array, not a group",
            code="not-a-group",
            hint="give the path of the group or table that it is in",
        )
    return path


def _live(dataset: Dataset, snapshot: Snapshot, path: str) -> Dataset:
    """Return a table's dataset without its deleted samples; any other as it is."""
    node = internals(snapshot).tree.find(path)
    if not isinstance(node, GroupNode) or node.table is None:
        return dataset
    table = snapshot[path]
    dataset = dataset.drop_vars([DELETED, KEY_INDEX], errors="ignore")
    if isinstance(table, Table) and internals(table).rows.has_deleted:
        return dataset.isel({KEYS: internals(table).rows.live()})
    return dataset
