"""Golden repositories as files of this folder: `NAME.tar.gz`, and `NAME.json` with what is in it.

`python -m tests.format.golden.archives NAME ...` makes them. One that is there is never made
again once a version of vstore was released: it is what that version wrote.
"""

import gzip
import io
import json
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from tests.format.golden.fixed import fixed
from tests.format.golden.making import Made
from tests.format.golden.reading import with_second_reader, with_vstore
from tests.format.golden.writers import REPOSITORIES

FOLDER = Path(__file__).parent
PRIVATE = (".vstore", "gc")
"""What depends on the machine, or on when garbage was collected."""


def make(name: str, root: Path) -> None:
    """Write a repository as today's vstore does, with fixed times and random numbers."""
    with fixed() as clock:
        REPOSITORIES[name](Made(root, clock))


def stored(root: Path) -> dict[str, bytes]:
    """Return the objects of a repository by name."""
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    names = {path.relative_to(root).as_posix(): path for path in paths}
    return {name: path.read_bytes() for name, path in names.items() if is_kept(name)}


def is_kept(name: str) -> bool:
    return not name.startswith(tuple(f"{each}/" for each in PRIVATE))


def packed(objects: dict[str, bytes]) -> bytes:
    """Return objects as an archive, without owners and times."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in objects.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(made.getvalue(), 9, mtime=0)


def unpack(name: str, root: Path) -> Path:
    """Put a golden repository into a folder, and return where it is."""
    with tarfile.open(FOLDER / f"{name}.tar.gz") as archive:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(root, **safely)  # type: ignore[arg-type]  # 3.11.3 knows no filters
    return root


def expected(name: str) -> Any:
    """Return what a golden repository holds."""
    return json.loads((FOLDER / f"{name}.json").read_bytes())


def pretty(value: Any, indent: str = "") -> str:
    """Return JSON with a line for each member of an object that holds others."""
    if not isinstance(value, dict) or not any(isinstance(each, dict) for each in value.values()):
        return json.dumps(value, ensure_ascii=False)
    lines = (
        f"{indent} {json.dumps(key, ensure_ascii=False)}: {pretty(each, indent + ' ')}"
        for key, each in value.items()
    )
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def main() -> None:
    for name in sys.argv[1:] or REPOSITORIES:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "repo"
            make(name, root)
            found = with_second_reader(root)
            if found != with_vstore(root):
                raise SystemExit(f"{name}: the two readers differ")
            about = " ".join(str(REPOSITORIES[name].__doc__).split())
            archive = packed(stored(root))
        (FOLDER / f"{name}.tar.gz").write_bytes(archive)
        text = pretty({"about": about, **found}) + "\n"
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
        sys.stdout.write(f"{name}: {len(archive):,} and {len(text.encode()):,} bytes\n")


if __name__ == "__main__":
    main()
