"""How zarr's and xarray's own test suites end on vstore.

    python -m benchmarks.conformance
    python -m benchmarks.conformance --quick       # without the long parts

Runs them as `tests/` does, the long ones included, and counts by suite. What is skipped or
expected to fail is listed with its reason: the suites themselves say so, vstore adds none.
"""

import sys
from collections import Counter
from pathlib import Path

import pytest

SUITES = {
    "zarr StoreTests, memory": "tests/zarr/test_conformance.py::TestMemory",
    "zarr StoreTests, local disk": "tests/zarr/test_conformance.py::TestLocal",
    "zarr StoreTests, S3": "tests/zarr/test_conformance.py::TestS3",
    "zarr state machines, memory": "tests/zarr/test_state_machines.py::test_in_memory",
    "zarr state machines, local disk": "tests/zarr/test_state_machines.py::test_on_disk",
    "zarr state machines, S3": "tests/zarr/test_state_machines.py::test_on_s3",
    "xarray ZarrBase, a transaction": "tests/zarr/xarray/test_zarr_suite.py::TestTransaction",
    "xarray ZarrBase, a commit": "tests/zarr/xarray/test_zarr_suite.py::TestCommit",
}


class Counting:
    """Counts how tests end, by suite."""

    def __init__(self) -> None:
        self.ends: dict[str, Counter[str]] = {name: Counter() for name in SUITES}
        self.reasons: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what became of a test."""
        name = next((name for name, path in SUITES.items() if report.nodeid.startswith(path)), None)
        if name is None or (report.when != "call" and report.outcome == "passed"):
            return
        expected = getattr(report, "wasxfail", None)
        end = report.outcome if expected is None else "expected to fail"
        self.ends[name][end] += 1
        if expected is not None:
            self.reasons[f"expected to fail: {expected}"] += 1
        elif report.outcome == "skipped" and isinstance(report.longrepr, tuple):
            self.reasons[str(report.longrepr[2]).removeprefix("Skipped: ")] += 1


def main() -> int:
    """Run the suites and print the counts."""
    counting = Counting()
    root = Path(__file__).parents[1]
    which = "not slow" if "--quick" in sys.argv[1:] else ""
    arguments = [
        *SUITES.values(),
        "-q",
        "--no-header",
        "--disable-warnings",
        "-m",
        which,
        "--tb=short",
    ]
    code = pytest.main([f"--rootdir={root}", *arguments], plugins=[counting])
    columns = ("passed", "skipped", "expected to fail", "failed")
    print(f"\n{'':36}" + "".join(f"{column:>18}" for column in columns))
    for name, ends in counting.ends.items():
        print(f"{name:36}" + "".join(f"{ends[column]:>18}" for column in columns))
    print("\nWhat the suites themselves leave out, and how often:")
    for reason, count in sorted(counting.reasons.items()):
        print(f"{count:6}  {reason}")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
