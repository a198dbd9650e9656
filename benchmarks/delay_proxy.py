"""A proxy that answers each request later, as a distant object store does, and counts them.

    python -m benchmarks.delay_proxy http://127.0.0.1:4566 0.02

It prints its address, then, for each line that it reads, how many requests there were.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.proxy import FaultProxy, Faults, _Message

FAULTLESS = Faults(busy=0, reset=0, lost=0, contended=0, slow=0, truncated=0, corrupted=0)


class DelayProxy(FaultProxy):
    """Forwards everything, later."""

    def __init__(self, target: str, seconds: float) -> None:
        super().__init__(target, seed=0, faults=FAULTLESS)
        self._seconds = seconds

    async def _forward(self, request: _Message) -> _Message:
        await asyncio.sleep(self._seconds)
        return await super()._forward(request)


class Delayed:
    """A proxy in another process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.url = self._line()

    def _line(self) -> str:
        if self._process.stdout is None:
            raise AssertionError
        return self._process.stdout.readline().strip()

    def count(self) -> int:
        """Return how many requests there were so far."""
        if self._process.stdin is None:
            raise AssertionError
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._line())


@contextmanager
def delayed(target: str, seconds: float) -> Iterator[Delayed]:
    """Run a proxy in front of a server."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.delay_proxy", target, str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    try:
        yield Delayed(process)
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Serve until the input ends."""
    with DelayProxy(sys.argv[1], float(sys.argv[2])) as proxy:
        print(proxy.url, flush=True)
        for _ in sys.stdin:
            print(sum(proxy.counted.values()), flush=True)


if __name__ == "__main__":
    main()
