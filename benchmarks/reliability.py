"""How reliable vstore is: one command for each figure of docs/reliability.md.

python -m benchmarks.reliability --help
"""

import argparse
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.reliability_doors import DOORS

SERVE = Path(__file__).parents[1] / "localstack" / "serve.py"
BOTH = ["obstore", "fsspec"]
ENGINES = {"local": ["auto"], "gcs": ["fsspec"]}
"""Which engines there are: fake-gcs-server does not speak what obstore does."""


class MissingServerError(RuntimeError):
    """The server to commit to is not on this machine."""


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
    serve = _serve()
    try:
        with serve.running(server) as running:
            yield Place(f"{running.url}/{uuid4().hex}", running.storage_options, engine)
    except serve.NotInstalledError as missing:
        install = serve.SERVERS[server].install
        raise MissingServerError(f"{server} is not installed: {install}") from missing


def _races_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--writers", type=int, default=16, help="processes")
    parser.add_argument("--commits", type=int, default=64, help="commits of each")
    parser.add_argument(
        "--server",
        default="local",
        help="local, ministack, moto, seaweedfs, ceph, gcs or azurite",
    )
    parser.add_argument("--engine", help="obstore or fsspec; both where there are two")
    parser.add_argument("--workload", help="appends, samples or columns; all when left out")


def races(options: argparse.Namespace) -> bool:
    """Let processes race for one branch; check that nothing is lost, doubled or out of line."""
    from tests.faults.races import WORKLOADS

    workloads = [options.workload] if options.workload else WORKLOADS
    engines = [options.engine] if options.engine else ENGINES.get(options.server, BOTH)
    found = [_race(options, engine, workload) for engine in engines for workload in workloads]
    return all(found)


def _race(options: argparse.Namespace, engine: str, workload: str) -> bool:
    from tests.faults.races import Size, race

    size = Size(options.writers, options.commits)
    with _place(options.server, engine) as place:
        found = race(place, workload, size)
    print(f"{options.server}, {engine}, {workload}: {_described(found, size)}", flush=True)
    for error in [*found.errors[:5], *found.uncertain[:5]]:
        print(f"  {error}")
    return bool(found.is_clean)


def _described(found: Any, size: Any) -> str:
    verdict = found.verdict
    chain = "exact" if verdict.has_exact_chain else "BROKEN"
    return (
        f"{size.writers} processes x {size.commits} commits in {found.seconds:.1f} s "
        f"({verdict.commits / found.seconds:.0f}/s): {verdict.acknowledged} acknowledged, "
        f"{verdict.lost} lost, {verdict.doubled} doubled, {verdict.unexpected} made up, "
        f"{len(found.uncertain)} of unknown outcome, {len(found.errors)} refused; chain {chain}, "
        f"{verdict.objects} objects verified"
    )


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
        f"{total} points: fsck found nothing, the next commit worked, every object that a ref "
        "reaches was whole, and all else could be collected"
    )
    return True


def _proxy_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--writers", type=int, default=8, help="processes")
    parser.add_argument("--commits", type=int, default=50, help="commits of each")
    parser.add_argument("--server", default="ministack", help="ministack, moto or seaweedfs")
    parser.add_argument("--engine", help="obstore or fsspec; both when left out")
    parser.add_argument("--workload", default="appends", help="appends, samples or columns")
    parser.add_argument("--seed", type=int, default=0)


def proxy(options: argparse.Namespace) -> bool:
    """Commit through a network that fails at random; check that nothing is lost or doubled."""
    from tests.faults.proxy import FaultProxy, Faults
    from tests.faults.races import Size, race

    is_clean, size = True, Size(options.writers, options.commits)
    for engine in [options.engine] if options.engine else BOTH:
        with (
            _place(options.server, engine) as place,
            FaultProxy(place.storage_options["endpoint_url"], seed=options.seed) as between,
        ):
            faulty = {**place.storage_options, "endpoint_url": between.url}
            found = race(
                place, options.workload, size, through=replace(place, storage_options=faulty)
            )
        print(f"{options.server} by {engine}: {_described(found, size)}")
        shares = Faults()
        total = between.counted.total()
        faults = ", ".join(
            f"{count} {name}" for name, count in between.counted.most_common() if name != "passed"
        )
        print(f"  {total} requests, of which {faults} (asked for: {shares})")
        for error in [*found.errors[:5], *found.uncertain[:5]]:
            print(f"  {error}")
        is_clean &= found.is_clean
    return is_clean


