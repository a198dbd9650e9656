"""Transfers through networks that fail at random, on either side and on both."""

from collections.abc import Callable
from contextlib import ExitStack, suppress

import pytest

import vstore
from tests.conftest import Bucket
from tests.faults.proxy import FaultProxy, Faults
from tests.transfer.places import AUTHOR, append, keys, new_repository

pytestmark = pytest.mark.s3
FAULTS = Faults(
    busy=0.06, reset=0.03, lost=0.04, contended=0.02, slow=0.01, truncated=0.03, corrupted=0.03
)
_ATTEMPTS = 8


@pytest.mark.parametrize("sides", ["here", "there", "both"])
def test_what_is_pushed_cloned_and_fetched_arrives_whole(s3_bucket: Bucket, sides: str) -> None:
    options = dict(s3_bucket.storage_options)
    here_url, there_url, copy_url = (s3_bucket.fresh_url() for _ in range(3))
    made = new_repository()
    for number in range(8):
        append(made, f"new {number}")
    made.remotes.open(here_url, storage_options=options).push("main")
    with ExitStack() as proxies:
        through = [dict(options), dict(options)]
        counted = []
        for number, side in enumerate(("here", "there")):
            if sides in (side, "both"):
                proxy = proxies.enter_context(
                    FaultProxy(options["endpoint_url"], seed=number, faults=FAULTS)
                )
                through[number]["endpoint_url"] = proxy.url
                counted.append(proxy.counted)
        _until_done(lambda: _push(here_url, there_url, through))
        _until_done(lambda: _clone(there_url, copy_url, through))
        append(made, "later")
        made.remotes.open(here_url, storage_options=options).push("main")
        _until_done(lambda: _push(here_url, there_url, through))
        _until_done(lambda: _fetch(copy_url, there_url, through))
    assert all(sum(each.values()) > each["passed"] for each in counted)
    there = vstore.open(there_url, storage_options=options)
    copy = vstore.open(copy_url, storage_options=options)
    assert keys(there) == keys(copy, "origin/main") == keys(made)
    for repository in (there, copy):
        assert repository.fsck(mode="full", decode=True).is_sound


def _push(here: str, there: str, options: list[dict[str, str]]) -> None:
    repository = vstore.open(here, storage_options=options[0], author=AUTHOR)
    repository.remotes.open(there, storage_options=options[1]).push("main")


def _clone(origin: str, to: str, options: list[dict[str, str]]) -> None:
    with suppress(vstore.AlreadyExistsError):  # an answer was lost, and the clone was finished
        vstore.clone(origin, to, storage_options=options[1], to_storage_options=options[0])


def _fetch(here: str, there: str, options: list[dict[str, str]]) -> None:
    settings = vstore.RemoteSettings(storage_options={"origin": options[1]})
    repository = vstore.open(here, storage_options=options[0], remotes=settings)
    repository.remotes["origin"].fetch()


def _until_done(work: Callable[[], None]) -> None:
    """Do something again until no fault was one too many for it; each goes on where it was."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(vstore.StorageError, vstore.UnknownOutcomeError):
            work()
            return
    work()
