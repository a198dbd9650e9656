"""`vstore config`, and what the configuration does."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import vstore
from tests.cli.terminal import Run
from vstore.cli.author import find_author
from vstore.cli.config import change, profile_options, read_config, settings_in

FILE = """\
# mine
[author]
name = "Ann Lee"  # as in Git

[alias]
old = "./old"

[profile.minio]
prefix = "s3://bucket"
"""


def test_settings_are_set_shown_and_removed(run: Run) -> None:
    run("config", "alias.shoes", "s3://bucket/shoes")
    run("config", "set", "author.name", "Ann Lee")
    run("config", "set", "profile.minio.anon", "true")
    assert run("config", "alias.shoes").out == "s3://bucket/shoes\n"
    assert run("config").out.splitlines()[1:] == [
        "alias.shoes = s3://bucket/shoes",
        "author.name = Ann Lee",
        "profile.minio.anon = True",
    ]
    run("config", "unset", "alias.shoes")
    assert "is not set" in run.fails("config", "alias.shoes")
    assert "is not set" in run.fails("config", "unset", "alias.shoes")


def test_comments_and_the_rest_stay(run: Run) -> None:
    Path("config.toml").write_text(FILE)
    run("config", "set", "alias.new", "./new")
    run("config", "set", "profile.minio.endpoint_url", "http://x")
    run("config", "set", "alias.old", "./older")
    text = Path("config.toml").read_text()
    assert "# mine" in text
    assert 'name = "Ann Lee"  # as in Git' in text
    assert tomllib.loads(text) == {
        "author": {"name": "Ann Lee"},
        "alias": {"old": "./older", "new": "./new"},
        "profile": {"minio": {"prefix": "s3://bucket", "endpoint_url": "http://x"}},
    }


@pytest.mark.parametrize(
    "name", ["nope", "alias", "alias.a.b", "author.age", "profile.a", "alias.a b", "", "alias."]
)
def test_settings_that_do_not_exist_are_refused(run: Run, name: str) -> None:
    assert "there is no setting" in run.fails("config", "set", name, "x")
    assert not Path("config.toml").exists()


@pytest.mark.parametrize(
    "name", ["key", "secret", "token", "aws_secret_access_key", "password", "account_key", "SAS"]
)
def test_secrets_are_refused(run: Run, name: str) -> None:
    said = run.fails("config", "set", f"profile.p.{name}", "hunter2-hunter2")
    assert "looks like a secret" in said
    assert "hunter2" not in said


def test_an_alias_names_a_repository_everywhere(run: Run, repo: vstore.Repository) -> None:
    run("config", "alias.shoes", str(Path("repo").absolute()))
    assert "Fix a label" in run("log", "shoes").out
    assert "Fix a label" not in run("log", "shoes@v1").out
    assert run("branch", "shoes").out == run("branch", "repo").out
    run("fsck", "shoes")
    run("branch", "create", "new", "-R", "shoes")
    assert "new" in repo.branches


def test_a_folder_comes_before_an_alias(run: Run, repo: vstore.Repository) -> None:
    run("config", "alias.repo", "./nowhere")
    assert "Fix a label" in run("log", "repo").out


def test_the_author_is_configured(run: Run) -> None:
    run("config", "author.name", "Ann Lee")
    run("config", "author.email", "ann@example.org")
    assert find_author(None, {}) == vstore.Author("Ann Lee", "ann@example.org")
    assert find_author(None, {"VSTORE_AUTHOR": "Bob"}) == "Bob"


def test_profiles_hold_options_of_addresses(run: Run) -> None:
    for name, value in (
        ("a.prefix", "s3://b"),
        ("a.x", "1"),
        ("c.prefix", "s3://b/c"),
        ("c.x", "2"),
    ):
        run("config", f"profile.{name}", value)
    assert profile_options("s3://b/other") == {"x": 1}
    assert profile_options("s3://b/c/d") == {"x": 2}
    assert profile_options("s3://bc") == {}
    assert profile_options("./folder") == {}


@pytest.mark.parametrize("data", [b"[alias", b"\xff", b"alias = 1\nalias = 2"])
def test_a_file_that_is_not_toml_is_named(run: Run, data: bytes) -> None:
    Path("config.toml").write_bytes(data)
    for words in (["config"], ["config", "alias.a", "b"], ["log", "shoes"]):
        assert "config.toml cannot be read" in run.fails(*words)


VALUES = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=20), st.integers(-(2**53), 2**53), st.booleans()
)


@example([("a", "x", "\x85:"), ("a", "x", "")])  # what Python takes for the end of a line
@example([("a", "x", "\u2028 = 1"), ("b-c", "y", "\x0b\x1c")])
@given(
    st.lists(st.tuples(st.sampled_from(["a", "b-c"]), st.sampled_from("xy"), VALUES), max_size=6)
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)
def test_any_value_is_read_as_it_was_set(run: Run, changes: list[tuple[str, str, Any]]) -> None:
    Path("config.toml").write_text(FILE)
    wanted = dict(settings_in(read_config()))
    for profile, name, value in changes:
        setting = f"profile.{profile}.{name}"
        change(setting, value)
        wanted[setting] = value
    assert dict(settings_in(read_config())) == wanted
    assert "# mine" in Path("config.toml").read_text(encoding="utf-8")
