"""Commits in xarray: `xr.open_dataset("s3://bucket/repo@main", engine="vstore", group="climate")`.

Tables open with `sample` as their dimension and the samples' keys as its coordinate;
deleted samples are left out. What is missing in optional columns is missing in xarray's terms,
unless `mask_and_scale=False` asks for the arrays as they are stored. xarray imports this
module to list its engines, also where zarr is not installed: only opening a commit needs zarr.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.faces import internals
from vstore.format.nodes import GroupNode
from vstore.format.table.names import DELETED, KEY_INDEX, KEYS, VALID_SUFFIX
from vstore.optional import needed
from vstore.reading.snapshot import Snapshot
from vstore.reading.table import Table
from vstore.repository.opening import checkout

with needed("xarray", extra="xarray", purpose="the engine 'vstore' of xarray"):
    from xarray import Dataset, DataTree, Variable
    from xarray.backends import BackendArray, BackendEntrypoint
    from xarray.backends.zarr import ZarrBackendEntrypoint
    from xarray.core import indexing


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
        return _live(dataset, snapshot, path, masks=_asks_for_masks(mask_and_scale))

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
            name: _live(
                dataset,
                snapshot,
                f"{path}/{name.strip('/.')}".strip("/"),
                masks=_asks_for_masks(mask_and_scale),
            )
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


Masks = Callable[[str], bool]
"""Whether what is missing in a column is to be missing in xarray's terms."""


def _asks_for_masks(mask_and_scale: Any) -> Masks:
    """Return what a user's choice means for each column."""
    if isinstance(mask_and_scale, Mapping):
        return lambda name: bool(mask_and_scale.get(name, True))
    return lambda _: mask_and_scale is not False


def _live(dataset: Dataset, snapshot: Snapshot, path: str, *, masks: Masks) -> Dataset:
    """Return a table's dataset as its samples are: without deleted ones, missing ones masked."""
    node = internals(snapshot).tree.find(path)
    if not isinstance(node, GroupNode) or node.table is None:
        return dataset
    table = snapshot[path]
    dataset = dataset.drop_vars([DELETED, KEY_INDEX], errors="ignore")
    if not isinstance(table, Table):
        return dataset
    for name, info in internals(table).infos.items():
        if info.optional and masks(name):
            dataset = _masked(dataset, name)
    if internals(table).rows.has_deleted:
        return dataset.isel({KEYS: internals(table).rows.live()})
    return dataset


def _masked(dataset: Dataset, name: str) -> Dataset:
    """Return a dataset in which what a column lacks is NaN, or NaT; the mask itself goes."""
    beside = name + VALID_SUFFIX
    if name not in dataset.variables or beside not in dataset.variables:
        return dataset.drop_vars(beside, errors="ignore")
    values = dataset.variables[name]
    array = _Masked(name, values, dataset.variables[beside])
    masked = Variable(
        values.dims, indexing.LazilyIndexedArray(array), values.attrs, values.encoding
    )
    return dataset.drop_vars(beside).assign({name: masked})


class _Masked(BackendArray):
    """The samples of an optional column, read where they are needed.

    What is missing is NaN or NaT; so integers become floats, and where there are neither
    numbers nor times, objects.
    """

    def __init__(self, name: str, values: Variable, valid: Variable) -> None:
        self._name = name
        self._values = values
        self._valid = valid
        self.shape = values.shape
        self.dtype = _with_nothing(values.dtype)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        support = indexing.IndexingSupport.OUTER
        return indexing.explicit_indexing_adapter(key, self.shape, support, self._at)

    def _at(self, key: tuple[Any, ...]) -> Any:
        stored = np.asarray(self._values[key].values)
        absent = ~np.asarray(self._valid[key[:1]].values, bool)
        with np.errstate(invalid="ignore"):
            values = stored.astype(self.dtype)
        self._check_exact(stored, values, absent)
        values[absent] = np.array("NaT", self.dtype) if self.dtype.kind in "mM" else np.nan
        return values

    def _check_exact(
        self, stored: NDArray[Any], values: NDArray[Any], absent: NDArray[np.bool_]
    ) -> None:
        if stored.dtype.kind not in "iu" or stored.dtype.itemsize < self.dtype.itemsize:
            return
        large = ~absent.reshape(-1, *[1] * (values.ndim - 1)) & (np.abs(values) >= _LARGEST)
        if [int(each) for each in values[large]] != stored[large].tolist():
            raise InvalidInputError(
                f"the column {self._name!r} is optional, and xarray has it as float64, which does "
                "not hold all of its integers",
                code="lossy-masks",
                hint="open it with `mask_and_scale=False`",
                column=self._name,
            )


_LARGEST = 2**53
"""Below it every integer is a float64."""


def _with_nothing(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the data type that xarray gives values among which some are missing."""
    if dtype.kind in "fcmMO":
        return dtype
    return np.result_type(dtype, np.float32) if dtype.kind in "iu" else np.dtype(object)
