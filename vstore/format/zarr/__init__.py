"""The part of the stored format that is Zarr's: metadata, data types, fill values, codecs.

No I/O, and nothing of vstore below it but its errors.
"""
