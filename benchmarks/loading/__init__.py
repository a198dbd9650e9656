"""The parts of `benchmarks/loaders.py`: data, our loaders and those of others, how to time them."""
