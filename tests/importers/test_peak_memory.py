"""Imports hold a bounded part of their source, however large it is."""

import os
from pathlib import Path

import pytest

from tests.peak_memory import peak_nbytes

SCRIPT = """
import sys
import vstore
from vstore.importers import import_into, open_rows
repo = vstore.create(sys.argv[1] + "/repo")
with repo.transaction("main", message="Import") as tx:
    import_into(tx, "t", open_rows(sys.argv[2], with_=sys.argv[3]))
"""
MB = 2**20


def files(folder: Path, count: int) -> str:
    """Make files of a megabyte, which share their bytes on the disk."""
    folder.mkdir()
    (folder / "0000").write_bytes(os.urandom(MB))
    for i in range(1, count):
        os.link(folder / "0000", folder / f"{i:04}")
    return "files"


def rows(folder: Path, count: int) -> str:
    """Make a CSV file of an eighth of so many megabytes, which takes much longer to read."""
    folder.mkdir()
    some = "".join(f"{i},{i / 7:.6f},name {i},2026-01-02T03:04:05\n" for i in range(20_000))
    with (folder / "rows.csv").open("w") as file:
        file.write("id,x,name,seen\n")
        for _ in range(count * MB // 8 // len(some)):
            file.write(some)
    return "csv"


@pytest.mark.slow
@pytest.mark.parametrize("make", [files, rows])
def test_four_times_the_source_takes_no_more_memory(tmp_path: Path, make: object) -> None:
    assert callable(make)
    peaks = []
    for count in (96, 384):
        source = tmp_path / f"{count}"
        name = make(source, count)
        (tmp_path / f"to-{count}").mkdir()
        peaks.append(peak_nbytes(SCRIPT, str(tmp_path / f"to-{count}"), str(source), name))
    assert peaks[1] < peaks[0] + 100 * MB
    assert peaks[1] < 600 * MB
