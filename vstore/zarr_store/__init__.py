"""Commits and transactions as Zarr stores; needs `vstore[zarr]`."""

from vstore.zarr_store.store import ZarrStore

__all__ = ["ZarrStore"]