def _simulate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--clients", type=int, default=5)
    parser.add_argument("--operations", type=int, default=6, help="of each client")
    parser.add_argument("--rough", action="store_true", help="let more go wrong")


def simulation(options: argparse.Namespace) -> bool:
    """Run clients in an order decided by seeds; check every head, acknowledgement and row."""
    from tests.faults.scheduler import Chances
    from tests.faults.simulation import simulate
    from tests.faults.test_simulation import ROUGH

    steps = commits = uncertain = deaths = 0
    for seed in range(options.first, options.first + options.seeds):
        found = simulate(
            seed,
            clients=options.clients,
            operations=options.operations,
            chances=ROUGH if options.rough else Chances(),
            collects=seed % 2 == 1,
        )
        steps, commits = steps + found.steps, commits + found.commits
        uncertain, deaths = uncertain + found.uncertain, deaths + found.deaths
    print(
        f"{options.seeds} seeds, {options.clients} clients: {steps} requests in seeded order, "
        f"{commits} commits acknowledged, {uncertain} of unknown outcome, {deaths} processes "
        "died: 0 lost, 0 doubled, heads linearizable, every object a ref reaches whole"
    )
    return True


def _damage_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--library",
        help="vstore, zarr or icechunk (which needs Python 3.12); all that are there when left out",
    )
    parser.add_argument(
        "--flips", type=int, default=4096, help="bits in each file; every byte of smaller ones"
    )
    parser.add_argument(
        "--everything",
        action="store_true",
        help="vstore only: a repository with every kind of object, in place of three arrays",
    )


def damage(options: argparse.Namespace) -> bool:
    """Flip bits of, truncate, extend, swap and delete stored objects; see what reading makes."""
    from benchmarks.damaged_peers import LIBRARIES
    from tests.faults import samples

    if options.everything:
        kept = LIBRARIES["vstore"]
        library = replace(kept, build=samples.build, read=samples.read_folder)
        return _damage("vstore", library, options.flips)
    is_clean = True
    for name in [options.library] if options.library else LIBRARIES:
        if options.library or importlib.util.find_spec(name):
            is_clean &= _damage(name, LIBRARIES[name], options.flips) or name != "vstore"
    return is_clean


def _damage(name: str, library: Any, flips: int) -> bool:
    from tests.faults.damage import OUTCOMES, Trial

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "repository")
        library.build(place)
        read = partial(library.read, place)
        tally = Trial(place, read, library.errors(), flips, library.private).run()
    print(f"{library.version()}: {tally.counts.total()} damaged objects read")
    print(f"{'':12}{''.join(f'{outcome:>10}' for outcome in OUTCOMES)}")
    for kind, row in [*tally.rows(), ("all", [tally.total(outcome) for outcome in OUTCOMES])]:
        print(f"{kind:12}{''.join(f'{count:>10}' for count in row)}", flush=True)
    if name == "vstore":
        for example in tally.examples:
            print(f"  {example}")
    return not (tally.total("wrong") or tally.total("crashed"))


def _documents_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=20_000, help="documents")
    parser.add_argument("--seed", type=int, default=0, help="of the first process")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)


def documents(options: argparse.Namespace) -> bool:
    """Read documents that an enemy changed, digests put right; check errors, time and memory."""
    from tests.faults.mutations import Survey, survey

    with ProcessPoolExecutor(options.processes, get_context("forkserver")) as pool:
        shares = [len(range(i, options.count, options.processes)) for i in range(options.processes)]
        running = [
            pool.submit(survey, share, seed=options.seed + i) for i, share in enumerate(shares)
        ]
        found = sum((future.result() for future in running), Survey())
    outcomes = ", ".join(f"{count} {name}" for name, count in found.outcomes.most_common())
    print(
        f"{found.documents} mutated documents, {found.outcomes.total()} operations: {outcomes}; "
        f"slowest {found.slowest:.2f} s, at most {found.largest / 2**20:.0f} MiB more memory; "
        f"{len(found.failures)} failures"
    )
    for failure in found.failures[:20]:
        print(f"  {failure}")
    return not found.failures


def _model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--steps", type=int, default=50)


