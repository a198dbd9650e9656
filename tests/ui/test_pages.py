"""What the pages show, and where their links lead."""

import io
import json
import re
from html import unescape
from urllib.parse import quote

import numpy as np
import PIL.Image
import pytest

import vstore
from tests.format.golden.values import wav
from tests.repositories import counted, new_repository
from tests.ui.browsing import Browser, browse, links
from tests.ui.conftest import COUNT
from vstore.repository.repository import Repository

ADDRESSES = [
    "/",
    "/log",
    "/log?rev=main",
    "/log?path=data/train",
    "/log?path=data/train&sample=%22shape/4%22",
    "/c/main",
    "/t/main/data/train",
    "/t/main/data/train?page=3",
    "/t/v1/data/train?where=label+%3D+2&sort=-score",
    "/s/main/data/train?row=3",
    "/s/main/data/train?key=%22shape/4%22",
    "/stats/main/data/train/score",
    "/stats/main/data/train/image",
    "/stats/main/data/train/tags",
    "/a/main/scan",
    "/a/main/scan?i0=0&low=0&high=1&map=gray",
    "/diff",
    "/diff?days=7",
    "/diff/v1..main",
    "/diff/v1..main/data/train",
    "/diff/v1..main/data/train?column=image",
    "/merge",
    "/merge?theirs=feature/redraw&into=main",
    "/merge?theirs=v1",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_is_sound(browser: Browser, address: str) -> None:
    page = browser.open(address)
    assert page.status == 200, page.text
    found = links(page)
    assert found.forbidden == []
    assert found.unnamed == 0
    assert {"main", "h1", "title"} <= found.tags
    assert len(page.body) < 200_000
    assert browser.open(page.address + ("&" if "?" in page.address else "?") + "format=json").json


def test_every_link_and_picture_leads_somewhere(browser: Browser) -> None:
    seen, pending = set[str](), ["/", "/diff/v1..main/data/train", "/merge?theirs=feature/redraw"]
    while pending and len(seen) < 400:
        page = browser.open(pending.pop())
        assert page.status == 200, page.address
        if not page.headers["Content-Type"].startswith("text/html"):
            continue
        found = links(page)
        fresh = {to for to in (*found.hrefs[:40], *found.images[:6]) if to.startswith("/")} - seen
        seen |= fresh
        pending += sorted(fresh)
    assert len(seen) > 150


def test_a_branch_in_an_address_becomes_its_hash(browser: Browser, shapes: Repository) -> None:
    head = shapes.resolve("main")
    assert browser.open("/t/main/data/train").address == f"/t/{head}/data/train"
    assert browser.open("/go?rev=feature/redraw").address == (
        f"/c/{shapes.resolve('feature/redraw')}"
    )
    assert browser.open("/diff?old=v1&new=main").address == f"/diff/{shapes.resolve('v1')}..{head}"


def test_rows_skip_deleted_samples_and_show_what_is_missing(browser: Browser) -> None:
    rows = browser.open("/t/main/data/train?format=json").json["rows"]
    assert [row["key"] for row in rows[:2]] == ["shape/1", "shape/2"]
    assert rows[4]["score"] is None
    last = browser.open("/t/main/data/train?page=3&format=json").json["rows"]
    assert last[-1]["key"] == f"shape/{COUNT - 1}"
    assert len(last) == COUNT - 1 - 200


def test_a_page_beyond_the_end_is_the_last(browser: Browser) -> None:
    assert browser.open("/t/main/data/train?page=999&format=json").json["rows"]


@pytest.mark.parametrize(
    ("where", "keys"),
    [
        ("label = 9", ["shape/3"]),
        ('label = 2 and caption contains "class 2" and score > 0.97', ["shape/254", "shape/258"]),
        ("score is missing and tags contains odd", []),
        ("score >= 0.99", ["shape/258", "shape/259"]),
    ],
)
def test_filters(browser: Browser, where: str, keys: list[str]) -> None:
    found = browser.open(f"/t/main/data/train?where={quote(where)}&format=json").json
    assert [row["key"] for row in found["rows"]] == keys


def test_classes_are_called_by_their_names() -> None:
    repo = new_repository()
    label = vstore.ndarray((), "uint8", attributes={"classes": ["cat", "a dog"]})
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("t", {"label": label}).extend({"label": [0, 1, 1, 7]})
    browser = browse(repo)
    assert "1 a dog" in browser.open("/t/main/t").text
    assert browser.open("/stats/main/t/label?format=json").json["bars"] == [
        ["0 cat", 1], ["1 a dog", 2], ["7", 1],
    ]  # fmt: skip
    where = quote('label = "a dog"')
    found = browser.open(f"/t/main/t?where={where}&format=json").json
    assert [row["label"] for row in found["rows"]] == [1, 1]
    unknown = browser.open("/t/main/t?where=label+%3D+cow")
    assert unknown.status == 400
    assert "cat, a dog" in unknown.text


def test_what_is_missing_is_a_click_away(browser: Browser) -> None:
    hrefs = links(browser.open("/stats/main/data/train/score")).hrefs
    (missing,) = [href for href in hrefs if "missing" in href]
    found = browser.open(f"{missing}&format=json").json
    assert found["matching"] == len(range(5, COUNT, 5))
    assert all(row["score"] is None for row in found["rows"])


def test_what_changed_of_late(browser: Browser, shapes: Repository) -> None:
    to = [href for href in links(browser.open("/")).hrefs if "days=" in href]
    assert to == ["/diff?days=1", "/diff?days=7", "/diff?days=30"]
    root, head = shapes.resolve("v1"), shapes.resolve("main")
    for href in to:
        assert browser.open(href).address == f"/diff/{root}..{head}"
    assert browser.open("/diff?days=0").address == f"/diff/{head}..{head}"


def test_sorting_puts_missing_samples_last(browser: Browser) -> None:
    rows = browser.open("/t/main/data/train?sort=-score&format=json").json["rows"]
    assert [row["key"] for row in rows[:2]] == ["shape/259", "shape/258"]
    rows = browser.open("/t/main/data/train?sort=score&page=3&format=json").json["rows"]
    assert rows[-1]["score"] is None


def test_bars_count_every_sample_and_lead_to_them(browser: Browser) -> None:
    page = browser.open("/stats/main/data/train/label")
    bars = browser.open("/stats/main/data/train/label?format=json").json["bars"]
    assert sum(count for _, count in bars) == COUNT - 1
    to = [href for href in links(page).hrefs if "where=" in href]
    found = [browser.open(f"{href}&format=json").json["matching"] for href in to]
    assert found == [count for _, count in bars]
    score = browser.open("/stats/main/data/train/score")
    to = [href for href in links(score).hrefs if "where=" in href and "missing" not in href]
    found = [browser.open(f"{href}&format=json").json["matching"] for href in to]
    assert sum(found) == COUNT - 1 - len(range(5, COUNT, 5))


def test_a_sample_says_who_changed_each_cell(browser: Browser, shapes: Repository) -> None:
    found = browser.open("/s/main/data/train?key=%22shape/4%22&format=json").json
    assert found["blame"]["image"] == shapes.resolve("main~1")
    assert found["blame"]["label"] == shapes.resolve("v1")
    page = browser.open("/s/main/data/train?key=%22shape/4%22")
    assert 'alt="image of shape/4"' in page.text
    assert "Bob Ray" in browser.open("/s/main/data/train?key=%22shape/4%22").text


def test_pairs_show_what_was_and_what_is(browser: Browser) -> None:
    found = browser.open("/diff/v1..main/data/train?format=json").json
    assert found["counts"] == {"changed": 2, "added": 0, "removed": 1}
    label = found["pairs"][0]
    assert (label["key"], label["before"], label["after"]) == (
        "shape/3", {"label": 3}, {"label": 9},
    )  # fmt: skip
    page = browser.open("/diff/v1..main/data/train?column=image")
    images = links(page).images
    assert len(images) == 4  # before, after, difference; and the sample that was removed
    assert all(browser.open(src).body.startswith(b"\x89PNG") for src in images)


def test_a_merge_is_tried_and_nothing_is_changed(browser: Browser, shapes: Repository) -> None:
    before = {info.key: info.modified for info in shapes.store.list_prefix("")}
    page = browser.open("/merge?theirs=feature/redraw&into=main")
    found = browser.open("/merge?theirs=feature/redraw&into=main&format=json").json
    assert [conflict["path"] for conflict in found["conflicts"]] == [
        "data/train/image",
        "data/train/label",
    ]
    assert "vstore merge" in page.text
    assert "--theirs data/train/image" in page.text
    assert {info.key: info.modified for info in shapes.store.list_prefix("")} == before


def test_a_page_says_what_it_cost(browser: Browser, shapes: Repository) -> None:
    repo, store = counted(shapes)
    browser = browse(repo)
    store.reset()
    page = browser.open("/t/main/data/train?page=2")
    asked = re.search(r"It took ([0-9]+) requests, ([0-9.]+ [kM]?B) of storage", page.text)
    assert asked is not None, page.text[-300:]
    assert int(asked[1]) <= store.count()
    again = browser.open("/t/main/data/train?page=2").text
    assert "It took 0 requests, 0 B" in again


def test_sounds_have_a_player() -> None:
    repo = new_repository()
    data = wav(np.zeros((400, 1), "int16"), 8000)
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("t", {"sound": vstore.audio().as_optional()}).extend(
            {"sound": [data, None]}
        )
    browser = browse(repo)
    page = browser.open("/s/main/t?row=0")
    src = re.search(r'<audio src="([^"]+)" controls', page.text)
    assert src is not None
    answer = browser.open(unescape(src[1]))
    assert answer.headers["Content-Type"] == "audio/wav"
    assert answer.body == data
    assert "media-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "<audio" not in browser.open("/s/main/t?row=1").text


def test_boxes_and_masks_lie_over_their_image() -> None:
    repo = new_repository()
    columns = {
        "image": vstore.image(),
        "boxes": vstore.ndarray((None, 4), "float32", attributes={"over": "image"}),
        "sized": vstore.ndarray((2, 4), "int64", attributes={"over": "image", "boxes": "xywh"}),
        "mask": vstore.ndarray((20, 30), "uint8", attributes={"over": "image"}),
        "other": vstore.ndarray((3, 3), "uint8", attributes={"over": "image"}),
    }
    mask = np.zeros((20, 30), "uint8")
    mask[15:, 25:] = 1
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("t", columns).extend(
            {
                "image": [np.zeros((20, 30, 3), "uint8")],
                "boxes": [np.array([[2, 3, 9, 8], [np.nan, 0, 1, 1], [-5, -5, 99, 99]])],
                "sized": [np.array([[12, 3, 4, 4], [50, 50, 5, 5]])],
                "mask": [mask],
                "other": [np.ones((3, 3), "uint8")],
            }
        )
    browser = browse(repo)
    page = browser.open("/s/main/t?row=0")
    (src,) = re.findall('src="([^"]+)" alt="image with what lies over it"', page.text)
    seen = PIL.Image.open(io.BytesIO(browser.open(unescape(src)).body))
    assert seen.size == (30, 20)
    assert seen.getpixel((2, 5)) == seen.getpixel((8, 3)) == (230, 25, 75)
    assert seen.getpixel((15, 6)) == (230, 25, 75)
    assert seen.getpixel((0, 10)) == seen.getpixel((29, 10)) == (60, 180, 75)
    assert seen.getpixel((27, 17)) == (115, 12, 37)
    assert seen.getpixel((5, 5)) == (0, 0, 0)


def test_cells_are_what_is_stored(browser: Browser, shapes: Repository) -> None:
    table = shapes.checkout()["data/train"]
    answer = browser.open("/cell/main/data/train/image?row=3")
    assert answer.body == table["image"].encoded(3)
    assert answer.headers["Content-Type"] == "image/png"
    assert "immutable" in answer.headers["Cache-Control"]
    curve = browser.open("/cell/main/data/train/curve?row=3")
    assert np.array_equal(np.frombuffer(curve.body, "float32"), table["curve"][3])
    assert curve.headers["Content-Type"] == "application/octet-stream"
    assert curve.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/nothing", 404),
        ("/t", 404),
        ("/c/nobranch", 404),
        (f"/c/{'0' * 64}", 404),
        ("/t/main/nothing", 404),
        ("/t/main/scan", 400),
        ("/t/main/../../etc/passwd", 400),
        ("/t/main/data/train?page=x", 400),
        ("/t/main/data/train?where=label", 400),
        ("/t/main/data/train?where=label+%3D+x", 400),
        ("/t/main/data/train?where=image+%3D+1", 400),
        ("/t/main/data/train?sort=nothing", 400),
        ("/t/main/data/train?cols=nothing", 404),
        ("/s/main/data/train", 400),
        ("/s/main/data/train?row=99999", 404),
        ("/s/main/data/train?key=%22nobody%22", 404),
        ("/s/main/data/train?key=7", 400),
        ("/s/main/data/train?key=%5B%5B%5B", 400),
        ("/a/main/scan?i0=6", 400),
        ("/a/main/scan?map=nothing", 200),
        ("/slice/main/scan?map=nothing", 400),
        ("/slice/main/scan?low=x", 400),
        ("/cell/main/data/train/label?row=3&size=64", 404),
        ("/diff/main", 400),
        ("/diff/v1..main/nothing", 404),
        ("/merge?theirs=nobranch", 404),
        ("/picture/gone", 404),
        ("/style.css/x", 404),
        ("/%FF%FE", 404),
        ("/log?sample=7", 400),
        ("/log?skip=-3", 200),
    ],
)
def test_what_is_asked_wrongly(browser: Browser, address: str, status: int) -> None:
    assert browser.open(address).status == status


