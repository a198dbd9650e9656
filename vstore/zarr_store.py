"""The Zarr store of a commit or a transaction: the public face of `vstore.zarr`."""

from vstore.zarr.zarr_store import ZarrStore

__all__ = ["ZarrStore"]
