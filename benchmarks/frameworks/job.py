"""What a training program of any framework writes down, and when it dies."""

import json
import os
import signal
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import distributed

import vstore

SAMPLES, BATCH, EPOCHS = 200, 10, 3
_PATIENCE_SECONDS = 60.0
BROKEN, SAVED, KILLED = 1, 4, 6
"""The epoch in which a program saves its place and is killed, behind that many batches."""


@dataclass
class Job:
    """One process of a training program: `is_resumed` after it was killed."""

    url: str
    folder: Path
    way: str
    workers: int
    is_resumed: bool
    taken: int = 0
    epoch: int = 0

    @cached_property
    def table(self) -> Any:
        """The samples, whose column `i` numbers them."""
        return vstore.checkout(self.url, "main")["t"]

    @property
    def rank(self) -> int:
        """Which of the processes that train together this is."""
        if distributed.is_initialized():
            return distributed.get_rank()
        return int(os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or 0)

    @property
    def ranks(self) -> int:
        """How many processes train together."""
        return int(os.environ["RANKS"])

    @property
    def saved_step(self) -> int:
        """How many batches a rank has trained on, in all epochs, when it saves."""
        return BROKEN * SAMPLES // (BATCH * self.ranks) + SAVED

    @property
    def checkpoint(self) -> Path:
        """Where this rank saves its place."""
        return self.folder / f"{self.rank}.checkpoint"

    def join(self) -> None:
        """Let the ranks know each other, as a training program does first."""
        if self.ranks > 1:
            distributed.init_process_group("gloo")

    def took(self, epoch: int, numbers: Any) -> bool:
        """Write down which samples were trained on; return whether to save the place now.

        The process is killed instead if it is time.
        """
        self.taken = self.taken + 1 if epoch == self.epoch else 1
        self.epoch = epoch
        line = json.dumps([epoch, np.asarray(numbers).reshape(-1).tolist()])
        with (self.folder / f"{self.rank}-{int(self.is_resumed)}").open("a") as log:
            log.write(line + "\n")
        if epoch != BROKEN or self.is_resumed:
            return False
        if self.taken == KILLED:
            if distributed.is_initialized():
                distributed.barrier()
            elif self.ranks > 1 and self.checkpoint.exists():
                self._wait_until_all_saved()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.taken == SAVED

    def _wait_until_all_saved(self) -> None:
        """Let ranks that do not wait for each other save, before one that dies takes them along."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        places = [self.folder / f"{rank}.checkpoint" for rank in range(self.ranks)]
        while not all(place.exists() for place in places) and time.monotonic() < deadline:
            time.sleep(0.05)

    def save(self, state: Any) -> None:
        """Save a place as JSON, whole or not at all."""
        part = self.checkpoint.with_suffix(".part")
        part.write_text(json.dumps(state), encoding="utf-8")
        part.replace(self.checkpoint)

    def saved(self) -> Any:
        """Return the place that was saved before the process was killed."""
        return json.loads(self.checkpoint.read_text(encoding="utf-8"))
