"""What every error carries besides its message: a code that is documented, a hint, fields."""

import ast
import copy
import pickle
import runpy
import string
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import vstore
from vstore import errors
from vstore.cli.hints import HINTS
from vstore.errors import CODES, MissingExtraError, NotFoundError, VstoreError, circumstances
from vstore.merging.conflicts import Conflict, conflict_error

PACKAGE = Path(vstore.__file__).parent
CLASSES = {cls.__name__: cls for cls in CODES}
NO_COMMANDS = ("arrow", "cli", "dask.py", "reader", "scanning", "spark.py", "torch")
"""Parts that word their hints for commands, or that no command calls."""
ALL = {code for codes in CODES.values() for code in codes}


@dataclass(frozen=True)
class Site:
    """One place that makes an error, as it is written."""

    where: str
    cls: type[VstoreError]
    code: str
    hint: str
    fields: frozenset[str]
    is_for_commands: bool


def text_of(node: ast.expr) -> str:
    """Return the constant parts of a text, with a mark where values are filled in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else "…"


def sites() -> Iterator[Site]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id not in CLASSES:
                continue
            cls = CLASSES[node.func.id]
            given = {each.arg: each.value for each in node.keywords if each.arg is not None}
            code = given.get("code")
            yield Site(
                where=f"{path.relative_to(PACKAGE.parent)}:{node.lineno}",
                cls=cls,
                code=cls.code if code is None else text_of(code),
                hint=text_of(given["hint"]) if "hint" in given else "",
                fields=frozenset(given) - {"code", "hint"},
                is_for_commands=path.relative_to(PACKAGE).parts[0] not in NO_COMMANDS,
            )


SITES = list(sites())


def test_every_error_class_has_codes() -> None:
    classes = {each for each in vars(errors).values() if isinstance(each, type)}
    assert {each for each in classes if issubclass(each, VstoreError)} == set(CODES)
    assert sum(map(len, CODES.values())) == len(ALL)
    for cls, codes in CODES.items():
        assert cls.code == next(iter(codes))


@pytest.mark.parametrize("code", sorted(ALL))
def test_codes_are_of_one_form(code: str) -> None:
    assert set(code) <= {*string.ascii_lowercase, "-"}


def test_every_code_that_is_raised_is_documented_for_its_class() -> None:
    wrong = [site for site in SITES if site.code not in {*CODES[site.cls], "…"}]
    assert not wrong


def test_commands_have_a_hint_of_their_own_wherever_the_library_speaks_python() -> None:
    wrong = [
        site
        for site in SITES
        if site.is_for_commands
        and ("`" in site.hint or "=" in site.hint)
        and site.code not in {*HINTS, "missing-extra"}
    ]
    assert not wrong
    assert set(HINTS) <= ALL


def test_errors_carry_what_the_hints_of_commands_name() -> None:
    wrong = []
    for site in SITES:
        template = HINTS.get(site.code) or ""
        named = {name for _, name, _, _ in string.Formatter().parse(template) if name}
        if not named <= site.fields:
            wrong.append((site, named))
    assert not wrong


def test_the_message_is_apart_from_the_hint() -> None:
    error = NotFoundError("there is no 'x'", hint="list them with `list(group)`", path="x")
    assert str(error) == "there is no 'x'"
    assert error.args == ("there is no 'x'",)
    assert (error.code, error.hint) == ("not-found", "list them with `list(group)`")
    assert error.fields == {"path": "x"}


def test_tracebacks_show_the_hint() -> None:
    error = NotFoundError("there is no 'x'", hint="look elsewhere")
    error.add_note("while reading 'y'")
    lines = "".join(traceback.format_exception(error)).splitlines()
    assert lines[-3:] == [
        "vstore.NotFoundError: there is no 'x'",
        "Hint: look elsewhere",
        "while reading 'y'",
    ]
    assert circumstances(error) == ("while reading 'y'",)


@pytest.mark.parametrize("cls", CODES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("renew", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_workers_lose_nothing_of_an_error(cls: type[VstoreError], renew) -> None:  # type: ignore[no-untyped-def]
    if cls is MissingExtraError:
        error: VstoreError = MissingExtraError("s3fs", extra="s3", purpose="opening s3://b")
    else:
        error = cls("a message", code="some-code", hint="a hint", path="x", row=3)
    error.add_note("a note")
    renewed = renew(error)
    assert type(renewed) is cls
    assert str(renewed) == str(error)
    assert vars(renewed) == vars(error)
    assert circumstances(renewed) == ("a note",)


def test_conflicts_of_a_merge_survive_pickling() -> None:
    conflict = Conflict("train/label", "changed", "a", 1, 2, 3, "note")
    error = pickle.loads(pickle.dumps(conflict_error("cannot merge", [conflict])))
    assert error.code == "merge-conflict"
    assert error.conflicts == (conflict,)


def test_the_page_about_errors_lists_every_code() -> None:
    hooks = runpy.run_path(str(PACKAGE.parent / "docs" / "hooks.py"))
    page = hooks["on_page_markdown"]((PACKAGE.parent / "docs" / "errors.md").read_text())
    listed = [line.split("`")[1::2] for line in page.splitlines() if line.startswith("| `")]
    assert [row for row in listed if row[0] in CLASSES] == [
        [cls.__name__, code] for cls, codes in CODES.items() for code in codes
    ]