def test_an_empty_repository_has_a_page() -> None:
    assert "Nothing was committed yet" in browse(new_repository()).open("/").text


def test_any_kind_of_key_and_name_is_found_again() -> None:
    repo = new_repository()
    columns = {"a b&c": vstore.ndarray((), "int64")}
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("tuples é?", columns, keys="tuple").extend(
            {"a b&c": [1, 2]}, keys=[("a/b", 1), ('"', 2)]
        )
        tx.create_table("ints", columns, keys="int").extend({"a b&c": [5]}, keys=[2**60 + 1])
        tx.create_table("none", columns)
    browser = browse(repo)
    for href in links(browser.open("/")).hrefs:
        page = browser.open(href)
        assert page.status == 200, page.text
        for below in links(page).hrefs:
            assert browser.open(below).status == 200, below
    key = quote(json.dumps(["a/b", 1]))
    found = browser.open(f"/s/main/{quote('tuples é?')}?key={key}&format=json").json
    assert found["values"] == {"a b&c": 1}
    assert browser.open(f"/s/main/ints?key={2**60 + 1}&format=json").json["key"] == 2**60 + 1


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((), "int8"), ((0,), "int8"), ((5,), "float64"), ((3, 0), "bool"), ((2, 3, 4, 5), "uint16"),
     ((4,), "complex64"), ((6, 5), "datetime64[s]"), ((1, 1), "float16"), ((3000, 2100), "uint8")],
)  # fmt: skip
def test_any_array_has_a_page(shape: tuple[int, ...], dtype: str) -> None:
    repo = new_repository()
    with repo.transaction("main", message="Add") as tx:
        made = tx.create_array("a", shape=shape, dtype=dtype)
        if all(shape):
            made[...] = np.ones(shape, dtype)
    browser = browse(repo)
    page = browser.open("/a/main/a")
    assert page.status == 200, page.text
    assert all(browser.open(src).status == 200 for src in links(page).images)
