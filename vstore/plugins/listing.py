"""Which plugins there are: vstore's own and those of other packages."""

from collections.abc import Iterator
from dataclasses import dataclass

from vstore.display import viewers
from vstore.entry_points import VIEWERS, Plugin, plugins
from vstore.errors import MissingExtraError, VstoreError
from vstore.exporters import exporting
from vstore.exporters.exporter import Exporter
from vstore.importers import finding
from vstore.importers.importer import Importer
from vstore.version import DISTRIBUTION, __version__


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a plugin, as the command line has it."""

    name: str
    type: str
    default: object
    help: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A plugin: what it does, whose it is, and why it cannot be loaded if it cannot."""

    kind: str
    name: str
    package: str
    version: str
    summary: str = ""
    options: tuple[Option, ...] = ()
    error: str | None = None


def listed() -> Iterator[Listed]:
    """Yield all plugins, vstore's own first. They are loaded, and errors told."""
    for name in finding.BUILTIN:
        yield _listed("importer", name, DISTRIBUTION, __version__, finding.builtin(name))
    for plugin in plugins(finding.GROUP):
        yield _loaded("importer", plugin, Importer)
    for name in exporting.BUILTIN:
        try:
            made = exporting.named(name)
        except MissingExtraError as exc:
            yield Listed("exporter", name, DISTRIBUTION, __version__, error=str(exc))
            continue
        yield _listed("exporter", name, DISTRIBUTION, __version__, made)
    for plugin in plugins(exporting.GROUP):
        yield _loaded("exporter", plugin, Exporter)
    for plugin in plugins(VIEWERS):
        yield _loaded("viewer", plugin, viewers.Viewer)


def _loaded(kind: str, plugin: Plugin, expected: type) -> Listed:
    try:
        made = plugin.load(expected)
    except VstoreError as exc:
        return Listed(kind, plugin.name, plugin.package, plugin.version, error=str(exc))
    return _listed(kind, plugin.name, plugin.package, plugin.version, made)


def _listed(
    kind: str, name: str, package: str, version: str, made: Importer | Exporter | viewers.Viewer
) -> Listed:
    summary = (type(made).__doc__ or "").strip().split("\n")[0]
    options = tuple(
        Option("--" + each.replace("_", "-"), type_.__name__, default, said)
        for each, (type_, default, said) in getattr(made, "options", {}).items()
    )
    return Listed(kind, name, package, version, summary, options)
