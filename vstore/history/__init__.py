"""History: refs, revisions and the commit graph. What differs is in `diffing`, merges in `merging`."""
