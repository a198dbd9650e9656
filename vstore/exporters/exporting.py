"""Exporting: samples of a commit as files, by the exporter of the target's suffix."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, BinaryIO, Final

from vstore.entry_points import checked_options, plugins
from vstore.errors import InvalidInputError, MissingExtraError, NotFoundError
from vstore.exporters.destination import destination
from vstore.exporters.exporter import Exporter, Option
from vstore.exporters.rows import ExportRows, select
from vstore.faces import exported_from
from vstore.optional import load
from vstore.reading.array import Array
from vstore.reading.column import Column
from vstore.reading.table import Table

GROUP: Final = "vstore.exporters"
"""The group of entry points by which packages add exporters."""

BUILTIN: Final[Mapping[str, str]] = {
    "files": "vstore.exporters.files:Files",
    "npy": "vstore.exporters.arrays:Npy",
    "npz": "vstore.exporters.arrays:Npz",
    "csv": "vstore.exporters.texts:Csv",
    "jsonl": "vstore.exporters.texts:Jsonl",
    "text": "vstore.exporters.texts:Lines",
    "parquet": "vstore.exporters.parquet:Parquet",
    "feather": "vstore.exporters.parquet:Feather",
    "webdataset": "vstore.exporters.webdataset:WebDataset",
    "zarr": "vstore.exporters.zarr_folder:ZarrFolder",
}
"""vstore's own exporters by name: their module and class."""

_SUFFIXES: Final[Mapping[str, str]] = {
    ".npy": "npy", ".npz": "npz", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".txt": "text", ".parquet": "parquet", ".pq": "parquet", ".feather": "feather",
    ".arrow": "feather", ".tar": "webdataset", ".zarr": "zarr",
}  # fmt: skip
"""The exporter of each suffix, known without loading any."""

_EXTRAS: Final = {"parquet": ("pyarrow", "arrow"), "feather": ("pyarrow", "arrow"),
                  "zarr": ("zarr", "zarr")}  # fmt: skip


@exported_from("vstore.exporters")
@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to: where it went, by which exporter, and how much it is."""

    path: str
    exporter: str
    files: int
    samples: int
    nbytes: int


@exported_from("vstore.exporters")
def export(
    source: ExportRows | Table | Column | Array,
    to: str | os.PathLike[str] | BinaryIO,
    *,
    with_: str | None = None,
    options: Mapping[str, Any] | None = None,
    force: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> Exported:
    """Write samples of a commit as files: all of them, or none.

    What a format would not give back as it is, is refused.

    Args:
        source: a table, a column or an array of a commit, or what `select` chose of one.
        to: a path, an address that fsspec knows, or a file that is open for writing. The suffix
            says the format: .npy, .npz, .csv, .jsonl, .txt, .parquet, .feather, .tar (WebDataset),
            .zarr; without one, images, sounds and bytes are written as files in a folder.
        with_: the name of the exporter, if the suffix does not say it.
        options: those of the exporter.
        force: replace what is at `to`. In a folder, files of the same names are replaced and
            others stay.
        storage_options: those of the fsspec filesystem of an address.

    Raises:
        AlreadyExistsError: something is at `to`.
        InvalidInputError: the format does not hold the samples, or a key is no name of a file.

    >>> import tempfile, vstore
    >>> repo = vstore.create("memory://export-doc")
    >>> with repo.transaction("main", message="Add") as tx:
    ...     tx.create_table("t", {"x": vstore.ndarray((), "int8")}).extend({"x": [3, 1, 4]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export(repo.checkout("main")["t"], folder + "/t.csv").samples
    3
    """
    rows = source if isinstance(source, ExportRows) else select(source)
    name = with_ if with_ is not None else name_for(to)
    exporter = named(name)
    checked = checked_options(f"exporter {name!r}", exporter.options, options or {})
    with destination(to, force=force, options=storage_options or {}) as target:
        exporter.write(rows, target, **checked)
    where = "-" if not isinstance(to, str | os.PathLike) else os.fspath(to)
    return Exported(where, name, target.files, len(rows), target.nbytes)


def named(name: str) -> Exporter:
    """Return the exporter of a name.

    Raises:
        NotFoundError: there is none.
        InvalidInputError: it is a plugin that cannot be loaded.
        MissingExtraError: it needs a library that is not installed.
    """
    if name in BUILTIN:
        module, _, made = BUILTIN[name].partition(":")
        if name in _EXTRAS:
            package, extra = _EXTRAS[name]
            found = load(module, package=package, extra=extra, purpose=f"an export as {name}")
        else:
            found = import_module(module)
        exporter: Exporter = getattr(found, made)()
        return exporter
    several = [plugin for plugin in plugins(GROUP) if plugin.name == name]
    if not several:
        known = ", ".join(sorted({*BUILTIN, *(plugin.name for plugin in plugins(GROUP))}))
        raise NotFoundError(f"there is no exporter {name!r}", hint=f"there are: {known}")
    if len(several) > 1:
        packages = " and ".join(plugin.package for plugin in several)
        raise InvalidInputError(f"several packages have an exporter {name!r}: {packages}")
    loaded: Exporter = several[0].load(Exporter)
    return loaded


def known_options(name: str | None) -> dict[str, Option]:
    """Return the options of an exporter; of all of vstore's own that are installed when None."""
    if name is not None:
        return dict(named(name).options)
    known: dict[str, Option] = {}
    for each in BUILTIN:
        with suppress(MissingExtraError):
            known |= named(each).options
    return known


def name_for(to: Any) -> str:
    """Return the name of the exporter that a target asks for by its suffix."""
    if not isinstance(to, str | os.PathLike):
        raise InvalidInputError("a stream has no suffix: choose an exporter with `with_=`")
    text = os.fspath(to)
    suffix = os.path.splitext(text.rstrip("/"))[1].lower()
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    for plugin in plugins(GROUP):
        if suffix and suffix in plugin.load(Exporter).suffixes:
            return plugin.name
    if suffix and not text.endswith("/") and not os.path.isdir(text):
        raise InvalidInputError(
            f"no exporter writes {suffix!r} files",
            code="unknown-format",
            hint=f"there are {', '.join(_SUFFIXES)}; a folder of files ends in '/'",
        )
    return "files"
