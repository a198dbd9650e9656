"""What a command's first argument means."""

from pathlib import Path

import pytest

import vstore
from vstore.cli.target import Target, default_url, parse_target
from vstore.errors import InvalidInputError


@pytest.mark.parametrize(
    ("text", "url", "revision"),
    [
        (None, None, None),
        ("", None, None),
        ("@", None, None),
        ("@v1", None, "v1"),
        ("main", None, "main"),
        ("feature/x~2", None, "feature/x~2"),
        ("9f3ac2", None, "9f3ac2"),
        (".", ".", None),
        ("./repo", "./repo", None),
        ("~/repo", "~/repo", None),
        ("/data/repo", "/data/repo", None),
        ("/data/repo@v1", "/data/repo", "v1"),
        ("repo@v1", "repo", "v1"),
        ("repo@", "repo", None),
        ("repo@feature/x", "repo", "feature/x"),
        ("s3://bucket/a", "s3://bucket/a", None),
        ("s3://bucket/a@v1", "s3://bucket/a", "v1"),
        ("s3://bucket/a@feature/x", "s3://bucket/a", "feature/x"),
        ("s3://bucket@v1", "s3://bucket", "v1"),
        ("memory://x@main~1", "memory://x", "main~1"),
        ("abfs://box@account.example/a", "abfs://box@account.example/a", None),
        ("abfs://box@account.example/a@v1", "abfs://box@account.example/a", "v1"),
    ],
)
def test_targets(text: str | None, url: str | None, revision: str | None) -> None:
    assert parse_target(text) == Target(url, revision)


def test_a_directory_with_a_repository_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    vstore.create("main")
    vstore.create("me@home")
    Path("dev").mkdir()
    assert parse_target("main") == Target("main")
    assert parse_target("me@home") == Target("me@home")
    assert parse_target("me@home@v1") == Target("me@home", "v1")
    assert parse_target("dev") == Target(None, "dev")


def test_the_default_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInputError, match="no repository given"):
        default_url({})
    assert default_url({"VSTORE_URL": "s3://bucket/a"}) == "s3://bucket/a"
    vstore.create(".")
    assert default_url({}) == "."
    assert default_url({"VSTORE_URL": "s3://bucket/a"}) == "s3://bucket/a"
