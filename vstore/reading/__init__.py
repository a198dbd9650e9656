"""The read path: a commit opened for reading, its groups, tables, columns and arrays.

Everything is fetched and verified by `fetch`; training has a reader of its own, `vstore.reader`.
Below: `history` and `format`.
"""
