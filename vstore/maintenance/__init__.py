"""Keeping a repository sound: verification, garbage collection, and probing its store."""
