"""Training straight from a commit, without conversion: the same iterator with or without torch."""

from vstore.reader.options import ReadOptions
from vstore.reader.reader import Reader
from vstore.reader.stream import Statistics

__all__ = ["ReadOptions", "Reader", "Statistics"]
