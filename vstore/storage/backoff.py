"""How often, how fast and for how long a failed request is sent again."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Bounded waits between attempts, doubling, with jitter so that contenders spread out."""

    attempts: int = 8
    first_seconds: float = 0.1
    longest_seconds: float = 5.0
    total_seconds: float = 90.0
    sleep: Callable[[float], None] = time.sleep

    def attempts_left(self) -> Iterator[int]:
        """Yield how many attempts are left after this one, waiting before each but the first.

        Ends after `attempts`, or when the next wait would end after `total_seconds`. The last
        number yielded is not always 0: time can run out first.
        """
        deadline = time.monotonic() + self.total_seconds
        longest = self.first_seconds
        for left in range(self.attempts - 1, -1, -1):
            yield left
            wait = random.uniform(longest / 2, longest)
            if left == 0 or time.monotonic() + wait > deadline:
                return
            self.sleep(wait)
            longest = min(longest * 2, self.longest_seconds)
