"""Where objects are kept: memory, local disk, S3, GCS, Azure, any fsspec filesystem."""
