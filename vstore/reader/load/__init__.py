"""From chunks to batches: fetching, decoding, gathering, caches and threads."""
