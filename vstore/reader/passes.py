"""Which epoch each pass over the data reads, and which pass a state tells of.

A pass begins at the *upcoming* place, and leaves it alone. It counts once its second batch
is asked for, or once it has ended: then the next epoch is upcoming. A pass that is left
after its first batch was a look, and leaves no trace. So however often a program looks at
a batch first, the pass that trains gets the same epoch, on every rank.
"""

from collections.abc import Callable, Generator, Iterator
from typing import Any, Protocol

from vstore.faces import pickled
from vstore.reader.plan.cursor import Cursor
from vstore.reader.plan.progress import Progress


class Counts(Protocol):
    """When a pass counts."""

    def __call__(self, asked: int, *, is_over: bool) -> bool:
        """Return whether it does once this many batches were asked for, or none is left."""


def at_second(asked: int, *, is_over: bool) -> bool:
    """Return whether a pass counts whose batches are taken as soon as they are asked for."""
    return is_over or asked > 1


class Place(Protocol):
    """Where the next pass begins."""

    def read(self) -> tuple[int, Cursor]:
        """Return the place, and the number of the last choice: see `go_to`."""

    def go_to(self, cursor: Cursor) -> None:
        """Choose the place; what passes that began before come to no longer matters."""

    def count(self, begin: Cursor, choice: int) -> None:
        """Make the epoch behind that of a pass the next, unless a place was chosen since."""


@pickled
class LocalPlace:
    """The upcoming place of one process."""

    def __init__(self, cursor: Cursor = Cursor()) -> None:  # noqa: B008 - frozen
        self._choice = 0
        self._cursor = cursor

    def read(self) -> tuple[int, Cursor]:
        """Return the place, and the number of the last choice."""
        return self._choice, self._cursor

    def go_to(self, cursor: Cursor) -> None:
        """Choose the place."""
        self._choice += 1
        self._cursor = cursor

    def count(self, begin: Cursor, choice: int) -> None:
        """Make the epoch behind that of a pass the next, unless a place was chosen since."""
        if choice == self._choice and begin.epoch >= self._cursor.epoch:
            self._cursor = begin.next_epoch()


@pickled
class Passes:
    """The passes of one process over one dataset."""

    def __init__(self, place: Place, *, on_count: Callable[[Cursor], None] | None = None) -> None:
        """Begin at the place; `on_count` is told where each pass began that counts."""
        self.place = place
        self._on_count = on_count
        self._counted: Progress | None = None
        self._is_going = False
        self._looks: list[Progress] = []

    def follow(
        self,
        progress: Progress,
        batches: Iterator[Any],
        *,
        choice: int,
        counts: Counts = at_second,
        at_once: Callable[[], int] = lambda: 1,
    ) -> Generator[Any, None, None]:
        """Yield the batches of a pass that began after the choice of that number.

        `counts` says when it counts. `at_once`, which is called while the first is asked for,
        says how many of what is given are asked for at a time.
        """
        given, each, is_counted = 0, 1, False
        try:
            for batch in batches:
                given += 1
                if given == 1:
                    each = at_once()
                    self._looks.append(progress)
                yield batch
                is_counted = not given % each and counts(given // each + 1, is_over=False)
                if is_counted:
                    break
            if is_counted or counts(given // each + 1, is_over=True):
                self._count(progress, choice)
            yield from batches
        finally:
            self._leave(progress)
            close = getattr(batches, "close", None)
            if close is not None:
                close()

    def _count(self, progress: Progress, choice: int) -> None:
        if self._on_count is not None:
            self._on_count(progress.begin)
        self.place.count(progress.begin, choice)
        if choice == self.place.read()[0]:
            self._forget_look(progress)
            self._counted, self._is_going = progress, True

    def _leave(self, progress: Progress) -> None:
        self._forget_look(progress)
        if self._counted is progress:
            self._is_going = False

    def _forget_look(self, progress: Progress) -> None:
        self._looks = [each for each in self._looks if each is not progress]

    @property
    def is_going(self) -> bool:
        """Whether a pass that a state can tell of has not been left yet."""
        return self._is_going or bool(self._looks)

    @property
    def told(self) -> Progress | None:
        """The pass that a state tells of; None before any counts or has given a batch."""
        if self._looks and not (self._counted is not None and self._is_going):
            return self._looks[-1]
        return self._counted

    @property
    def cursor(self) -> Cursor:
        """The place behind the batch that was given last, for a state."""
        told = self.told
        return self.place.read()[1] if told is None else told.cursor

    def set_epoch(self, epoch: int) -> None:
        """Choose an epoch, keeping a place in it that was loaded and not passed yet."""
        upcoming = self.place.read()[1]
        self.go_to(upcoming if upcoming.epoch == epoch else Cursor(epoch))

    def go_to(self, cursor: Cursor) -> None:
        """Choose where the next pass begins."""
        self.place.go_to(cursor)
        self._counted, self._is_going, self._looks = None, False, []
