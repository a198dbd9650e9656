"""Garbage collection with live writers, and the repacking of packs."""
