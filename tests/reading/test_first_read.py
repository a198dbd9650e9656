"""What a fresh process imports until it has read a first element."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vstore

MOST_MODULES = 130
"""How many of vstore's modules a first read loads at most."""

LATER = (
    *("vstore.writing", "vstore.merging", "vstore.diffing", "vstore.sharing", "vstore.reader"),
    *("vstore.hierarchy", "vstore.maintenance.fsck", "vstore.zarr", "vstore.arrow", "vstore.cli"),
    *("numcodecs.registry", "zarr", "importlib.metadata", "fsspec", "obstore"),
)
"""What is for other purposes."""

READ = """
import vstore
table = vstore.checkout({url!r})["t"]
first = table["image"][0], table["label"][1], table["note"][2]
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = str(tmp_path_factory.mktemp("first") / "repo")
    columns = {
        "image": vstore.ndarray((28, 28), "uint8", codecs="balanced"),
        "label": vstore.ndarray((), "int64", codecs="fast"),
        "note": vstore.text(),
    }
    with vstore.create(url).transaction("main", message="Add") as tx:
        samples = {"image": np.zeros((64, 28, 28), "uint8"), "label": np.arange(64) % 3}
        tx.create_table("t", columns).extend(samples | {"note": ["a note"] * 64})
    return url


def run(script: str, **environment: str) -> list[str]:
    """Run a script in a fresh process and return what it printed, by lines."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(vstore.__file__).parents[1]), **environment},
    )
    return done.stdout.splitlines()


def test_a_first_read_loads_what_it_needs(url: str) -> None:
    loaded = run(READ.format(url=url) + "import sys; print('\\n'.join(sys.modules))")

    assert [name for name in loaded if name.startswith(LATER)] == []
    assert len([name for name in loaded if name.startswith("vstore")]) <= MOST_MODULES


@pytest.mark.parametrize(
    "use",
    [
        "import numcodecs",
        "import numcodecs.registry",
        "import numcodecs.zstd",
        "from numcodecs import *",
        "from numcodecs.abc import Codec",
        "import numcodecs; numcodecs.Zstd",
        "import zarr",
    ],
)
def test_numcodecs_is_whole_for_others(url: str, use: str) -> None:
    script = READ.format(url=url) + (
        f"{use}\n"
        "import numcodecs, numcodecs.zstd, numcodecs.blosc, numcodecs.registry\n"
        "print(numcodecs.get_codec({'id': 'zstd'}) == numcodecs.zstd.Zstd())\n"
        "print(len(numcodecs.registry.codec_registry) > 15, numcodecs.blosc.Blosc.codec_id)\n"
        "print(type(numcodecs), hasattr(numcodecs, 'nothing'))\n"
    )
    assert run(script) == ["True", "True blosc", "<class 'module'> False"]


def test_one_of_many_threads_runs_numcodecs(url: str) -> None:
    script = READ.format(url=url) + (
        "import numcodecs\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(16) as pool:\n"
        "    codecs = pool.map(lambda _: numcodecs.get_codec({'id': 'lz4'}), range(64))\n"
        "    print({codec.codec_id for codec in codecs})\n"
    )
    assert run(script) == ["{'lz4'}"]


def test_a_broken_optional_codec_does_no_harm(url: str, tmp_path: Path) -> None:
    package = tmp_path / "zfpy-1.0.1.post0.dist-info"  # numcodecs takes this for no version
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: zfpy\nVersion: 1.0.1.post0\n")
    source = Path(vstore.__file__).parents[1]
    script = READ.format(url=url) + (
        "print(first[1:], first[0].sum())\n"
        "with vstore.open(" + repr(url) + ").transaction('main', message='More') as tx:\n"
        "    tx['t'].extend({'image': first[0][None], 'label': [7], 'note': ['new']})\n"
        "import numcodecs\n"
        "try:\n"
        "    numcodecs.get_codec\n"
        "except ImportError as error:\n"
        "    print(str(error).partition(':')[0])\n"
    )
    assert run(script, PYTHONPATH=f"{tmp_path}:{source}") == [
        "(np.int64(1), 'a note') 0",
        "numcodecs cannot be imported",
    ]
