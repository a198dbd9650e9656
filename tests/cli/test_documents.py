"""The JSON of every command has the form that its schema promises."""

import json
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import vstore
from tests.cli.terminal import Run
from tests.importers.netcdf_files import write_netcdf
from tests.signing.keys import make_keys
from vstore.cli.documents import DOCUMENTS
from vstore.cli.groups import load
from vstore.cli.registry import COMMANDS
from vstore.format.commit import FORMAT
from vstore.format.remote import Remote
from vstore.history.remotes import put_remote

RUNS: dict[str, list[list[str]]] = {
    "amend": [["amend", "repo", "-m", "Other"]],
    "blame": [["blame", "repo", "train", "k1"], ["blame", "repo", "train/label", "k7"]],
    "blame ALL": [["blame", "repo", "train", "--all"], ["blame", "repo", "train/label", "--all"]],
    "branch create": [["branch", "-R", "repo", "new"]],
    "branch delete": [["branch", "-R", "repo", "-d", "dev"]],
    "branch list": [["branch", "repo"]],
    "branch rename": [["branch", "-R", "repo", "-m", "dev", "new"]],
    "cherry-pick": [["cherry-pick", "repo", "--into", "dev"]],
    "compact": [["compact", "repo", "train"]],
    "config get": [["config", "alias.repo"]],
    "config list": [["config"]],
    "config set": [["config", "alias.new", "./new"]],
    "config unset": [["config", "unset", "alias.repo"]],
    "diff": [["diff", "repo"], ["diff", "repo@v1", "main", "--stat"], ["diff", "repo", "--values"]],
    "doctor": [["doctor", "repo"]],
    "drop": [["drop", "-R", "repo", "train"], ["drop", "-R", "repo", "train", "--dry-run"]],
    "du": [["du", "repo"], *(["du", "repo", "--by", by] for by in ("column", "branch", "kind"))],
    "error": [["log", "repo@nope"], ["log", "--nope"], ["show", "repo", "nope"]],
    "export": [["export", "repo", "train/label", "label.npy"]],
    "export-refs": [["export-refs", "repo", "-o", "refs.json"]],
    "fetch-data": [["fetch-data", "repo"], ["fetch-data", "repo", "--only", "train/label"]],
    "fork": [["fork", "repo", "mine"], ["fork", "repo", "mine", "--unpinned"]],
    "fsck": [["fsck", "repo"], ["fsck", "repo", "--full"]],
    "fsck ABSENT": [["fsck", "repo", "--absent", "no such text"]],
    "gc": [["gc", "repo"], ["gc", "repo", "--dry-run", "--measure", "--repack", "0.5"]],
    "copy": [["copy", "./repo@v1", "train", "again", "-R", "repo"]],
    "clone": [["clone", "repo", "mine"], ["clone", "repo", "m", "--mirror"]],
    "fetch": [["fetch", "theirs", "-R", "repo"], ["fetch", "theirs", "main", "-R", "repo"]],
    "plugins": [["plugins"], ["plugins", "arrays"]],
    "policy check": [["policy", "check", "repo"]],
    "policy log": [["policy", "log", "repo"]],
    "policy set": [["policy", "set", "repo", "--protect-branch", "main", "--keep", "90d"]],
    "policy show": [["policy", "repo"], ["policy", "show", "repo"]],
    "pull": [["pull", "theirs", "-R", "repo"]],
    "purge": [
        ["purge", "repo", "train", "k1", "--dry-run"],
        ["purge", "repo", "train", "k1", "--move-tags"],
    ],
    "push": [["push", "theirs", "-R", "repo"], ["push", "./new", "-n", "-R", "repo"]],
    "remote add": [["remote", "add", "new", "./x", "-R", "repo"]],
    "remote list": [["remote", "-R", "repo"]],
    "remote ping": [["remote", "ping", "theirs", "-R", "repo"]],
    "remote remove": [["remote", "remove", "theirs", "-R", "repo"]],
    "remote rename": [["remote", "rename", "theirs", "ours", "-R", "repo"]],
    "remote set-url": [["remote", "set-url", "theirs", "./x", "-R", "repo"]],
    "history": [
        ["history", "repo", "train"],
        ["history", "repo", "train/label", "k7", "--since", "v1"],
    ],
    "import": [["import", "repo", "x.npy", "-t", "x"]],
    "import HIERARCHY": [["import", "repo", "x.nc", "--into", "new"]],
    "init": [["init", "new"]],
    "log": [["log", "repo"], ["log", "repo", "--limit", "1"]],
    "ls": [["ls", "repo"], ["ls", "repo", "-r"], ["ls", "repo", "train"]],
    "ls LOCAL": [["ls", "repo", "--local"]],
    "merge": [["merge", "repo@dev"], ["merge", "repo", "--into", "dev"]],
    "rebase": [["rebase", "repo@dev", "--onto", "main"]],
    "reflog": [["reflog", "repo"]],
    "reset": [["reset", "repo@dev", "--to", "main"]],
    "revert": [["revert", "repo"]],
    "show": [["show", "repo@v1"]],
    "show PATH": [["show", "repo", path] for path in ("train", "climate", "train/image")],
    "show PATH INDEX": [["show", "repo", "train", "0:2"], ["show", "repo", "train/label", "3"]],
    "sign": [["sign", "repo", "--key", "keys/ann"]],
    "squash": [["squash", "repo@main", "--since", "main~1", "-m", "One"]],
    "status": [["status", "repo"]],
    "summary": [["summary", "repo"]],
    "tag create": [["tag", "-R", "repo", "v2"]],
    "tag delete": [["tag", "-R", "repo", "-d", "v1"]],
    "tag list": [["tag", "repo"], ["tag", "repo", "--match", "x*"]],
    "undo": [["undo", "repo"]],
    "update": [["update", "train", "-R", "mine"], ["update", "train", "-R", "mine", "-b", "dev"]],
    "verify": [["verify", "repo", "--allowed-signers", "keys/signers"]],
    "version": [["version"]],
    "publish": [["publish", "repo"]],
    "whereis": [["whereis", "-R", "repo", "train"]],
}
WITHOUT = {"help", "ui"}
"""Commands that write no document: their output is text."""


