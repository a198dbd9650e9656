"""From addresses to what an importer finds there: samples for a table, or a hierarchy."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from vstore.entry_points import checked_options
from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.importers.addresses import open_source
from vstore.importers.finding import fitting, named
from vstore.importers.hierarchy import Hierarchy
from vstore.importers.hierarchy_importer import HierarchyImporter
from vstore.importers.importer import Importer, Rows
from vstore.importers.renaming import renamed
from vstore.importers.source import Source
from vstore.version import __version__

Addresses = Source | str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@exported_from("vstore.importers")
def open_rows(
    source: Addresses,
    *,
    with_: str | None = None,
    rename: Mapping[str, str] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> Rows:
    """Return the samples behind an address, or several, opened by the importer that fits.

    Args:
        source: what `open_source` takes or returns.
        with_: the name of the importer; the one that fits when None.
        rename: new names of columns, by those that the source has for them.
        storage_options: those of the fsspec filesystem of a URL.
        options: those of the importer, by name; `vstore plugins` lists them.

    Raises:
        NotFoundError: nothing is at an address, or there is no such importer.
        InvalidInputError: no importer fits, or several do, or a file is damaged.
    """
    source = _opened(source, storage_options)
    return renamed(_rows(source, *_importer(source, with_), options), rename or {})


@exported_from("vstore.importers")
def open_hierarchy(
    source: Addresses,
    *,
    with_: str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> Hierarchy:
    """Return the groups and arrays behind an address: of Zarr, HDF5 or NetCDF.

    The arguments are those of `open_rows`.

    Raises:
        NotFoundError: nothing is at an address, or there is no such importer, group or array.
        InvalidInputError: the source holds no hierarchy, or a file is damaged.
    """
    source = _opened(source, storage_options)
    name, importer = _importer(source, with_)
    if not isinstance(importer, HierarchyImporter):
        raise InvalidInputError(
            f"the importer {name!r} finds samples for a table, and no groups and arrays",
            code="no-hierarchy",
            hint="import them into a table: `vstore.importers.open_rows(source)`",
        )
    return _hierarchy(source, name, importer, options)


@exported_from("vstore.importers")
def open_as_it_is(
    source: Addresses,
    *,
    with_: str | None = None,
    rename: Mapping[str, str] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> Rows | Hierarchy:
    """Return the groups and arrays behind an address where it has them, else the samples.

    The arguments and errors are those of `open_rows`.
    """
    source = _opened(source, storage_options)
    name, importer = _importer(source, with_)
    if isinstance(importer, HierarchyImporter):
        if rename:
            raise InvalidInputError("groups and arrays keep their names; columns can have others")
        return _hierarchy(source, name, importer, options)
    return renamed(_rows(source, name, importer, options), rename or {})


def _opened(source: Addresses, storage_options: Mapping[str, Any] | None) -> Source:
    if isinstance(source, Source):
        return source
    return open_source(source, storage_options=storage_options)


def _importer(source: Source, with_: str | None) -> tuple[str, Importer]:
    return fitting(source) if with_ is None else (with_, named(with_))


def _rows(source: Source, name: str, importer: Importer, options: Mapping[str, Any]) -> Rows:
    chosen = checked_options(f"importer {name!r}", importer.options, options)
    rows = importer.open(source, **chosen)
    if not isinstance(rows, Rows):
        raise InvalidInputError(f"the importer {name!r} returned {rows!r:.100}, and not `Rows`")
    unknown = source.schema.keys() - rows.columns.keys()
    if unknown:
        raise InvalidInputError(f"the schema has columns that {source} has not: {sorted(unknown)}")
    said = _provenance(source, name, importer, options)
    return replace(rows, columns={**rows.columns, **source.schema}, provenance=said)


def _hierarchy(
    source: Source, name: str, importer: HierarchyImporter, options: Mapping[str, Any]
) -> Hierarchy:
    chosen = checked_options(f"importer {name!r}", importer.options, options)
    found = importer.hierarchy(source)
    found = found.below(chosen.get("group")).selected(chosen.get("select"))
    return replace(found, provenance=_provenance(source, name, importer, options))


def _provenance(
    source: Source, name: str, importer: Importer, options: Mapping[str, Any]
) -> dict[str, Any]:
    own = __version__ if type(importer).__module__.startswith("vstore.") else "?"
    said = {each: _plain(value) for each, value in options.items() if value is not None}
    return {"importer": name, "version": own, "source": source.url, "options": said}


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return list(map(_plain, value))
    return value if isinstance(value, bool | int | float) else str(value)
