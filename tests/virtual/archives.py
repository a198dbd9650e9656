"""Files of others, and repositories with arrays whose chunks stay in them."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import vstore
from vstore import Repository, virtual

VALUES = np.arange(60, dtype="int16").reshape(12, 5) * 7
CHUNK = (4, 5)
DOCUMENT = (
    '{"zarr_format": 2, "shape": [12, 5], "chunks": [4, 5], "dtype": "<i2", "fill_value": 0, '
    '"order": "C", "compressor": null, "filters": null}'
)


@dataclass
class Archive:
    """A file with some bytes in front, and a repository that has an array `x` in it."""

    folder: Path
    repo: Repository

    @property
    def file(self) -> Path:
        return self.folder / "files/data.bin"

    @property
    def trusted(self) -> dict[str, dict[str, Any]]:
        return {str(self.folder / "files"): {}}

    def open(self) -> Repository:
        """Open the repository by whoever trusts the folder of the file."""
        return vstore.open(self.repo.url, sources=self.trusted, author="Ann")

    def values(self) -> NDArray[Any]:
        found: NDArray[Any] = self.open().checkout()["x"][:]
        return found

    def damage(self, at: int = -1) -> None:
        """Flip a bit in the file; its time and size stay."""
        before = self.file.stat()
        data = bytearray(self.file.read_bytes())
        data[at] ^= 1
        self.file.write_bytes(data)
        os.utime(self.file, ns=(before.st_atime_ns, before.st_mtime_ns))


def references(url: str, *, offset: int = 3) -> dict[str, Any]:
    """Return references to three chunks that lie back to back in a file."""
    nbytes = 4 * 5 * 2
    chunks = {f"x/{i}.0": [url, offset + i * nbytes, nbytes] for i in range(3)}
    return {
        "version": 1,
        "refs": {".zgroup": '{"zarr_format": 2}', "x/.zarray": DOCUMENT, **chunks},
    }


def archive(folder: Path) -> Archive:
    """Make a file, and a repository that refers to it."""
    (folder / "files").mkdir()
    (folder / "files/data.bin").write_bytes(b"abc" + VALUES.astype("<i2").tobytes())
    made = Archive(folder, vstore.create(folder / "repo", author="Ann"))
    with made.repo.transaction("main", message="Refer to a file") as tx:
        virtual.write(tx, references(str(made.file)), sources=made.trusted)
    return made