def test_every_command_has_a_document_or_none_on_purpose() -> None:
    named = {words.split()[0] for words in DOCUMENTS}
    assert set(COMMANDS) - named == WITHOUT
    for group in ("branch", "config", "policy", "remote", "tag"):
        inner = {f"{group} {name}" for name in load(group).commands}
        assert inner == {words for words in DOCUMENTS if words.startswith(f"{group} ")}
    assert set(RUNS) == set(DOCUMENTS)


@pytest.mark.parametrize(("words", "run_of"), [(w, each) for w in RUNS for each in RUNS[w]])
def test_output_is_one_document_of_its_schema(
    run: Run, repo: vstore.Repository, words: str, run_of: list[str]
) -> None:
    run("config", "alias.repo", "./repo")
    np.save("x.npy", np.arange(3))
    write_netcdf(Path("x.nc"), {"t": (["x"], np.arange(3))})
    if "theirs" in run_of:
        shutil.copytree("repo", "theirs")
        repo.remotes.add("theirs", "theirs")
    if words in ("sign", "verify"):
        keys = make_keys(Path("keys").absolute())
        keys.signers(f"ann {keys.public('ann')}")
        repo.sign(key=keys.key("ann"))
    if words == "update":
        mine = vstore.create("mine")
        mine.copy("repo", "train", revision="v1")
        mine.branches.create("dev")
    if words == "drop":
        put_remote(repo.store, Remote(FORMAT, "origin", vstore.create("o").url, promises=True))
    ended = run.any(*run_of, "--json")
    assert ended.code in ((1, 2) if words == "error" else (0,)), ended
    found = msgspec.json.decode(ended.out, type=DOCUMENTS[words])
    assert msgspec.to_builtins(found) == ended.json
    for name, value in members(ended.json):
        if name == "time" and value is not None:
            assert datetime.fromisoformat(value).utcoffset() is not None
        if name == "author" and value is not None:
            assert set(value) == {"name", "email"}


def members(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield all members of all objects in a JSON value."""
    for each in value if isinstance(value, list) else ():
        yield from members(each)
    if isinstance(value, dict):
        yield from value.items()
        for each in value.values():
            yield from members(each)


def test_conflicts_are_documents_too(run: Run, repo: vstore.Repository) -> None:
    for branch, label in (("dev", 1), ("main", 2)):
        with repo.transaction(branch, message="Label") as tx:
            tx["train"]["label"][0] = label
    for words in (["merge", "repo@dev"], ["cherry-pick", "repo@dev"]):
        ended = run.any(*words, "--json")
        assert ended.code == 1
        found = msgspec.json.decode(ended.out, type=DOCUMENTS[words[0]])
        assert (found.commit, len(found.conflicts)) == (None, 1)


@pytest.mark.parametrize("words", DOCUMENTS)
def test_schemas_are_shown(run: Run, words: str) -> None:
    found = run("help", "json", *words.split()).json
    schema = found.get(words, found)
    assert set(schema) & {"$ref", "type"}
    json.dumps(schema)


def test_commands_without_documents_are_told_which_have_one(run: Run) -> None:
    assert "there is no document of 'nope'" in run.misused("help", "json", "nope")
    assert "branch list" in run.misused("help", "json")


def test_an_error_before_the_first_commit_is_the_only_document(run: Run) -> None:
    repo = vstore.create("repo")
    for words in (["log", "repo"], ["log", "repo@nope"]):
        found = run.any(*words, "--json").json
        assert set(found) == {"error"}
    with repo.transaction(message="Add") as tx:
        tx.create_array("a", shape=(1,), dtype="int8")
    Path("refs.json").touch()
    assert run("log", "repo", "--path", "nowhere", "--json").json == []
