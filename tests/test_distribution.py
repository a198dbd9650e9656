"""What the package says of itself to installers: its name, what it needs, where it is."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from typing import Any

import pytest

from vstore.version import DISTRIBUTION

ROOT = Path(__file__).parents[1]
FOR_DEVELOPERS = {"bench", "dev", "docs", "frameworks", "examples", "lint", "package", "test"}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return found


def name_of(requirement: str) -> str:
    """Return the name of a distribution as package indexes compare it."""
    name = re.match(r"[\w.-]+", requirement)
    assert name is not None
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def imports() -> Iterator[tuple[str, str]]:
    """Yield each module of another project that a file of the package imports, and the file."""
    for path in sorted((ROOT / "vstore").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                names = [node.module]
            for name in names:
                if name.partition(".")[0] not in {*sys.stdlib_module_names, "vstore"}:
                    yield name, str(path.relative_to(ROOT))


installed = cache(packages_distributions)
"""The distributions of each top-level module; asking takes long."""


@cache
def brought_by(module: str) -> set[str]:
    """Return the distributions that a module is part of; several share `google` and `azure`."""
    candidates = set(installed().get(module.partition(".")[0], ()))
    if len(candidates) > 1:
        begin = module.replace(".", "/")
        candidates = {
            name
            for name in candidates
            if any(str(path).startswith(begin) for path in distribution(name).files or ())
        }
    return {name_of(name) for name in candidates}


def test_every_library_that_is_imported_is_declared(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    declared = {*map(name_of, project["dependencies"])}
    for extra in extras.keys() - FOR_DEVELOPERS:
        declared |= {*map(name_of, extras[extra])}
    undeclared = {(module, path) for module, path in imports() if not brought_by(module) & declared}
    # What is not installed here, since it is large, is called as its module is.
    assert {each for each in undeclared if each[0].partition(".")[0] not in declared} == set()


def test_the_oldest_versions_that_are_tried_are_the_oldest_allowed(project: dict[str, Any]) -> None:
    """`constraints-oldest.txt` is written from the bounds; PyTorch's is not tried."""
    text = (ROOT / "constraints-oldest.txt").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE))
    extras = project["optional-dependencies"]
    bounds = [*project["dependencies"]]
    for extra in extras.keys() - FOR_DEVELOPERS - {"torch"}:
        bounds += [text for text in extras[extra] if name_of(text) != DISTRIBUTION]
    for requirement in bounds:
        bound = re.search(r">=([\d.]+)", requirement)
        assert bound is not None
        found = pinned[name_of(requirement)]
        assert f"{found}.".startswith(f"{bound[1]}."), f"{requirement}: {found} is tried"


def test_the_distribution_has_the_name_that_messages_give(project: dict[str, Any]) -> None:
    assert project["name"] == DISTRIBUTION
    assert list(project["scripts"]) == ["vstore"]


def test_extras_refer_to_the_distribution_itself(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    inner = [
        text for needs in extras.values() for text in needs if name_of(text).startswith("vstore")
    ]
    assert inner
    for text in inner:
        name, _, wanted = text.rstrip("]").partition("[")
        assert name == DISTRIBUTION
        assert extras.keys() >= set(wanted.split(","))


def test_the_quick_start_lists_every_extra(project: dict[str, Any]) -> None:
    table = re.findall(
        r"^\| (`[^|]*) \|", (ROOT / "docs/quickstart.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    listed = {name for cell in table for name in re.findall(r"`([\w-]+)`", cell)}
    assert listed == project["optional-dependencies"].keys() - FOR_DEVELOPERS


def written() -> Iterator[tuple[str, str]]:
    """Yield the files that users and contributors read, with their text."""
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "localstack/*",
        "benchmarks/*",
        "examples/*",
        "vstore/**/*.py",
    ):
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file():
                yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def test_nobody_is_sent_to_install_another_project_of_the_name() -> None:
    wrong = [
        (path, line)
        for path, text in written()
        for line in text.splitlines()
        if re.search(r"pip install [^`|]*?(?<![\w/.-])vstore(?![\w-])", line)
    ]
    assert not wrong
