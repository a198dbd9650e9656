"""What is installed next to vstore, for reports of bugs."""

import platform
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires
from importlib.metadata import version as version_of
from typing import Any

from vstore.version import DISTRIBUTION, __version__

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")
_FOR_DEVELOPERS = {"bench", "dev", "docs", "examples", "lint", "package", "test", "testing"}


@dataclass(frozen=True, slots=True)
class Installed:
    """Versions by package; None where a package is not installed."""

    vstore: str
    python: str
    platform: str
    dependencies: Mapping[str, str | None]
    extras: Mapping[str, Mapping[str, str | None]]

    def to_dict(self) -> dict[str, Any]:
        """Return the versions as plain JSON values."""
        return asdict(self)


def installed() -> Installed:
    """Return the versions of vstore, Python, the platform, and what vstore can use."""
    dependencies: dict[str, str | None] = {}
    extras: dict[str, dict[str, str | None]] = {}
    for requirement in _requirements():
        name = requirement.package
        if requirement.extra is None:
            dependencies[name] = _find_version(name)
        elif requirement.extra not in _FOR_DEVELOPERS and name != DISTRIBUTION:
            extras.setdefault(requirement.extra, {})[name] = _find_version(name)
    return Installed(
        vstore=__version__,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        platform=platform.platform(),
        dependencies=dependencies,
        extras=extras,
    )


@dataclass(frozen=True, slots=True)
class _Requirement:
    package: str
    extra: str | None


def _requirements() -> list[_Requirement]:
    """Return what the package declares; nothing where it runs from its source alone."""
    try:
        declared = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        return []
    found = []
    for text in declared:
        name, extra = _NAME.match(text), _EXTRA.search(text)
        if name is not None:
            found.append(_Requirement(name[0], None if extra is None else extra[1]))
    return found


def _find_version(package: str) -> str | None:
    try:
        return version_of(package)
    except PackageNotFoundError:
        return None
