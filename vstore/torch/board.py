"""What the processes of one dataset agree on: where the next pass begins, for all of them.

A `DataLoader` says nothing to the dataset in the main process when a pass begins: its worker
processes each call `iter`, at times of their own. So the first of them to begin a pass writes
down where, and the others read that.
"""

import contextlib
import json
import os
import sys
from dataclasses import astuple, replace
from typing import Any

import torch
from torch.utils.data import get_worker_info

from vstore.faces import pickled
from vstore.reader.plan.cursor import Cursor
from vstore.torch.asks import PREFETCH_FACTOR, Asks
from vstore.torch.callers import is_starting_worker, prefetch_factor
from vstore.torch.sharing import SharedFolder, share

_CHOICE, _COUNTED, _WORKERS, _HAS_LAST, _HAS_TRAINED = range(5)
_PLACE, _LAST, _TRAINED = slice(5, 10), slice(10, 15), slice(15, 20)
_SIZE = 20

_FEW = 3
"""How many batches each worker may have been asked for before it is known that a pass counts."""


@pickled
class Board:
    """A `vstore.reader.passes.Place` that worker processes share, forked or spawned.

    Any other process that gets a copy begins at the same place and goes on alone.
    """

    def __init__(self) -> None:
        self._numbers = _in_shared_memory(torch.zeros(_SIZE, dtype=torch.int64))
        self.folder = SharedFolder()
        self._prefetch_factor = PREFETCH_FACTOR
        share(self)

    def part(self) -> None:
        """Begin where the process is that this one was forked from, and go on alone."""
        self._numbers = _in_shared_memory(torch.tensor(self._numbers.tolist()))

    def __getstate__(self) -> dict[str, Any]:
        is_shared = is_starting_worker()
        factor = prefetch_factor() or self._prefetch_factor
        numbers = self._numbers if is_shared else self._numbers.tolist()
        return {"numbers": numbers, "folder": self.folder, "prefetch_factor": factor}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._numbers = _in_shared_memory(torch.as_tensor(state["numbers"]))
        self.folder = state["folder"]
        self._prefetch_factor = state["prefetch_factor"]
        share(self)

    def read(self) -> tuple[int, Cursor]:
        """Return where the next pass begins, and the number of the last choice."""
        choice, counted = (int(self._numbers[i]) for i in (_CHOICE, _COUNTED))
        place = self._cursor(_PLACE)
        return choice, Cursor(counted) if counted > place.epoch else place

    def go_to(self, cursor: Cursor) -> None:
        """Choose where the next pass begins."""
        self._numbers[_CHOICE] += 1
        self._numbers[_COUNTED] = self._numbers[_HAS_LAST] = self._numbers[_HAS_TRAINED] = 0
        self._numbers[_PLACE] = _numbers(cursor)

    def count(self, begin: Cursor, choice: int) -> None:
        """Make the epoch behind that of a pass the next, unless a place was chosen since."""
        if choice != self._numbers[_CHOICE]:
            return
        if begin.epoch + 1 > self._numbers[_COUNTED]:
            self._numbers[_COUNTED] = begin.epoch + 1
        if get_worker_info() is not None:
            self._numbers[_TRAINED] = _numbers(begin)
            self._numbers[_HAS_TRAINED] = 1

    def keep_loaded(self, cursor: Cursor) -> None:
        """Keep the place that a worker was told to go on at, until a pass counts.

        A loader tells only the workers of its next pass, and that may be a look.
        """
        record = self.folder.file(_loaded(cursor.worker, cursor.workers))
        record.write_text(json.dumps([int(self._numbers[_CHOICE]), *astuple(cursor)]))

    def agree(self, number: int, worker: int, workers: int) -> tuple[int, Cursor]:
        """Do as `read` does, for all workers of a loader alike, in its `number`-th pass."""
        record = self.folder.file(_pass(number))
        if not record.exists():
            choice, cursor = self.read()
            mine = record.with_name(f"{record.name}-{os.getpid()}")
            is_loaded = self._goes_on(cursor, worker, workers)
            mine.write_text(json.dumps([choice, is_loaded, *_place(cursor)]))
            with contextlib.suppress(FileExistsError):
                os.link(mine, record)
            mine.unlink()
        choice, is_loaded, *place = json.loads(record.read_text())
        if is_loaded:
            return choice, self._loaded(worker, workers)[1]
        if choice == self._numbers[_CHOICE]:
            self._numbers[_LAST] = torch.tensor(place)
            self._numbers[_WORKERS] = workers
            self._numbers[_HAS_LAST] = 1
        return choice, replace(Cursor(*place), worker=worker, workers=workers)

    def asks(self, number: int, worker: int, workers: int) -> Asks:
        """Return what the workers of a loader are asked for in its `number`-th pass."""
        factor = prefetch_factor() or self._prefetch_factor
        return Asks(self.folder.file(f"asks-{_pass(number)}"), worker, workers, factor)

    def _goes_on(self, upcoming: Cursor, worker: int, workers: int) -> bool:
        """Return whether workers were told of a place that is still where the next pass begins."""
        if not self.folder.files(_loaded(worker, workers)):
            return False
        choice, cursor = self._loaded(worker, workers)
        is_chosen = choice == self._numbers[_CHOICE] or upcoming == Cursor(cursor.epoch)
        return is_chosen and int(self._numbers[_COUNTED]) <= cursor.epoch

    def _loaded(self, worker: int, workers: int) -> tuple[int, Cursor]:
        choice, *place = json.loads(self.folder.file(_loaded(worker, workers)).read_text())
        return choice, Cursor(*place)

    @property
    def has_begun(self) -> bool:
        """Whether workers began a pass since the last choice."""
        return bool(self._numbers[_HAS_LAST])

    def begun(self, batches: int) -> Cursor:
        """Return where the pass of workers began of which this many batches were taken.

        That is the last one, unless it gave fewer: then it was a look during another.
        """
        last = self._cursor(_LAST)
        if not self._numbers[_HAS_TRAINED]:
            return last
        trained = self._cursor(_TRAINED)
        is_look = last.epoch > trained.epoch and batches > _FEW * self._numbers[_WORKERS]
        return trained if is_look or trained.epoch > last.epoch else last

    def _cursor(self, where: slice) -> Cursor:
        return Cursor(*self._numbers[where].tolist())


def _loader() -> str:
    """Return a name for the loader iterator that this worker process works for.

    Its workers share an event that no other loader's have; and a seed, which others may have.
    """
    frame: Any = sys._getframe()  # noqa: SLF001 - there is no other way
    while frame is not None:
        event = frame.f_locals.get("done_event")
        if event is not None:
            name = getattr(getattr(getattr(event, "_flag", None), "_semlock", None), "name", None)
            if name:
                return str(name).strip("/")
        frame = frame.f_back
    info = get_worker_info()
    return "" if info is None else f"{os.getppid()}-{info.seed - info.id}"


def _pass(number: int) -> str:
    """Return a name for the `number`-th pass of the loader that this worker process works for."""
    return f"{_loader()}-{number}"


def _loaded(worker: int, workers: int) -> str:
    """Return the name of the file with the place that a worker was told to go on at."""
    return f"loaded-{worker}-of-{workers}"


def _place(cursor: Cursor) -> tuple[int, ...]:
    return astuple(cursor)[:5]


def _numbers(cursor: Cursor) -> torch.Tensor:
    return torch.tensor(_place(cursor))


def _in_shared_memory(tensor: torch.Tensor) -> torch.Tensor:
    tensor.share_memory_()  # type: ignore[no-untyped-call]
    return tensor
