"""Which plugins there are: vstore's own and those of other packages."""

from collections.abc import Iterator
from dataclasses import dataclass

from vstore.entry_points import Plugin, plugins
from vstore.errors import VstoreError
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
        yield _importer(name, DISTRIBUTION, __version__, finding.builtin(name))
    for plugin in plugins(finding.GROUP):
        yield _loaded(plugin)


def _loaded(plugin: Plugin) -> Listed:
    try:
        made = plugin.load(Importer)
    except VstoreError as exc:
        said = str(exc)
        return Listed("importer", plugin.name, plugin.package, plugin.version, error=said)
    return _importer(plugin.name, plugin.package, plugin.version, made)


def _importer(name: str, package: str, version: str, made: Importer) -> Listed:
    summary = (type(made).__doc__ or "").strip().split("\n")[0]
    options = tuple(
        Option("--" + each.replace("_", "-"), kind.__name__, default, said)
        for each, (kind, default, said) in made.options.items()
    )
    return Listed("importer", name, package, version, summary, options)
