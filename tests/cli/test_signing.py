"""`vstore sign`, `vstore verify`, `log --show-signature`, and what the configuration says."""

from pathlib import Path

import pytest

import vstore
from tests.cli.terminal import Run
from tests.signing.keys import Keys, make_keys


@pytest.fixture
def keys(run: Run) -> Keys:
    found = make_keys(Path("keys").absolute())
    found.signers(f"ann@example.org {found.public('ann')}")
    return found


def test_a_commit_is_signed_and_verified(run: Run, repo: vstore.Repository, keys: Keys) -> None:
    said = run.fails("verify", "repo", "--allowed-signers", "keys/signers")
    assert "is not signed" in said
    out = run("sign", "repo", "--key", "keys/ann").out
    assert out.startswith(f"Signed {repo.resolve()[:12]} with SHA256:")
    verified = run("verify", "repo", "--allowed-signers", "keys/signers").out
    assert verified.startswith("good signature by ann@example.org with SHA256:")
    assert run("verify", "repo", "-q", "--allowed-signers", "keys/signers").out == ""
    run("sign", "repo@dev", "--key", "keys/eve")
    ended = run.any("verify", "repo@dev", "--json", "--allowed-signers", "keys/signers")
    assert (ended.code, ended.json["signed"]) == (1, False)
    assert [each["status"] for each in ended.json["signatures"]] == ["untrusted"]


def test_the_configuration_names_keys_and_signers(
    run: Run, repo: vstore.Repository, keys: Keys
) -> None:
    assert "give one with --key FILE" in run.fails("sign", "repo")
    assert "vstore config signature.allowed_signers FILE" in run.fails("verify", "repo")
    run("config", "signature.key", "keys/ann")
    run("config", "signature.allowed_signers", "keys/signers")
    run("config", "signature.sign", "true")
    run("amend", "repo", "-m", "Signed")
    assert "good signature" in run("verify", "repo").out


def test_heads_must_be_signed_if_the_configuration_says_so(
    run: Run, repo: vstore.Repository, keys: Keys
) -> None:
    run("sign", "repo", "--key", "keys/ann")
    run("config", "signature.allowed_signers", "keys/signers")
    run("config", "signature.require", "heads")
    assert run("show", "repo", "train").out
    for words in (["show", "repo@dev", "train"], ["log", "repo@dev"], ["merge", "repo@dev"]):
        assert "is not signed" in run.fails(*words)
    assert "vstore fetch --signatures" in run.fails("clone", "repo", "mine")
    run("branch", "-R", "repo", "-D", "dev")
    run("tag", "-R", "repo", "-d", "v1")
    run("clone", "repo", "yours")
    assert "good signature" in run("verify", "yours").out


def test_the_log_shows_signatures(run: Run, repo: vstore.Repository, keys: Keys) -> None:
    run("sign", "repo", "--key", "keys/ann")
    assert "no allowed signers" in run.fails("log", "repo", "--show-signature", "-n", "1")
    run("config", "signature.allowed_signers", "keys/signers")
    lines = run("log", "repo", "--show-signature").out.splitlines()
    assert lines[0] == f"commit {repo.resolve()}"
    assert lines[1].startswith("good signature by ann@example.org")
    assert "not signed" in lines
    found = run("log", "repo", "--show-signature", "--json").json
    assert [[each["status"] for each in commit["signatures"]] for commit in found] == [["good"], []]
    assert "signatures" not in run("log", "repo", "--json").json[0]
    assert "good signature" in run("log", "repo", "--show-signature", "--oneline", "--graph").out


def test_signatures_made_later_are_pushed_and_fetched(
    run: Run, repo: vstore.Repository, keys: Keys
) -> None:
    run("clone", "repo", "mine")
    run("sign", "repo", "--key", "keys/ann")
    assert "Sent 1 signature" in run("fetch", "--signatures", "-R", "mine").out
    assert "up to date" in run("fetch", "--signatures", "-R", "mine").out
    run("sign", "mine@main~1", "--key", "keys/ann")
    assert "Sent 1 signature" in run("push", "origin", "main", "--signatures", "-R", "mine").out


@pytest.mark.parametrize(
    "text", ["sign = 1", "key = 1", "require = true", "other = 'x'", "sign = 'yes'"]
)
def test_settings_of_another_type_are_refused(run: Run, repo: vstore.Repository, text: str) -> None:
    Path("config.toml").write_text(f"[signature]\n{text}\n")
    assert "signature." in run.fails("log", "repo")
    Path("config.toml").write_text("signature = 1\n")
    assert "must be a table" in run.fails("log", "repo")
    run.fails("config", "signature.other", "x")