def model(options: argparse.Namespace) -> bool:
    """Compare a repository with a plain dict, whatever is done to both."""
    from hypothesis import HealthCheck, settings
    from hypothesis.stateful import run_state_machine_as_test

    from tests.faults.machine import RepositoryMachine

    run_state_machine_as_test(
        RepositoryMachine,
        settings=settings(
            max_examples=options.examples,
            stateful_step_count=options.steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"{options.examples} sequences of up to {options.steps} operations: no difference")
    return True


def _bugs_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bug", help="the name, or a part of it; all when left out")


def bugs(options: argparse.Namespace) -> bool:
    """Put bugs into copies of the source, one at a time; see which test of the suite notices."""
    from tests.faults.bugs import BUGS
    from tests.faults.injection import copied, hunt, run_suite

    chosen = [bug for bug in BUGS if (options.bug or "") in bug.name]
    with copied() as root:
        whole = run_suite(root, tuple({test: None for bug in chosen for test in bug.tests}))
    if whole.failed is not None:
        print(f"without any bug, {whole.failed} fails:\n{whole.output[-2000:]}")
        return False
    caught = 0
    for bug in chosen:
        failed = hunt(bug).failed
        caught += failed is not None
        print(f"{bug.name}: {failed or 'NOT NOTICED'}", flush=True)
    print(f"{len(chosen)} bugs, each put in alone: {caught} noticed")
    return caught == len(chosen)


def _gc_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--place", help="memory or disk; both when left out")


def collections(options: argparse.Namespace) -> bool:
    """Collect garbage again and again beside writers and readers, one of them stopped for long."""
    from tests.maintenance.gc.test_gc_threads import READERS, WRITERS, check_beside
    from tests.maintenance.scenes import new_repository

    for place in [options.place] if options.place else ["memory", "disk"]:
        with tempfile.TemporaryDirectory() as folder:
            url = None if place == "memory" else f"{folder}/repository"
            found = check_beside(new_repository(url), rounds=options.rounds)
        print(
            f"{place}: {options.rounds} rounds beside {WRITERS} writers and {READERS} readers: "
            f"{len(found.made)} commits acknowledged and all there, {found.reads} readings, "
            f"{found.freed} objects freed, 0 dangling, {len(found.garbage)} orphans left; "
            "the late writer was refused",
            flush=True,
        )
    return True


def _conditions_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tries", type=int, default=100, help="how often")
    parser.add_argument("--server", default="ministack", help="ministack, moto or seaweedfs")
    parser.add_argument("--engine", help="obstore or fsspec; both when left out")


def conditions(options: argparse.Namespace) -> bool:
    """Let a server stop to heed conditions; see that the first write notices."""
    from tests.faults import doors

    for engine in [options.engine] if options.engine else BOTH:
        with _place(options.server, engine) as place:
            found = doors.conditions(options.tries, place)
        print(
            f"{options.server} by {engine}: {found['first writes']} first writes of a process "
            f"after the server stopped to heed conditions, {found['noticed']} refused; "
            "nothing overwritten, and all went on once it heeded them again",
            flush=True,
        )
    return True


COMMANDS = {
    **DOORS,
    "conditions": (_conditions_options, conditions),
    "bugs": (_bugs_options, bugs),
    "gc": (_gc_options, collections),
    "documents": (_documents_options, documents),
    "model": (_model_options, model),
    "damage": (_damage_options, damage),
    "races": (_races_options, races),
    "kills": (_kills_options, kills),
    "proxy": (_proxy_options, proxy),
    "simulate": (_simulate_options, simulation),
}


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options of a command line, the command among them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reliability", description="Measure how reliable vstore is."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (add_options, run) in COMMANDS.items():
        add_options(commands.add_parser(name, help=(run.__doc__ or "").partition(";")[0]))
    return parser.parse_args(arguments)


def run(arguments: list[str]) -> bool:
    """Run one command; return whether it found all as it should be."""
    options = parse(arguments)
    return COMMANDS[options.command][1](options)


def main() -> None:
    """Run one command and exit with 1 if it found anything wrong."""
    started = time.monotonic()
    is_clean = run(sys.argv[1:])
    print(f"{time.monotonic() - started:.0f} s")
    sys.exit(0 if is_clean else 1)


if __name__ == "__main__":
    main()
