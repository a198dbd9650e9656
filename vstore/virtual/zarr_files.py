"""Zarr groups and arrays, version 2 and 3: each chunk is a file of its own."""

import os
from collections.abc import Mapping
from typing import Any

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.storage.open import open_store
from vstore.virtual.references import References, file_url

_DOCUMENTS = ("zarr.json", ".zarray", ".zgroup", ".zattrs")


@exported_from("vstore.virtual")
def scan_zarr(
    url: str | os.PathLike[str], *, storage_options: Mapping[str, Any] | None = None
) -> References:
    """Return where the chunks of a Zarr group or array are, version 2 or 3; one listing.

    Args:
        url: the folder; its address is what the repository will name.
        storage_options: the options of the store that it is listed in.

    Raises:
        InvalidInputError: there is no Zarr, or it has what vstore does not keep.
    """
    address = file_url(os.fspath(url)).rstrip("/")
    store = open_store(address, storage_options=storage_options)
    refs: dict[str, Any] = {}
    for info in store.list_prefix(""):
        if info.key.rpartition("/")[2] in _DOCUMENTS:
            refs[info.key] = bytes(store.get(info.key))
        else:
            refs[info.key] = [f"{address}/{info.key}", 0, info.nbytes]
    if not any(key.rpartition("/")[2] in _DOCUMENTS for key in refs):
        raise InvalidInputError(f"there is no Zarr group or array in {address}")
    return References.of(refs)
