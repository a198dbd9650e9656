"""What a source holds, as `vstore import --dry-run` shows it."""

import json
from typing import TYPE_CHECKING, Any

from rich.text import Text

from vstore.cli.output import console, write_json
from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.display import lines
    from vstore.importers import hierarchy, importing
    from vstore.plugins import Hierarchy, Rows
else:
    hierarchy = lazy("vstore.importers.hierarchy")
    importing = lazy("vstore.importers.importing")
    lines = lazy("vstore.display.lines")

_LOOKED_AT = 5


def look(found: "Rows | Hierarchy", *, limit: int | None, as_json: bool) -> None:
    """Show the columns and the first samples of a source, or its groups and arrays."""
    if isinstance(found, hierarchy.Hierarchy):
        _look_at_hierarchy(found, as_json=as_json)
        return
    samples = importing.first_samples(found, _LOOKED_AT if limit is None else limit)
    if as_json:
        write_json({"columns": columns_of(found), "keys": found.keys, "samples": samples})
        return
    screen = console()
    keys = "" if found.keys is None else f", keys {found.keys}"
    screen.print(Text(f"columns{keys}:"))
    for name, spec in found.columns.items():
        screen.print(Text(f"  {printable(name)}: {typed(spec)}"), soft_wrap=True)
    for sample in samples:
        said = ", ".join(f"{printable(name)} {lines.one_line(v)}" for name, v in sample.items())
        screen.print(Text(said), soft_wrap=True)


def _look_at_hierarchy(found: "Hierarchy", *, as_json: bool) -> None:
    arrays: dict[str, dict[str, Any]] = {
        path: {
            "dtype": str(array.dtype),
            "shape": list(array.shape),
            "dimension_names": array.dimension_names,
            "refused": array.refused,
        }
        for path, array in sorted(found.arrays.items())
    }
    if as_json:
        groups = sorted(found.groups)
        write_json({"arrays": arrays, "groups": groups, "left_out": dict(found.left_out)})
        return
    screen = console()
    screen.print("arrays:")
    for path, array in arrays.items():
        kind = array["refused"] or f"{array['dtype']}{array['shape']}"
        names = ", ".join(printable(name or "?") for name in array["dimension_names"] or ())
        said = f"  {printable(path)}: {kind}{f' ({names})' if names else ''}"
        screen.print(Text(said), soft_wrap=True)
    for path, reason in found.left_out.items():
        screen.print(Text(f"  {printable(path)}: {printable(reason)}, left out"), soft_wrap=True)


def columns_of(rows: "Rows") -> dict[str, Any]:
    """Return what each column holds, as a document says it."""
    return {
        name: {"dtype": str(spec.dtype), "shape": spec.shape, "kind": spec.info.kind_name}
        for name, spec in rows.columns.items()
    }


def typed(spec: Any) -> str:
    """Return what a column holds, as people read it."""
    kind = spec.info.kind
    optional = "?" if spec.info.optional else ""
    if not kind.is_told_by_dtype:
        mode = "" if spec.info.mode is None else f" {spec.info.mode}"
        return f"{kind.name}{mode}{optional}"
    shape = json.dumps(spec.shape) if spec.shape else ""
    return f"{spec.dtype}{shape}{optional}"
