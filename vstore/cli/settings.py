"""What the options of every command select: the repository, and how its commands run."""

import inspect
from collections.abc import Callable, Mapping
from contextlib import chdir, nullcontext
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import vstore
from vstore.cli.completion import complete_target
from vstore.cli.failure import reported
from vstore.cli.help_text import is_examples
from vstore.cli.shared_options import shared_options
from vstore.cli.target import Target, default_url, is_repository, parse_target
from vstore.errors import InvalidInputError, NotFoundError
from vstore.lazy import lazy

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from vstore.cli import config, logs
    from vstore.format.commit import Author
    from vstore.storage import location
else:
    config = lazy("vstore.cli.config")
    logs = lazy("vstore.cli.logs")
    location = lazy("vstore.storage.location")

_WITHOUT_NETWORK = {None, "file", "local", "memory"}

Revision = Annotated[
    str | None,
    typer.Option("--rev", metavar="REV", help="The revision. TARGET is then only a URL."),
]
TargetArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="TARGET",
        help="URL, URL@REV, @REV or REV (vstore help targets). Default: the default branch.",
        show_default=False,
        autocompletion=complete_target,
    ),
]
BranchTarget = Annotated[
    str | None,
    typer.Argument(
        metavar="TARGET",
        help="BRANCH, URL or URL@BRANCH. Default: the default branch.",
        show_default=False,
        autocompletion=complete_target,
    ),
]
AuthorOption = Annotated[
    str | None,
    typer.Option(
        "--author",
        metavar="'NAME <EMAIL>'",
        help="The commit's author. Default: $VSTORE_AUTHOR, Git's user, or the login name.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The values of the options that every command has."""

    repo: str | None = None
    directory: str | None = None
    as_json: bool = False
    quiet: bool = False
    verbosity: int = 0
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    timeout: float | None = None
    attempts: int | None = None
    unsafe_single_writer: bool = False
    offline: bool = False
    debug: bool = False

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is shown but the result: no progress, no report of success."""
        return self.quiet or self.as_json

    def address(self, url: str | None = None) -> str:
        """Return the address of `url`, else that of `--repo`, else the default one.

        A repository in the current directory comes before an alias of the same name.
        """
        given = url or self.repo or default_url()
        return given if is_repository(given) else config.expand_alias(given)

    def options_at(self, url: str) -> dict[str, Any]:
        """Return the storage options for an address: those given, and how long to wait there."""
        options = config.profile_options(url) | dict(self.storage_options)
        if location.scheme_of(url) in _WITHOUT_NETWORK and "::" not in url:
            return options
        if self.timeout is not None:
            options |= {"connect_timeout": self.timeout, "read_timeout": self.timeout}
        if self.attempts is not None:
            options["attempts"] = self.attempts
        return options

    def open(
        self, url: str | None = None, *, author: "Author | str | None" = None
    ) -> "vstore.Repository":
        """Open the repository at `url`, else the one of `--repo`, else the default one."""
        address = self.address(url)
        return vstore.open(
            address,
            storage_options=self.options_at(address),
            author=author,
            unsafe_single_writer=self.unsafe_single_writer,
            offline=self.offline,
            signatures=config.signature_settings(),
        )

    def open_target(
        self, text: str | None, revision: str | None = None, *, author: "Author | str | None" = None
    ) -> "tuple[vstore.Repository, str | None]":
        """Open what a TARGET names, and return the revision it names; None: the default."""
        target = self._target(text, revision)
        if target.url is None and self.repo is None and text is not None:
            return self._open_default(text, author), target.revision
        return self.open(target.url, author=author), target.revision

    def open_branch(
        self, text: str | None, *, author: "Author | str | None" = None
    ) -> "tuple[vstore.Repository, str]":
        """Open what a TARGET names, and return the branch it names, or the default one."""
        repo, branch = self.open_target(text, author=author)
        return repo, repo.default_branch if branch is None else branch

    def _target(self, text: str | None, revision: str | None) -> Target:
        if self.repo is not None and revision is not None and text is not None:
            raise InvalidInputError(f"{text!r} is not needed: --repo and --rev are given")
        if revision is not None:
            return Target(text, revision)
        if self.repo is not None:
            return Target(None, (text or "").removeprefix("@") or None)
        return parse_target(text)

    def _open_default(self, text: str, author: "Author | str | None") -> "vstore.Repository":
        try:
            return self.open(author=author)
        except InvalidInputError:
            raise InvalidInputError(
                f"{text!r} is not a repository",
                hint="to use it as a revision, pass --repo, set VSTORE_URL, or run inside a "
                "repository",
            ) from None


def command(body: Callable[..., None]) -> Callable[..., None]:
    """Turn `body(settings, ...)` into a command that has the shared options besides its own.

    The command's signature is the body's without its first parameter, followed by the shared
    options: Typer reads signatures. Errors inside are reported, not raised.
    """
    _, *own = inspect.signature(body).parameters.values()
    shared = list(inspect.signature(shared_options).parameters.values())

    @wraps(body)
    def run(**values: Any) -> None:
        given = {option.name: values.pop(option.name) for option in shared}
        settings = Settings(**shared_options(**given))
        with (
            reported(
                debug=settings.debug,
                storage_options=settings.storage_options,
                as_json=settings.as_json,
            ),
            _running_in(settings.directory),
            _logs_shown(settings),
        ):
            body(settings, **values)

    run.__doc__ = _unwrapped(body.__doc__ or "")
    run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
    return run


def _logs_shown(settings: Settings) -> "AbstractContextManager[None]":
    if not settings.verbosity:
        return nullcontext()
    return logs.logs_shown(settings.verbosity, settings.storage_options)


def _running_in(directory: str | None) -> "AbstractContextManager[None]":
    if directory is None:
        return nullcontext()
    if not Path(directory).is_dir():
        raise NotFoundError(f"there is no directory {directory!r}", code="file-not-found")
    return chdir(directory)


def _unwrapped(text: str) -> str:
    """Return text with each paragraph on one line, so that help fits any terminal.

    Examples stay apart, each on its line.
    """
    paragraphs = [
        [line.strip() for line in part.splitlines()]
        for part in inspect.cleandoc(text).split("\n\n")
    ]
    return "\n\n".join(("\n" if is_examples(lines) else " ").join(lines) for lines in paragraphs)
