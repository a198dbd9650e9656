"""History: refs, revisions and the commit graph."""
