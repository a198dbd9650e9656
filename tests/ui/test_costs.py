"""What pages cost in requests: a page of a large table no more than one of a small one."""

import numpy as np
import pytest

import vstore
from tests.repositories import counted, new_repository
from tests.ui.browsing import Browser, browse
from vstore.storage import CountingStore

ROWS = 1_000_000


@pytest.fixture(scope="module")
def large() -> vstore.Repository:
    repo = new_repository()
    with repo.transaction("main", message="Add a million rows") as tx:
        columns = {
            "a": vstore.ndarray((), "int32"),
            "b": vstore.ndarray((), "float32"),
            "c": vstore.ndarray((), "uint8"),
            "d": vstore.ndarray((2,), "float32"),
        }
        table = tx.create_table("t", columns)
        numbers = np.arange(ROWS)
        table.extend(
            {
                "a": numbers.astype("int32"),
                "b": numbers.astype("float32"),
                "c": (numbers % 7).astype("uint8"),
                "d": np.zeros((ROWS, 2), "float32"),
            }
        )
    with repo.transaction("main", message="Change three") as tx:
        tx["t"]["a"][[5, 500_000, 999_999]] = [1, 2, 3]
    return repo


def requests_of(browser: Browser, store: CountingStore, address: str) -> int:
    before = len(store.requests)
    assert browser.open(address).status == 200
    return len(store.requests) - before


def test_pages_cost_few_requests(large: vstore.Repository) -> None:
    repo, store = counted(large)
    browser = browse(repo)
    head = repo.resolve("main")
    assert requests_of(browser, store, f"/t/{head}/t") <= 8
    assert requests_of(browser, store, f"/t/{head}/t?page=5000") <= 8
    assert requests_of(browser, store, f"/t/{head}/t?page=5000") <= 4
    assert requests_of(browser, store, f"/s/{head}/t?row=500000") <= 12
    assert requests_of(browser, store, f"/t/{head}/t?where=c+%3D+3&page=7") <= 20
    assert requests_of(browser, store, f"/t/{head}/t?where=c+%3D+3&page=8") <= 10
    assert requests_of(browser, store, f"/diff/{repo.resolve('main~1')}..{head}/t") <= 30


def test_what_was_counted_is_not_read_again(large: vstore.Repository) -> None:
    repo, store = counted(large)
    browser = browse(repo)
    assert requests_of(browser, store, "/stats/main/t/c") > 0
    store_of_another_commit = f"/bars/{repo.resolve('main~1')}/t/c"
    before = [request.verb for request in store.requests]
    browser.open(store_of_another_commit)
    after = [request.verb for request in store.requests[len(before) :]]
    assert "get_range" not in after
