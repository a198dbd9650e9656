"""The most memory that a process holds: this one, or a script's own."""

import os
import resource
import subprocess
import sys
from pathlib import Path

_PRINT = """
from tests.peak_memory import own_peak_nbytes
print(own_peak_nbytes())
"""


def own_peak_nbytes() -> int:
    """Return the most memory that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says there counts the parent before exec, too
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


_NO_HOARDING = {"MALLOC_MMAP_THRESHOLD_": str(128 * 1024)}
"""Lets glibc give back what is freed. Left to itself it keeps some 16 MB of it for each thread that
ever read a pack, so that a peak says how many of the threads had something to do."""


def peak_nbytes(script: str, *arguments: str) -> int:
    """Run a script in a process of its own and return the most memory it held."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])} | _NO_HOARDING
    done = subprocess.run(
        [sys.executable, "-c", script + _PRINT, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return int(done.stdout)
