"""Windows: several rows of a table that make one sample, such as a frame and those before it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.numbers import Positions
from vstore.format.table.names import VALID_SUFFIX
from vstore.format.zarr.index_arrays import index_array
from vstore.format.zarr.selection import positions as resolve
from vstore.reading.column import Column

WINDOW = "window"
"""Under this name and the suffix of masks, batches have which rows of a window are there."""

WINDOW_VALID = WINDOW + VALID_SUFFIX


@exported_from("vstore.reader")
class Windows(NamedTuple):
    """Rows that make one sample each, for `rows` of a reader, and which of them count.

    `positions` are those of the rows, shape (samples, width), int64. `valid` has the same shape
    and is bool: False where a row stands for one that does not exist, as before the beginning of
    an episode. Batches have it as `"window.valid"`.
    """

    positions: Positions
    valid: NDArray[np.bool_]

    def checked(self, size: int) -> tuple[Positions, NDArray[np.bool_]]:
        """Return the positions and the mask, each with one row a sample of a table of that size.

        Raises:
            InvalidInputError: they differ in shape, or are no positions and no mask.
        """
        positions, valid = index_array(self.positions), index_array(self.valid)
        if valid.dtype != bool or valid.shape != positions.shape or positions.ndim != 2:
            raise InvalidInputError(
                "windows are positions and a mask of one shape, (samples, width), not of "
                f"{positions.shape} and {valid.shape} {valid.dtype}"
            )
        return resolved(positions, size), valid


def resolved(rows: Any, size: int) -> Positions:
    """Return the positions in a table of that size that a choice means.

    They have the shape (samples,), or (samples, width) where several rows make one sample.

    Raises:
        InvalidInputError: the choice is no index, or its windows are empty.
        OutOfBoundsError: there is no such position.
    """
    positions = None if isinstance(rows, slice) else _as_windows(rows)
    if positions is None:
        return resolve(rows, size)
    if not positions.shape[1]:
        raise InvalidInputError("windows need a width of 1 or more; these rows have none")
    return resolve(positions.reshape(-1), size).reshape(positions.shape)


def _as_windows(rows: Any) -> NDArray[Any] | None:
    """Return rows as an array of two axes, None where they have another number of axes."""
    try:
        array = index_array(rows)
    except InvalidInputError:
        raise
    except ValueError:
        raise InvalidInputError(
            f"rows are positions, or windows of them that are equally wide, not {rows!r:.100}"
        ) from None
    return array if array.ndim == 2 and array.dtype.kind in "ui" else None


@exported_from("vstore.reader")
def windows(
    episodes: "Column | ArrayLike",
    *,
    offsets: Sequence[int],
    pad: bool = True,
    rows: Any = None,
) -> Windows:
    """Return a window around every row that stays within the row's episode.

    Args:
        episodes: which episode each row belongs to, in the order of time: a column, or values of
            the shape (rows,). Rows of an episode need not be side by side.
        offsets: which rows a window has, counted from its own row within the episode:
            `range(-3, 1)` is a row and the three before it.
        pad: also make windows that reach over an end of the episode. The first or the last row
            is there for those that do not exist, and `valid` is False. Without it there are
            only windows that are whole.
        rows: around which rows, as positions, a slice or a mask; around all when None. A part
            of `split(episodes, ...)` has whole episodes.

    Returns:
        The positions and which of them count, both of the shape (samples, len(offsets)).

    >>> positions, valid = windows([7, 7, 7, 8, 8], offsets=[-1, 0])
    >>> positions.tolist()
    [[0, 0], [0, 1], [1, 2], [3, 3], [3, 4]]
    >>> valid[:, 0].tolist()
    [False, True, True, False, True]
    >>> windows([7, 7, 7, 8, 8], offsets=[-1, 0], pad=False).positions.tolist()
    [[0, 1], [1, 2], [3, 4]]

    Raises:
        InvalidInputError: the episodes are not one value a row, or the offsets no whole numbers.
    """
    values = np.asarray(episodes[:] if isinstance(episodes, Column) else episodes)
    if values.ndim != 1:
        raise InvalidInputError(
            f"episodes are one value for each row, not an array of the shape {values.shape}",
            hint="give the column that tells the episode of each row, such as `table['episode']`",
        )
    steps = np.asarray(list(offsets))
    if steps.ndim != 1 or not len(steps) or steps.dtype.kind not in "ui":
        msg = f"offsets are whole numbers, at least one, such as range(-3, 1), not {offsets!r}"
        raise InvalidInputError(msg)
    order, begin, last, place = _within(values)
    if rows is not None:
        chosen = resolve(rows, len(values))
        begin, last, place = begin[chosen], last[chosen], place[chosen]
    wanted = place[:, None] + steps.astype(np.int64)
    valid: NDArray[np.bool_] = (wanted >= 0) & (wanted <= last[:, None])
    positions: Positions = order[begin[:, None] + np.clip(wanted, 0, last[:, None])]
    if pad:
        return Windows(positions, valid)
    whole = valid.all(axis=1)
    return Windows(positions[whole], valid[whole])


def _within(episodes: NDArray[Any]) -> tuple[Positions, Positions, Positions, Positions]:
    """Return the rows episode by episode, and for each row where in that its episode begins.

    Then, for each row, the last place in its episode, and its own.
    """
    rows = len(episodes)
    _, episode = np.unique(episodes, return_inverse=True)
    order = np.argsort(episode, kind="stable").astype(np.int64)
    counts = np.bincount(episode)
    begins = np.cumsum(counts) - counts
    place = np.empty(rows, np.int64)
    place[order] = np.arange(rows) - np.repeat(begins, counts)
    return order, begins[episode], (counts - 1)[episode], place
