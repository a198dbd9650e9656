"""Viewers: what packages add so that samples of a kind that vstore does not know are seen.

A viewer returns data, text or an image, and never draws. So a terminal, a notebook and a
page of `vstore ui` show the same, each in its way.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vstore.display.classes import class_names, named
from vstore.display.lines import Unshown
from vstore.entry_points import VIEWERS, plugins_that_fit
from vstore.faces import exported_from

View: TypeAlias = str | NDArray[Any]
"""What is seen of a sample: text, or an image as numbers."""


@exported_from("vstore.plugins")
@dataclass(frozen=True, slots=True)
class ViewedColumn:
    """What a viewer is told of the column whose samples are looked at."""

    name: str
    kind: str
    """Such as `ndarray`, `bytes` or `image`."""

    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]
    """That of one sample; None is an axis of any length."""

    attributes: Mapping[str, Any] = field(default_factory=dict)


@exported_from("vstore.plugins")
class Viewer(ABC):
    """Says how samples of a column are seen. To write one, subclass it; it has no state.

    A package makes it known by an entry point of the group `vstore.viewers`. A complete one,
    for columns of bytes that say that they hold clouds of points:

    >>> import numpy as np
    >>> from vstore.plugins import View, ViewedColumn, Viewer
    >>> class Clouds(Viewer):
    ...     '''Clouds of points, from above.'''
    ...
    ...     def fits(self, column: ViewedColumn) -> bool:
    ...         return column.attributes.get("holds") == "points"
    ...
    ...     def show(self, value: bytes) -> View:
    ...         x, y, _ = np.frombuffer(value, "f4").reshape(-1, 3).T
    ...         return np.histogram2d(x, y, bins=64)[0].clip(0, 255).astype("uint8")
    """

    @abstractmethod
    def fits(self, column: ViewedColumn) -> bool:
        """Return whether this viewer shows the samples of such a column."""

    @abstractmethod
    def show(self, value: Any) -> View:
        """Return what is seen of a sample: text, or an image as numbers.

        Args:
            value: the sample as `column[i]` returns it.

        Returns:
            Text; or an image of shape (height, width), or with 1 to 4 channels, of uint8; or
            other numbers, which are drawn as a plot or a map of colors.
        """


def viewed(column: ViewedColumn, values: Sequence[Any]) -> list[Any]:
    """Return what is seen of the samples of a column: what a viewer shows, or the samples.

    A viewer that fails at a sample is told in the place of that sample. Without a viewer, numbers
    of classes are seen with the names that the column's attributes give them.
    """
    found = _fitting(column)
    if found is None:
        names = class_names(column.attributes, column.dtype, column.shape)
        return list(values) if names is None else named(values, names)
    return [
        value if value is None or isinstance(value, Unshown) else _shown(*found, value)
        for value in values
    ]


def _fitting(column: ViewedColumn) -> tuple[str, Viewer] | None:
    """Return the one viewer that fits a column; None where there is none, or several."""
    found = list(plugins_that_fit(VIEWERS, Viewer, column, what="viewer"))  # type: ignore[type-abstract]
    if len(found) > 1:
        names = " and ".join(name for name, _ in found)
        said = f"several viewers fit the column {column.name!r}, so none is used: {names}"
        warnings.warn(said, RuntimeWarning, stacklevel=2)
        return None
    return found[0] if found else None


def _shown(name: str, viewer: Viewer, value: Any) -> View | Unshown:
    nbytes = int(getattr(value, "nbytes", 0)) or (len(value) if hasattr(value, "__len__") else 0)
    try:
        seen: Any = viewer.show(value)
    except Exception as exc:  # noqa: BLE001 - it is somebody else's code
        said = f"the viewer failed: {type(exc).__name__}: {exc}"
        return Unshown(name, nbytes, said)
    if isinstance(seen, str) or (isinstance(seen, np.ndarray) and seen.dtype.kind in "biuf"):
        return seen
    return Unshown(name, nbytes, f"the viewer returned {type(seen).__name__}, no text or numbers")
