"""How a value of a sample differs from what it was, as a picture and in a line."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.diffing.pairs import SamplePair
from vstore.display import pictures
from vstore.display.html import Content, element, joined
from vstore.display.values import plane_of


def moved(pair: SamplePair, name: str, size: int) -> Content:
    """Return the difference of a sample in a column, nothing where there is no such thing."""
    line = moved_line(pair, name)
    if not line:
        return None
    old, new = pair.old[name], pair.new[name]
    pixels = difference_of(old, new, size) if size else None
    if pixels is None:
        return line
    drawn = pictures.picture(pixels, alt=f"difference of {name} of {pair.key!r}", size=size)
    return joined(drawn, element("div", line, class_="vstore-note"))


def moved_line(pair: SamplePair, name: str) -> str:
    """Return how far numbers moved, in words; nothing for anything else."""
    if name not in pair.old or name not in pair.new:
        return ""
    old, new = (_numbers(side[name]) for side in (pair.old, pair.new))
    if old is None or new is None:
        return ""
    if old.shape != new.shape:
        return f"shape {old.shape} -> {new.shape}"
    apart = new.astype(np.float64) - old.astype(np.float64)
    if not apart.ndim:
        return f"{float(apart):+.6g}"
    count = int(np.count_nonzero(apart))
    most = float(np.nanmax(np.abs(apart))) if np.isfinite(apart).any() else float("nan")
    return f"{count / max(apart.size, 1):.1%} differ, by {most:.6g} at most"


def _numbers(value: Any) -> NDArray[Any] | None:
    if not isinstance(value, (np.ndarray, np.generic, int, float)):
        return None
    found = np.asarray(value)
    return found if found.dtype.kind in "biuf" and found.size else None


def difference_of(old: Any, new: Any, size: int) -> pictures.Pixels | None:
    """Return where two values differ as pixels, None where that cannot be seen."""
    planes = [plane_of(np.asarray(side)) for side in (old, new)]
    if planes[0] is None or planes[1] is None:
        return None
    return pictures.difference(planes[0], planes[1], limit=size)
