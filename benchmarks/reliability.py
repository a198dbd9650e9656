"""How reliable vstore is: one command for each figure of docs/reliability.md.

    python -m benchmarks.reliability races --writers 16 --commits 64
    python -m benchmarks.reliability kills
"""

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

SERVE = Path(__file__).parents[1] / "localstack" / "serve.py"
COMMANDS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], Callable[[Any], bool]]] = {}


def _serve() -> Any:
    """Return the module that starts servers; its folder is no package."""
    spec = importlib.util.spec_from_file_location("localstack_serve", SERVE)
    if spec is None or spec.loader is None:
        raise ImportError(SERVE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def _place(server: str, engine: Any) -> Iterator[Any]:
    """Yield where a new repository can be made: on this disk, or on a server of this machine."""
    from tests.faults.races import Place

    if server == "local":
        with tempfile.TemporaryDirectory() as folder:
            yield Place(f"{folder}/repository")
        return
    with _serve().running(server) as running:
        yield Place(f"{running.url}/{uuid4().hex}", running.storage_options, engine)


def _races_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--writers", type=int, default=16, help="processes")
    parser.add_argument("--commits", type=int, default=64, help="commits of each")
    parser.add_argument(
        "--server", default="local", help="local, ministack, moto, seaweedfs, gcs or azurite"
    )
    parser.add_argument("--engine", default="auto", help="auto, obstore or fsspec")
    parser.add_argument("--workload", help="appends, samples or columns; all when left out")


def races(options: argparse.Namespace) -> bool:
    """Let processes race for one branch; check that nothing is lost, doubled or out of line."""
    from tests.faults.races import WORKLOADS, Size, race

    is_clean = True
    size = Size(options.writers, options.commits)
    for workload in [options.workload] if options.workload else WORKLOADS:
        with _place(options.server, options.engine) as place:
            found = race(place, workload, size)
        verdict = found.verdict
        print(
            f"{options.server} {workload}: {size.writers} processes x {size.commits} commits in "
            f"{found.seconds:.1f} s ({verdict.commits / found.seconds:.0f}/s): "
            f"{verdict.acknowledged} acknowledged, {verdict.lost} lost, {verdict.doubled} doubled, "
            f"{verdict.unexpected} made up, {found.uncertain} of unknown outcome, "
            f"{len(found.errors)} refused; chain {'exact' if verdict.has_exact_chain else 'BROKEN'}, "
            f"{verdict.objects} objects verified"
        )
        for error in found.errors[:5]:
            print(f"  {error}")
        is_clean &= found.is_clean
    return is_clean


def _kills_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stride", type=int, default=1, help="kill at every n-th point")
    parser.add_argument("--operation", help="one of them; all when left out")


def kills(options: argparse.Namespace) -> bool:
    """SIGKILL a process before, during and after each change it makes to a local disk."""
    from tests.faults.kills import OPERATIONS, kill

    total = 0
    for operation in [options.operation] if options.operation else OPERATIONS:
        with tempfile.TemporaryDirectory() as folder:
            found = kill(operation, Path(folder), stride=options.stride)
        total += found.points
        print(
            f"{operation}: killed at {found.points} points: {found.old} left the old state, "
            f"{found.new} the new, 0 anything else",
            flush=True,
        )
    print(
        f"{total} points: the next commit worked, every object that a ref reaches was whole, and "
        "all else could be collected"
    )
    return True


COMMANDS = {"races": (_races_options, races), "kills": (_kills_options, kills)}


def main() -> None:
    """Run one command and exit with 1 if it found anything wrong."""
    parser = argparse.ArgumentParser(description="Measure how reliable vstore is.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (add_options, run) in COMMANDS.items():
        add_options(commands.add_parser(name, help=(run.__doc__ or "").partition(";")[0]))
    options = parser.parse_args()
    started = time.monotonic()
    is_clean = COMMANDS[options.command][1](options)
    print(f"{time.monotonic() - started:.0f} s")
    sys.exit(0 if is_clean else 1)


if __name__ == "__main__":
    main()
