"""Without an optional library: what needs it says so, and everything else works."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from vstore.errors import MissingExtraError
from vstore.optional import needed
from vstore.version import DISTRIBUTION

ROOT = Path(__file__).parents[1]

PREPARED = """
import vstore
from vstore.errors import MissingExtraError

repo = vstore.create("memory://extras")
with repo.transaction("main", message="Add") as tx:
    tx.create_table("t", {"x": vstore.ndarray((), "int64")}).extend({"x": range(10)})
snap = repo.checkout("main")
"""

REFUSED = {
    "torch": [("import vstore.torch", "vstore.torch needs PyTorch")],
    "zarr": [
        ("import vstore.zarr_store", "vstore.zarr_store needs zarr"),
        ("snap.store", "a commit as a Zarr store needs zarr"),
        (
            "with repo.transaction('main', message='m') as tx: tx.store",
            "a transaction as a Zarr store needs zarr",
        ),
        (
            "import xarray; from vstore.zarr.xarray_backend import VstoreBackendEntrypoint as E; "
            "xarray.open_dataset(snap, engine=E, group='t')",
            "a commit as a Zarr store needs zarr",
        ),
    ],
    "xarray": [
        ("import vstore.zarr.xarray_backend", "the engine 'vstore' of xarray needs xarray"),
    ],
    "pyarrow": [
        ("import vstore.arrow", "vstore.arrow needs pyarrow"),
        ("snap['t'].arrow()", "a table as Arrow needs pyarrow"),
        ("snap['t'].__arrow_c_stream__()", "a table as Arrow needs pyarrow"),
        ("snap['t']['x'].__arrow_c_stream__()", "a column as Arrow needs pyarrow"),
        ("repo.diff(None, 'main').to_arrow()", "a diff as an Arrow table needs pyarrow"),
        ("repo.diff(None, 'main').__arrow_c_stream__()", "a diff as an Arrow table needs pyarrow"),
    ],
    "dask": [("import vstore.dask", "vstore.dask needs dask")],
    "duckdb": [("import vstore.duckdb", "vstore.duckdb needs duckdb")],
    "ray": [("import vstore.ray", "vstore.ray needs ray")],
    "pyspark": [("import vstore.spark", "vstore.spark needs pyspark")],
    "polars": [
        ("snap['t'].arrow().lazy()", "a table as a lazy frame needs polars"),
    ],
    "PIL": [
        (
            "from numpy import zeros\n    with repo.transaction('main', message='m') as tx: "
            "tx.create_table('i', {'im': vstore.image()}).append({'im': zeros((4, 4, 3), 'u1')})",
            "An image column needs Pillow",
        ),
    ],
    "pcodec": [
        (
            "with repo.transaction('main', message='m') as tx: "
            "tx.create_table('p', {'x': vstore.ndarray((), 'int64', codecs='pcodec')})"
            ".extend({'x': range(9)})",
            "the codec numcodecs.pcodec needs pcodec",
        ),
    ],
    "soundfile": [
        (
            "with repo.transaction('main', message='m') as tx: "
            "tx.create_table('s', {'a': vstore.audio()}).append({'a': b'fLaC'})\n"
            "    repo.checkout('main')['s']['a'][0]",
            "An audio column needs soundfile",
        ),
    ],
}
EXTRAS = {"pyarrow": "arrow", "PIL": "image", "pyspark": "spark", "soundfile": "audio"}


def without(library: str, code: str) -> list[str]:
    """Run code in an interpreter that lacks a library; return the lines it prints."""
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-c",
            f"import sys\nsys.modules[{library!r}] = None\n{code}",
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.parametrize("library", REFUSED)
def test_what_needs_a_library_says_which_extra_brings_it(library: str) -> None:
    tries = [
        f"try:\n    {statement}\n"
        "except MissingExtraError as error:\n    print(error, error.hint, sep=': ')"
        for statement, _ in REFUSED[library]
    ]
    advice = f"install it with `pip install '{DISTRIBUTION}[{EXTRAS.get(library, library)}]'`"
    assert without(library, "\n".join([PREPARED, *tries])) == [
        f"{message}, which is not installed: {advice}" for _, message in REFUSED[library]
    ]


def test_xarray_lists_its_engines_without_zarr() -> None:
    code = """
from importlib.metadata import EntryPoint, EntryPoints
from xarray.backends.plugins import build_engines
name = "vstore.zarr.xarray_backend:VstoreBackendEntrypoint"
print("vstore" in build_engines(EntryPoints([EntryPoint("vstore", name, "xarray.backends")])))
"""
    assert without("zarr", code) == ["True"]


def test_another_missing_module_is_not_blamed_on_the_extra() -> None:
    with (
        pytest.raises(ModuleNotFoundError, match="no_such_module"),
        needed("x", extra="x", purpose="x"),
    ):
        import no_such_module  # type: ignore[import-not-found]  # noqa: F401, PLC0415


def test_a_library_that_is_installed_but_broken_is_not_missing() -> None:
    with (
        pytest.raises(ImportError, match="cannot import name") as caught,
        needed("numpy", extra="x", purpose="x"),
    ):
        from numpy import no_such_name  # type: ignore[attr-defined]  # noqa: F401, PLC0415
    assert not isinstance(caught.value, MissingExtraError)


def test_the_error_of_a_worker_reaches_its_parent() -> None:
    error = MissingExtraError("PyTorch", extra="torch", purpose="vstore.torch")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.package, again.extra) == (str(error), "PyTorch", "torch")
