"""Verification of a repository, and its repair."""
