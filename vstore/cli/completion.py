"""What a shell completes: names of branches, tags, tables and columns.

Names are looked up when a shell asks for them, on this machine only: a repository on a
network would make a key press wait.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from vstore.errors import VstoreError
from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore.cli import target as targets
else:
    targets = lazy("vstore.cli.target")

_MOST = 1000
"""Enough names for a shell to list; a repository may have more."""


def complete_target(ctx: Any, incomplete: str) -> list[str]:
    """Return the targets that begin with what was typed: repositories, branches and tags."""
    address, at, _ = incomplete.rpartition("@")
    before = f"{address}@" if at else ""
    folder = _folder(address or None, ctx)
    names = [f"{before}{name}" for name in _refs(folder)] if folder is not None else []
    return _beginning(incomplete, [*([] if at else _repositories(incomplete)), *names])


def complete_branch(ctx: Any, incomplete: str) -> list[str]:
    """Return the branches that begin with what was typed."""
    folder = _folder(None, ctx)
    return [] if folder is None else _beginning(incomplete, _names(folder / "refs" / "branches"))


def complete_tag(ctx: Any, incomplete: str) -> list[str]:
    """Return the tags that begin with what was typed."""
    folder = _folder(None, ctx)
    return [] if folder is None else _beginning(incomplete, _names(folder / "refs" / "tags"))


def complete_revision(ctx: Any, incomplete: str) -> list[str]:
    """Return the branches and tags that begin with what was typed."""
    folder = _folder(None, ctx)
    return [] if folder is None else _beginning(incomplete, _refs(folder))


def complete_path(ctx: Any, incomplete: str) -> list[str]:
    """Return the tables, groups and arrays at the path that was typed so far."""
    with suppress(VstoreError, OSError):
        target = targets.parse_target(ctx.params.get("target"))
        if _folder(target.url, ctx) is None:
            return []
        repo = vstore_open(target.url or _given(ctx) or targets.default_url())
        above = incomplete.rpartition("/")[0]
        snapshot = repo.checkout(target.revision)
        node = snapshot[above] if above else snapshot
        return _beginning(incomplete, [f"{above}/{name}".lstrip("/") for name in node.keys()])  # noqa: SIM118 - a table's names are its columns
    return []


def vstore_open(url: str) -> Any:
    """Open a repository; the library is imported for the names of tables and columns only."""
    return lazy("vstore.repository.opening").open(url)


def _folder(url: str | None, ctx: Any) -> Path | None:
    """Return the folder of a repository on this machine; None if it is elsewhere or none."""
    with suppress(VstoreError, OSError):
        address = url or _given(ctx) or targets.default_url()
        if targets.is_repository(address):
            return Path(address).expanduser()
    return None


def _given(ctx: Any) -> str | None:
    found: str | None = ctx.params.get("repo")
    return found


def _refs(folder: Path) -> Iterator[str]:
    yield from _names(folder / "refs" / "branches")
    yield from _names(folder / "refs" / "tags")


def _names(folder: Path) -> Iterator[str]:
    """Yield the names of refs, without reading any: they are the names of files."""
    for path in sorted(folder.rglob("*.json"))[:_MOST]:
        yield unquote(path.relative_to(folder).as_posix().removesuffix(".json"))


def _repositories(incomplete: str) -> Iterator[str]:
    """Yield the directories that hold a repository, then those that may lead to one."""
    above, slash, _ = incomplete.rpartition("/")
    folder = Path(f"{above}/" if slash else ".").expanduser()
    found = [path for path in _listed(folder) if path.is_dir() and path.name[0] != "."]
    for path in sorted(found, key=lambda path: (not targets.is_repository(str(path)), path.name)):
        name = f"{above}{slash}{path.name}"
        yield name if targets.is_repository(str(path)) else f"{name}/"


def _listed(folder: Path) -> Iterable[Path]:
    try:
        return list(folder.iterdir())[:_MOST]
    except OSError:
        return []


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
