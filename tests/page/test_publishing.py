"""`vstore.publish`: one page, which runs nothing but its own script and asks one server."""

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import fsspec
import pytest

import vstore
from tests.conftest import Bucket
from tests.repositories import new_repository
from vstore.maintenance.fsck.fsck import fsck
from vstore.page.bundle import SOURCE, bundled
from vstore.storage.store import Key


def fill(repo: vstore.Repository) -> None:
    with repo.transaction("main", message="Add", author="Ann Lee <ann@example.org>") as tx:
        tx.create_array("grid", shape=(3,), dtype="int8")[:] = 1


def about(text: str) -> Any:
    """Return what a page was told."""
    found = re.search(r'<script type="application/json" id="about">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_page_lies_in_the_repository_and_reads_what_is_beside_it(tmp_path: Path) -> None:
    repo = vstore.create(tmp_path / "digits")
    fill(repo)
    repo.branches.create("review/one", at="main")
    repo.tags.create("v1", message="First", author="Ann Lee")
    made = vstore.publish(repo)
    text = (tmp_path / "digits/page/index.html").read_text("utf-8")
    assert made.page.endswith("digits/page/index.html")
    assert made.nbytes == len(text.encode())
    assert about(text) == {
        "branches": ["main", "review/one"],
        "data": "../",
        "revision": "main",
        "tags": ["v1"],
        "title": "digits",
    }


def test_the_page_is_no_part_of_the_repository(tmp_path: Path) -> None:
    repo = vstore.create(tmp_path / "digits")
    fill(repo)
    vstore.publish(repo)
    assert fsck(repo.store).is_sound
    repo.gc(grace=timedelta(0), wait=True)
    assert (tmp_path / "digits/page/index.html").exists()
    vstore.clone(tmp_path / "digits", tmp_path / "mirror", mirror=True)
    assert not (tmp_path / "mirror/page").exists()


def test_its_policy_allows_its_own_script_and_one_server() -> None:
    repo = new_repository()
    fill(repo)
    vstore.publish(repo, "memory://site-of-policy", data="https://data.example.org/digits")
    text = vstore.storage.MemoryStore("site-of-policy").get(Key("index.html")).decode()
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert found is not None
    policy = dict(part.split(" ", 1) for part in html.unescape(found[1]).split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "https://data.example.org"
    for name, pattern in {
        "script-src": r'<script type="module">(.*?)</script>',
        "style-src": r"<style>(.*?)</style>",
    }.items():
        (content,) = re.findall(pattern, text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert policy[name] == f"'sha256-{digest}'"
    assert about(text)["data"] == "https://data.example.org/digits/"


def test_nothing_that_it_is_told_ends_an_element() -> None:
    repo = new_repository()
    fill(repo)
    title = "</script><script>alert(1)</script>{script}"
    vstore.publish(repo, "memory://site-of-titles", data="https://x.example/", title=title)
    text = vstore.storage.MemoryStore("site-of-titles").get(Key("index.html")).decode()
    assert "<script>alert" not in text
    assert about(text)["title"] == title
    assert text.count("<script") == 2


def test_the_script_is_one_module_without_names_twice() -> None:
    script = bundled("main.js")
    assert "import " not in re.sub(r"//.*", "", script)
    names = re.findall(
        r"^(?:async )?(?:function\*?|class|const|let) \*?(\w+)", script, re.MULTILINE
    )
    assert len(names) == len(set(names))
    assert len(names) > 100
    node = shutil.which("node")
    if node is not None:
        command = [node, "--input-type=module", "--check"]
        subprocess.run(command, input=script, text=True, check=True)


def test_every_module_is_in_the_script() -> None:
    script = bundled("main.js")
    for path in SOURCE.glob("*.js"):
        first = path.read_text("utf-8").splitlines()[0]
        assert first in script, path.name


@pytest.mark.parametrize(
    "data", ["ftp://x.example", "https://u:secret@x.example", "https://x?k=secret"]
)
def test_addresses_that_browsers_do_not_find_are_refused(data: str) -> None:
    repo = new_repository()
    fill(repo)
    with pytest.raises(vstore.InvalidInputError) as caught:
        vstore.publish(repo, data=data)
    assert caught.value.code == "no-public-address"
    assert "secret" not in str(caught.value)


def test_a_page_elsewhere_needs_to_know_where_the_repository_is(tmp_path: Path) -> None:
    repo = new_repository()
    fill(repo)
    with pytest.raises(vstore.InvalidInputError, match="browsers do not find"):
        vstore.publish(repo, tmp_path / "site")
    with pytest.raises(vstore.NotFoundError):
        vstore.publish(repo, revision="no-such-branch")
    assert not (tmp_path / "site").exists()


def test_a_bucket_serves_it_as_a_page(s3_bucket: Bucket) -> None:
    url = s3_bucket.fresh_url()
    fill(vstore.create(url, storage_options=s3_bucket.storage_options))
    repo = vstore.open(url, storage_options=s3_bucket.storage_options)
    made = vstore.publish(repo)
    fs = fsspec.filesystem("s3", **s3_bucket.storage_options)
    assert fs.info(f"{url}/page/index.html")["ContentType"] == "text/html; charset=utf-8"
    vstore.publish(repo, f"{url}-site", storage_options=s3_bucket.storage_options)
    text = fs.cat_file(f"{url}-site/index.html").decode()
    assert about(text)["data"].startswith("https://")
    assert made.data == "../"
