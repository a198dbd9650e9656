"""Garbage collection beside live writers, and the repacking of packs."""
