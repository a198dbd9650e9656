"""Every command of a help text works as it is written."""

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import vstore
from tests.cli.terminal import Run
from tests.signing.keys import make_keys
from vstore.cli.groups import load
from vstore.cli.help_text import parts_of
from vstore.cli.registry import COMMANDS
from vstore.cli.topics import TOPICS

BUCKET = "s3://bucket/"
SERVING = {"ui"}
"""Commands that go on until they are stopped: they have tests of their own."""
SIGNING = {"sign", "verify"}
KEYS = [f"shoe-{i}" for i in range(30)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the repository and the files that examples name."""
    folder = tmp_path_factory.mktemp("examples")
    repo = vstore.create(folder / "fashion", author="Ann Lee <ann@example.org>")
    images = np.random.default_rng(0).integers(0, 255, (30, 28, 28), dtype=np.uint8)
    columns = {"image": vstore.ndarray((28, 28), "uint8"), "label": vstore.ndarray((), "int64")}
    with repo.transaction(message="Add the training set") as tx:
        table = tx.create_table("train", columns, keys="str")
        table.extend({"image": images, "label": np.arange(30)}, keys=KEYS)
        tx.create_array("climate/temperature", shape=(4,), dtype="float32")[:] = 1
    repo.tags.create("v1", message="As published")
    for branch, label in (("main", 1), ("labels", 2), ("dev", 3), ("main", 4)):
        if branch not in repo.branches:
            repo.branches.create(branch, at="v1")
        with repo.transaction(branch, message=f"Label {label}") as tx:
            tx["train"]["label"][label] = 10 * label
    with repo.transaction("labels", message="Label more") as tx:
        tx["train"]["label"][20] = 0
    shutil.copytree(folder / "fashion", folder / "backup")
    stamps = vstore.create(folder / "all-stamps")
    with stamps.transaction(message="Add stamps") as tx:
        tx.create_table("stamps", columns).extend({"image": images, "label": np.arange(30)})
    vstore.clone(folder / "all-stamps", folder / "stamps", metadata_only=True)
    repo.remotes.add("origin", str(folder / "backup"))
    np.save(folder / "image.npy", images)
    np.save(folder / "label.npy", np.arange(30))
    np.save(folder / "train-images-idx3-ubyte.gz", images)
    np.save(folder / "train-labels-idx1-ubyte.gz", np.arange(30))
    for name in ("images-idx3", "labels-idx1"):
        (folder / f"train-{name}-ubyte.gz.npy").rename(folder / f"train-{name}-ubyte.gz")
    return folder


def examples() -> Iterator[str]:
    for name in COMMANDS.keys() - SERVING:
        command = load(name)
        for each in (command, *getattr(command, "commands", {}).values()):
            yield from parts_of(each.help or "")[2]


def test_every_command_has_examples() -> None:
    for name in COMMANDS:
        assert parts_of(load(name).help)[2], name


@pytest.mark.parametrize("example", sorted(set(examples())))
def test_examples_work(run: Run, made: Path, tmp_path: Path, example: str) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    if example.split()[1] in SIGNING:
        example = signed(example, tmp_path)
    if example.split()[1] == "update":
        vstore.open("backup").tags.create("v2")
        vstore.open("fashion").copy("backup", "train", "clothes", revision="v1")
    words = shlex.split(example.replace(BUCKET, "./"))[1:]
    if words[0] == "config":
        run("config", "set", "alias.fashion", "./fashion")
    if words[0] == "import":
        shutil.rmtree("fashion")
        vstore.create("fashion")
    ended = run.any(*words)
    assert ended.code == 0, ended
    assert not ended.err or ended.err.startswith("note: "), ended


def signed(example: str, folder: Path) -> str:
    """Make the keys of an example, and the signature that it verifies."""
    keys = make_keys(folder / "keys")
    keys.signers(f"ann@example.org {keys.public('ann')}").rename(folder / "signers")
    vstore.open("fashion").sign("v1", key=keys.key("ann"))
    return example.replace("~/.ssh/id_ed25519", "keys/ann")


@pytest.mark.parametrize("topic", TOPICS)
def test_commands_of_topics_work(run: Run, made: Path, tmp_path: Path, topic: str) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    commands = [line.strip() for line in TOPICS[topic].splitlines() if line.startswith("  vstore ")]
    for line in commands:
        run(*shlex.split(line.split("  ")[0])[1:])
