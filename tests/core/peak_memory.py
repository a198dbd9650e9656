"""The most memory that a script holds, run in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

_PEAK = """
def _peak():
    import pathlib, resource, sys

    status = pathlib.Path("/proc/self/status")
    if status.exists():  # what getrusage says there counts the parent before exec, too
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


print(_peak())
"""


def peak_nbytes(script: str, *arguments: str) -> int:
    """Run a script in a process of its own and return the most memory it held."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", script + _PEAK, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return int(done.stdout)
