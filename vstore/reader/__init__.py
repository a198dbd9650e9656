"""Training straight from a commit, without conversion: the same iterator with or without torch."""

from vstore.reader.mixture import Mixture
from vstore.reader.options import ReadOptions
from vstore.reader.packing import packed
from vstore.reader.plan.drawing import balanced
from vstore.reader.plan.packs import Packed
from vstore.reader.reader import Reader
from vstore.reader.regions import Regions, regions
from vstore.reader.splitting import split
from vstore.reader.statistics import ReaderStatistics
from vstore.reader.windows import Windows, windows

__all__ = [
    "Mixture",
    "Packed",
    "ReadOptions",
    "Reader",
    "ReaderStatistics",
    "Regions",
    "Windows",
    "balanced",
    "packed",
    "regions",
    "split",
    "windows",
]
