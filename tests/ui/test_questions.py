"""What somebody asks of a repository, and how many clicks from the first page answer it."""

import re
from html import unescape
from urllib.parse import quote

import pytest

from tests.ui.browsing import Answer, Browser
from vstore.repository.repository import Repository

QUESTIONS = {
    "Which images changed last week?": (
        ["week", "Samples of data/train, before and after"],
        "image of shape/4 before",
    ),
    "What does class 2 look like?": (["data/train", "label", "2"], "image of shape/2"),
    "Who relabelled this one?": (["data/train", "shape/3"], "Bob Ray"),
    "What was it before?": (["data/train", "shape/3", "before"], "shape of class 3"),
    "Which samples have no score?": (["data/train", "score", "missing"], "shape/5"),
    "How many are there of each class?": (["data/train", "label"], "4 classes|5 classes"),
    "What is new since v1?": (["compare"], "data/train"),
    "Where would feature/redraw conflict?": (["try to merge"], "data/train/image"),
    "Which sample has the greatest score?": (["data/train", "?sort=-score"], "shape/259"),
    "Where is shape/77?": (["data/train", "?find=shape/77"], "caption"),
    "How do I read just these data in Python?": (["[0-9a-f]{12}"], r"\.checkout\("),
}
"""The links that are clicked, or the form that is filled in, and what is seen then."""


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_few_clicks_answer(browser: Browser, question: str) -> None:
    clicks, answer = QUESTIONS[question]
    page = browser.open("/")
    for click in clicks:
        page = _click(browser, page, click)
        assert page.status == 200, page.text
    assert re.search(answer, unescape(page.text)), page.text
    assert len(clicks) <= 3


def _click(browser: Browser, page: Answer, what: str) -> Answer:
    if what.startswith("?"):
        name, _, value = what[1:].partition("=")
        return browser.open(f"{page.address}?{name}={quote(value)}")
    for href, text in re.findall(r'<a href="([^"]*)"[^>]*>(.*?)</a>', page.text):
        words = unescape(re.sub("<[^>]*>", "", text))
        if re.fullmatch(what, words):
            return browser.open(unescape(href))
    raise AssertionError(f"nothing is called {what!r} on {page.address}: {page.text}")


def test_a_key_that_nobody_has(browser: Browser, shapes: Repository) -> None:
    answer = browser.open(f"/t/{shapes.resolve('main')}/data/train?find=nobody")
    assert answer.status == 404
