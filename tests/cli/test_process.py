"""`vstore` as a process of its own: its entry point, exit codes and signals."""

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

import vstore
from tests.patience import PATIENCE_SECONDS, wait_until
from vstore.cli import main

VSTORE = [sys.executable, "-m", "vstore"]
ROOT = Path(__file__).parents[2]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "VSTORE_AUTHOR": "Ann"}


def start(arguments: Sequence[str], folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*VSTORE, *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def run(arguments: Sequence[str], folder: Path) -> tuple[int, str, str]:
    process = start(arguments, folder)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, out, err


def test_the_entry_point_is_main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    entry = EntryPoint("vstore", project["scripts"]["vstore"], "console_scripts")
    assert entry.load() is main


def test_exit_codes(tmp_path: Path) -> None:
    assert run(["init", "repo"], tmp_path) == (
        0,
        f"Created an empty repository at {tmp_path}/repo\n",
        "",
    )
    code, out, err = run(["init", "repo"], tmp_path)
    assert (code, out) == (1, "")
    assert err.startswith("error: there is a repository at")
    code, out, err = run(["init", "--frobnicate"], tmp_path)
    assert (code, out) == (2, "")
    assert "No such option" in err


def large_file(folder: Path) -> Path:
    """Make a file that takes minutes to import and next to no room: noise, then a long hole."""
    noise = np.random.default_rng(0).integers(0, 256, (96, 2**20), dtype=np.uint8)
    path = folder / "large.npy"
    np.save(path, noise)
    header = path.read_bytes()[:128].replace(b"(96, 1048576)", b"(262144, 1048576)")
    with path.open("r+b") as stream:
        stream.write(header[:118] + b"    \n" if len(header) > 128 else header[:128])
        stream.truncate(128 + 262144 * 2**20)
    return path


def packs(repo: Path) -> set[Path]:
    return {path for path in repo.glob("packs/*/*") if len(path.name) == 64}


def wait_for_more(repo: Path, than: set[Path]) -> None:
    wait_until(lambda: packs(repo) != than)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another thing there")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_import_leaves_the_branch_as_it_was(tmp_path: Path, stop: signal.Signals) -> None:
    repo = vstore.create(tmp_path / "repo")
    np.save(tmp_path / "small.npy", np.arange(10))
    assert run(["import", "repo", "small.npy", "-t", "small"], tmp_path)[0] == 0
    before = repo.branches["main"]
    old = packs(tmp_path / "repo")
    process = start(["import", "repo", str(large_file(tmp_path)), "-t", "large"], tmp_path)
    wait_for_more(tmp_path / "repo", old)
    process.send_signal(stop)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert out == ""
    assert repo.branches["main"] == before
    if stop != signal.SIGKILL:
        assert process.returncode == 128 + stop
        assert err == (
            f"interrupted: nothing was committed, the branch 'main' is still at {before[:12]}\n"
        )
    assert run(["import", "repo", "small.npy", "-t", "again"], tmp_path)[0] == 0
    table = vstore.checkout(tmp_path / "repo").tables["again"]
    assert table["small"][:].tolist() == list(range(10))


@pytest.mark.parametrize(
    "words", [["log", "repo", "--json"], ["log", "repo"], ["ls", "repo", "-l"]]
)
def test_a_broken_pipe_ends_as_it_does_for_git(tmp_path: Path, words: list[str]) -> None:
    repo = vstore.create(tmp_path / "repo")
    with repo.transaction(message="A line\n" + "and more\n" * 20_000) as tx:
        for i in range(50):
            tx.create_array(f"{'name' * 40}{i}", shape=(1,), dtype="int8")
    process = start(words, tmp_path)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=60), said) == (141, "")


AFTER = """
import os, signal, sys
from vstore.cli import branch_updates, main

def interrupted(*args, **options):
    os.kill(os.getpid(), {signal})
    write(*args, **options)

write = branch_updates.write_document
branch_updates.write_document = interrupted
sys.argv = ["vstore", "reset", "repo@main", "--to", "main", "--json"]
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another thing there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_the_update_changes_nothing(tmp_path: Path, number: signal.Signals) -> None:
    repo = vstore.create(tmp_path / "repo")
    for name in "ab":
        with repo.transaction(message=name) as tx:
            tx.create_array(name, shape=(1,), dtype="int8")
    script = AFTER.format(signal=int(number)).replace('"main", "--json"', '"main~1", "--json"')
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert repo.branches["main"] in done.stdout
