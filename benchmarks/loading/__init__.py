"""What `benchmarks/loaders.py` measures: data, loaders of ours and of others, and how to time them."""
