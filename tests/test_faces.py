"""What is public: the faces export it, name themselves as its module, and document it."""

import inspect
import re
import typing
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType

import pytest

ROOT = Path(__file__).parents[1]
FACES = (
    "vstore",
    "vstore.arrow",
    "vstore.dask",
    "vstore.duckdb",
    "vstore.exporters",
    "vstore.filesystem",
    "vstore.importers",
    "vstore.plugins",
    "vstore.plugins.testing",
    "vstore.ray",
    "vstore.reader",
    "vstore.spark",
    "vstore.storage",
    "vstore.testing",
    "vstore.torch",
    "vstore.virtual",
    "vstore.zarr_store",
)
MISSING = {
    face
    for face, library in (("vstore.ray", "ray"), ("vstore.spark", "pyspark"))
    if find_spec(library) is None
}
"""Faces of libraries that are too large to be installed for tests."""
PRESENT = [face for face in FACES if face not in MISSING]
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.parent.name != "design"),
    *sorted((ROOT / "examples").glob("*.py")),
]
IMPORT = re.compile(
    r"^[ >.]*from (vstore[\w.]*) import (?:\(([^)]*)\)|([^\n(]*))|^[ >.]*import (vstore[\w.]*)",
    re.MULTILINE,
)


def exported() -> dict[str, object]:
    """Everything that is public, by its address."""
    return {
        f"{face}.{name}": getattr(import_module(face), name)
        for face in PRESENT
        for name in import_module(face).__all__
        if name != "__version__"
    }


def addresses(text: str) -> set[str]:
    """The addresses of what a page or a program imports of vstore."""
    found: set[str] = set()
    for module, inside, line, whole in IMPORT.findall(text):
        names = [name.split()[0] for name in (inside or line).split(",") if name.strip()]
        found |= {f"{module}.{name}" for name in names} | ({whole} - {""})
    return found


def documented() -> list[str]:
    text = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    found = re.findall(r"^::: ([\w.]+)$", text, flags=re.MULTILINE)
    return [address for address in found if address.rpartition(".")[0] not in MISSING]


@pytest.mark.parametrize("name", PRESENT)
def test_a_face_is_sorted_and_complete(name: str) -> None:
    face = import_module(name)
    assert list(face.__all__) == sorted(set(face.__all__))
    assert set(face.__all__) <= set(dir(face))
    bound = {
        each
        for each, value in vars(face).items()
        if not each.startswith("_") and getattr(value, "__module__", "") == name
    }
    assert bound <= set(face.__all__)


@pytest.mark.parametrize(("address", "value"), exported().items())
def test_what_is_exported_names_its_face(address: str, value: object) -> None:
    if isinstance(value, type | FunctionType | typing.NewType):
        assert f"{value.__module__}.{value.__name__}" == address


@pytest.mark.parametrize(("address", "value"), exported().items())
def test_the_types_of_fields_are_found_although_the_class_names_its_face(
    address: str, value: object
) -> None:
    if isinstance(value, type):
        typing.get_type_hints(value)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_users_read_imports_from_the_faces_only(page: Path) -> None:
    public = {*exported(), *FACES}
    assert addresses(page.read_text(encoding="utf-8")) <= public


def test_imports_are_found_in_every_form() -> None:
    text = "from vstore.a import (\n    b,\n    c,\n)\n>>> import vstore.d\n"
    text += "  from vstore import e as f\n"
    assert addresses(text) == {"vstore.a.b", "vstore.a.c", "vstore.d", "vstore.e"}


def test_the_api_pages_document_exactly_what_is_public() -> None:
    found = documented()
    assert len(found) == len(set(found))
    assert set(found) == set(exported())


def test_all_that_is_public_is_explained() -> None:
    for address, value in exported().items():
        if isinstance(value, type | FunctionType):
            assert inspect.getdoc(value), address
