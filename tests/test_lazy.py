"""Modules that are imported at their first use."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vstore
import vstore.storage
from vstore.lazy import lazy

SOURCES = sorted(Path(vstore.__file__).parent.rglob("*.py"))


def lazy_names(tree: ast.Module) -> dict[str, str]:
    """The names of a module that stand for lazy modules, and which."""
    return {
        node.targets[0].id: node.value.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "lazy"
        and isinstance(node.value.args[0], ast.Constant)
        and isinstance(node.value.args[0].value, str)
    }


def imported_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The names that a module imports, also for type checkers alone, and what they stand for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.asname or alias.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def test_type_checkers_see_each_lazy_module_as_an_ordinary_import() -> None:
    checked = 0
    for source in SOURCES:
        tree = ast.parse(source.read_text())
        seen = dict(imported_names(tree))
        for name, module in lazy_names(tree).items():
            assert seen.get(name) == module, f"{source}: {name}"
            checked += 1
    assert checked > 10


def test_a_lazy_module_is_imported_when_it_is_used() -> None:
    script = (
        "import sys\n"
        "from vstore.lazy import lazy\n"
        "colorsys = lazy('colorsys')\n"
        "print('colorsys' in sys.modules)\n"
        "print(colorsys.rgb_to_hls(0, 0, 0)[1], 'colorsys' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "0.0", "True"]


def test_what_a_lazy_module_lacks_is_missed_as_usual() -> None:
    with pytest.raises(AttributeError, match="module 'colorsys' has no attribute 'paint'"):
        lazy("colorsys").paint()
    with pytest.raises(ModuleNotFoundError, match="nothing_of_ours"):
        lazy("vstore.nothing_of_ours").paint()


def test_every_name_of_a_face_is_found_where_type_checkers_see_it() -> None:
    tree = ast.parse(Path(vstore.storage.__file__).read_text())
    seen = dict(imported_names(tree))
    for name in vstore.storage.__all__:
        home, _, original = seen[name].rpartition(".")
        assert getattr(vstore.storage, name) is getattr(sys.modules[home], original)


def test_what_a_face_lacks_is_missed_as_usual() -> None:
    with pytest.raises(AttributeError, match=r"module 'vstore\.storage' has no attribute 'paint'"):
        vstore.storage.paint  # noqa: B018
