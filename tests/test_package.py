"""What `import vstore` costs and what it gives."""

import ast
import subprocess
import sys

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


def test_all_is_sorted_and_without_repetition() -> None:
    assert list(vstore.__all__) == sorted(set(vstore.__all__))


def test_all_names_exactly_what_is_public() -> None:
    submodules = {name.split(".")[1] for name in sys.modules if name.startswith("vstore.")}
    public = {name for name in vars(vstore) if not name.startswith("_")} - submodules
    assert public == {name for name in vstore.__all__ if not name.startswith("_")}
    assert all(hasattr(vstore, name) for name in vstore.__all__)


def test_every_error_is_public() -> None:
    errors = {name for name in vars(vstore.errors) if name.endswith("Error")}
    assert errors <= set(vstore.__all__)
