"""History: refs, revisions, the commit graph, diff and merge."""
