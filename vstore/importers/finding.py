"""Which importer reads a source: one of vstore's own, else one of another package."""

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from vstore.entry_points import plugins, plugins_that_fit
from vstore.errors import InvalidInputError, NotFoundError
from vstore.importers.importer import Importer
from vstore.importers.source import Source

GROUP: Final = "vstore.importers"
"""The group of entry points by which packages add importers."""

BUILTIN: Final[Mapping[str, str]] = {
    "arrays": "vstore.importers.arrays:Arrays",
    "arrow": "vstore.importers.arrow_files:ArrowFiles",
    "audio": "vstore.importers.sounds:Sounds",
    "csv": "vstore.importers.tables:Csv",
    "files": "vstore.importers.folders:Files",
    "hdf5": "vstore.importers.hdf5:Hdf5",
    "huggingface": "vstore.importers.arrow_files:HuggingFace",
    "images": "vstore.importers.folders:Images",
    "jsonl": "vstore.importers.tables:JsonLines",
    "netcdf": "vstore.importers.netcdf:NetCdf",
    "text": "vstore.importers.tables:TextLines",
    "webdataset": "vstore.importers.webdataset:WebDataset",
    "zarr": "vstore.importers.zarr_groups:ZarrGroup",
}
"""vstore's own importers by name: their module and class. Each module imports optional libraries
only in `open`, since all are asked whether they fit."""


def builtin(name: str) -> Importer:
    """Return one of vstore's own importers."""
    module, _, made = BUILTIN[name].partition(":")
    found: Importer = getattr(import_module(module), made)()
    return found


def named(name: str) -> Importer:
    """Return the importer of a name.

    Raises:
        NotFoundError: there is none.
        InvalidInputError: it is a plugin that cannot be loaded.
    """
    if name in BUILTIN:
        return builtin(name)
    found = [plugin for plugin in plugins(GROUP) if plugin.name == name]
    if not found:
        known = ", ".join(sorted({*BUILTIN, *(plugin.name for plugin in plugins(GROUP))}))
        raise NotFoundError(f"there is no importer {name!r}", hint=f"there are: {known}")
    if len(found) > 1:
        packages = " and ".join(plugin.package for plugin in found)
        raise InvalidInputError(f"several packages have an importer {name!r}: {packages}")
    loaded: Importer = found[0].load(Importer)
    return loaded


def fitting(source: Source) -> tuple[str, Importer]:
    """Return the one importer that fits a source, and its name.

    Plugins are loaded only if none of vstore's own fits; one that cannot be loaded is warned of.

    Raises:
        InvalidInputError: none fits, or several do.
    """
    found = [(name, each) for name in BUILTIN if (each := builtin(name)).fits(source)]
    found = found or list(
        plugins_that_fit(GROUP, Importer, source, what="importer", leave_out=BUILTIN)  # type: ignore[type-abstract]
    )
    if not found:
        raise _unknown(source)
    if len(found) > 1:
        names = " and ".join(name for name, _ in found)
        raise InvalidInputError(
            f"{source} can be read by several importers: {names}",
            code="several-importers",
            hint=f"choose one by name, as in `with_={found[0][0]!r}`",
            name=found[0][0],
        )
    return found[0]


def _unknown(source: Source) -> InvalidInputError:
    if not source.listed:
        return InvalidInputError(f"there are no files in {source}")
    first, start = source.listed[0], source.head(8)
    if not start:
        return InvalidInputError(f"{first} is empty")
    if start[:1] == b"\x80":
        return InvalidInputError(f"{first} looks like a pickle, which is never read")
    return InvalidInputError(
        f"{first} is of no known format: it begins with {start!r}",
        code="unknown-format",
        hint="choose an importer by its name, such as `with_='files'`",
    )
