"""What other packages add: found by entry points, loaded when it is needed."""

import warnings
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final, Protocol, TypeVar

from vstore.errors import InvalidInputError


class Fitting(Protocol):
    """A plugin that says whether it is meant."""

    def fits(self, subject: Any, /) -> bool:
        """Return whether this one is for something."""


Fit = TypeVar("Fit", bound=Fitting)

VIEWERS: Final = "vstore.viewers"
"""The group of entry points by which packages add viewers."""


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


def plugins_that_fit(
    group: str, kind: type[Fit], subject: Any, *, what: str, leave_out: Container[str] = ()
) -> Iterator[tuple[str, Fit]]:
    """Yield the plugins of a group that fit something, with their names.

    One that cannot be loaded, or fails when it is asked, is passed over with a `RuntimeWarning`.

    Args:
        group: their entry points' group.
        kind: what each must be; its `fits` is asked.
        subject: what it is asked about.
        what: the word for such a plugin.
        leave_out: names that are not asked.
    """
    for plugin in plugins(group):
        if plugin.name in leave_out:
            continue
        try:
            found: Fit = plugin.load(kind)
        except InvalidInputError as exc:
            warnings.warn(f"passed over: {exc}", RuntimeWarning, stacklevel=3)
            continue
        try:
            is_meant = bool(found.fits(subject))
        except Exception as exc:  # noqa: BLE001 - it is somebody else's code
            said = f"passed over: the {what} {plugin.name!r} failed: {type(exc).__name__}: {exc}"
            warnings.warn(said, RuntimeWarning, stacklevel=3)
            continue
        if is_meant:
            yield plugin.name, found


def checked_options(
    plugin: str, known: Mapping[str, tuple[Any, ...]], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the options of a plugin, those that were not given at their defaults.

    Args:
        plugin: what the plugin is called in errors.
        known: the type, the default and the help of each option, by name.
        given: the values that were given, by name.

    Raises:
        InvalidInputError: an option that it does not have, or of another type.
    """
    for option, value in given.items():
        if option not in known:
            has = f"it has {', '.join(map(_spelled, sorted(known)))}" if known else "it has none"
            raise InvalidInputError(f"the {plugin} has no option {_spelled(option)}; {has}")
        if value is not None and not isinstance(value, _taken(known[option][0])):
            raise InvalidInputError(
                f"the option {_spelled(option)} of the {plugin} is a {known[option][0].__name__}, "
                f"not {value!r}"
            )
    return {option: given.get(option, default) for option, (_, default, *_) in known.items()}


def _spelled(option: str) -> str:
    return "--" + option.replace("_", "-")


def _taken(kind: type) -> tuple[type, ...]:
    return {float: (int, float), list: (list, tuple)}.get(kind, (kind,))
