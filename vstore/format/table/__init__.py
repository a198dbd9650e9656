"""What makes a Zarr group a table: kinds of columns, sample keys, the key index, images.

No I/O. Below: `format/zarr` and the documents of `format`.
"""
