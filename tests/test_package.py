"""What `import vstore` costs and what it gives."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import vstore
import vstore.errors

OPTIONAL = [
    "boto3",
    "gcsfs",
    "obstore",
    "pyarrow",
    "rich",
    "s3fs",
    "torch",
    "typer",
    "xarray",
    "zarr",
]


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """The modules that `import vstore` loads in a new interpreter."""
    script = "import sys, vstore; print(sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    return set(ast.literal_eval(run.stdout))


@pytest.mark.parametrize("library", OPTIONAL)
def test_importing_vstore_leaves_optional_libraries_alone(library: str, imported: set[str]) -> None:
    assert library not in imported


def imported_for_checkers() -> dict[str, str]:
    """The names that type checkers see imported, and the modules they come from."""
    guard = next(
        node
        for node in ast.parse(Path(vstore.__file__).read_text()).body
        if isinstance(node, ast.If)
    )
    return {
        alias.asname or alias.name: node.module or ""
        for node in guard.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_all_names_exactly_what_is_public() -> None:
    assert {"__version__", *imported_for_checkers()} == set(vstore.__all__)


def test_every_name_leads_to_what_type_checkers_see() -> None:
    assert imported_for_checkers() == vstore._HOMES
    assert all(hasattr(vstore, name) for name in vstore.__all__)
    assert dir(vstore) == sorted(vstore.__all__)


def test_every_error_is_public() -> None:
    errors = {name for name in vars(vstore.errors) if name.endswith("Error")}
    assert errors <= set(vstore.__all__)
