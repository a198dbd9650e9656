"""What other packages add: found by entry points, loaded when it is needed."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from vstore.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Plugin:
    """An entry point of some package; nothing of it is imported before `load`."""

    name: str
    group: str
    package: str
    version: str
    point: metadata.EntryPoint

    def load(self, kind: type) -> Any:
        """Return an instance of what the entry point names, which must be of a kind.

        Raises:
            InvalidInputError: it cannot be imported, or is something else.
        """
        try:
            found = self.point.load()
            made = found() if isinstance(found, type) else found
        except Exception as exc:  # it is somebody else's code
            raise InvalidInputError(
                f"the plugin {self.name!r} of {self.package} {self.version} cannot be loaded: "
                f"{type(exc).__name__}: {exc}",
                code="broken-plugin",
                hint=f"repair or uninstall {self.package}",
                name=self.name,
            ) from exc
        if not isinstance(made, kind):
            raise InvalidInputError(
                f"the plugin {self.name!r} of {self.package} {self.version} is no "
                f"{kind.__name__}, but {made!r:.100}",
                code="broken-plugin",
                hint=f"repair or uninstall {self.package}",
                name=self.name,
            )
        return made


def plugins(group: str) -> Iterator[Plugin]:
    """Yield the plugins of a group in the order of their names; loads none."""
    for point in sorted(metadata.entry_points(group=group), key=lambda each: each.name):
        package, version = "?", "?"
        if point.dist is not None:
            package, version = point.dist.name, point.dist.version
        yield Plugin(point.name, group, package, version, point)
