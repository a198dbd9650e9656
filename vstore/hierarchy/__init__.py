"""The Zarr hierarchy of a commit or a transaction: its keys, and what is under each."""
