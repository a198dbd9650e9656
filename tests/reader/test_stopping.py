"""A reader that is left early stops at once, whatever it was waiting for."""

import threading
from typing import Any

from tests.patience import PATIENCE_SECONDS
from vstore.reader.load.loading import Loader, Request, StoppedError


def test_nobody_waits_for_a_load_that_was_called_off() -> None:
    loader = Loader(threads=1, decoders=1, run_nbytes=1)
    busy, go_on = threading.Event(), threading.Event()

    class Slow:
        def locate(self, numbers: Any) -> list[Any]:
            busy.set()
            go_on.wait(PATIENCE_SECONDS)
            return []

    slow = Request(Slow(), [0], [lambda load: None])  # type: ignore[arg-type]
    first = loader.submit([slow])
    second = loader.submit([slow])
    busy.wait(PATIENCE_SECONDS)
    ended: list[BaseException] = []

    def wait() -> None:
        try:
            second.wait()
        except StoppedError as error:
            ended.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    closing = threading.Thread(target=loader.close)
    closing.start()
    go_on.set()
    closing.join(PATIENCE_SECONDS)
    waiting.join(PATIENCE_SECONDS)
    assert not waiting.is_alive()
    assert ended
    assert not first.is_good
