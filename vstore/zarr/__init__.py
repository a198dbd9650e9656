"""Commits and transactions as stores of zarr-python, and as a backend of xarray.

The only room that imports either. Below: `hierarchy`, which knows the keys without zarr.
"""
