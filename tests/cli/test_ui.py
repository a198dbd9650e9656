"""`vstore ui` as a process: it prints an address, lets the browser in, and ends on Ctrl-C."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, build_opener, urlopen

import pytest

import vstore
from tests.cli.terminal import Run


@contextmanager
def running(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "vstore", "ui", "--no-browser", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_repository_is_served(repo: vstore.Repository) -> None:
    url = str(Path("repo").resolve())
    with running(f"{url}@main") as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        opener = build_opener(HTTPCookieProcessor(CookieJar()))
        with opener.open(address, timeout=60) as page:
            assert page.geturl().endswith(f"/c/{repo.resolve('main')}")
            assert b"train" in page.read()
        with pytest.raises(HTTPError, match="401"):
            urlopen(address.partition("?")[0], timeout=60)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_other_hosts_need_a_name(run: Run, repo: vstore.Repository) -> None:
    assert "0.0.0.0" in run.fails("ui", "repo", "--host", "0.0.0.0", "--no-browser")


def test_a_revision_that_is_not_there(run: Run, repo: vstore.Repository) -> None:
    assert "nothing" in run.fails("ui", "./repo@nothing", "--no-browser")


def test_a_host_that_is_not_here(run: Run, repo: vstore.Repository) -> None:
    options = ["--host", "203.0.113.1", "--allow-host", "x", "--no-browser"]
    assert "cannot listen" in run.fails("ui", "repo", *options)
