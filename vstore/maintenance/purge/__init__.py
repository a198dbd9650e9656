"""Erasing values and texts from a whole history: commits are rewritten, and old bytes deleted."""
