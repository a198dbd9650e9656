"""Transfers to, from and between buckets."""

import pytest

import vstore
from tests.conftest import Bucket
from tests.transfer.places import AUTHOR, append, fresh_url, keys, new_repository

pytestmark = pytest.mark.s3


def test_a_repository_goes_to_a_bucket_and_comes_back(s3_bucket: Bucket) -> None:
    here, url = new_repository(), s3_bucket.fresh_url()
    remote = here.remotes.open(url, storage_options=s3_bucket.storage_options)
    assert remote.push("main").refs[0].outcome == "created"
    append(here, "new")
    assert remote.push("main").refs[0].outcome == "updated"
    assert remote.push("main").is_up_to_date
    back = vstore.clone(url, fresh_url(), storage_options=s3_bucket.storage_options, author=AUTHOR)
    assert keys(back) == keys(here)
    assert back.resolve("main") == here.resolve("main")
    assert back.fsck(mode="full").is_sound


def test_buckets_exchange_commits_and_hold_parts_of_each_other(s3_bucket: Bucket) -> None:
    options = s3_bucket.storage_options
    origin, url = new_repository(), s3_bucket.fresh_url()
    origin.remotes.open(url, storage_options=options).push("main")
    part_url = s3_bucket.fresh_url()
    vstore.clone(
        url, part_url, metadata_only=True, storage_options=options, to_storage_options=options
    )
    settings = vstore.RemoteSettings(storage_options={"origin": options})
    part = vstore.open(part_url, storage_options=options, remotes=settings, author=AUTHOR)
    assert part.checkout()["t"]["text"][5] == "text 5"
    append(part, "new")
    part.remotes["origin"].push("main")
    assert "new" in keys(vstore.open(url, storage_options=options))
    report = part.fsck()
    assert report.is_sound
