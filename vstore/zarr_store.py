"""The Zarr store of a commit or a transaction: the public face of `vstore.zarr`."""

from vstore.optional import needed

with needed("zarr", extra="zarr", purpose="vstore.zarr_store"):
    from vstore.zarr.zarr_store import ZarrStore

__all__ = ["ZarrStore"]
