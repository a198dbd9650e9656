"""The options that every command has, and the repository they select."""

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

import vstore
from vstore.cli.failure import reported
from vstore.cli.storage_options import parse_options
from vstore.cli.target import Target, default_url, parse_target
from vstore.errors import InvalidInputError

if TYPE_CHECKING:
    from vstore.format.commit import Author

DEBUG_VARIABLE = "VSTORE_DEBUG"
_PANEL = "Repository and output"

Revision = Annotated[
    str | None,
    typer.Option("--rev", metavar="REV", help="The revision. TARGET is then only a URL."),
]
TargetArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="TARGET",
        help="URL, URL@REV, @REV or REV: a branch, a tag, a commit id or its unique prefix, "
        "followed by ~n or ^n if needed. Default: the head of the default branch.",
        show_default=False,
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
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    unsafe_single_writer: bool = False
    as_json: bool = False
    debug: bool = False

    def open(
        self, url: str | None = None, *, author: "Author | str | None" = None
    ) -> "vstore.Repository":
        """Open the repository at `url`, else the one of `--repo`, else the default one."""
        return vstore.open(
            url or self.repo or default_url(),
            storage_options=self.storage_options,
            author=author,
            unsafe_single_writer=self.unsafe_single_writer,
        )

    def open_target(
        self, text: str | None, revision: str | None
    ) -> "tuple[vstore.Repository, str | None]":
        """Open what a TARGET names, and return the revision it names; None: the default."""
        target = self._target(text, revision)
        if target.url is None and self.repo is None and text is not None:
            return self._open_default(text), target.revision
        return self.open(target.url), target.revision

    def _target(self, text: str | None, revision: str | None) -> Target:
        if self.repo is not None and revision is not None and text is not None:
            raise InvalidInputError(f"{text!r} is not needed: --repo and --rev are given")
        if revision is not None:
            return Target(text, revision)
        if self.repo is not None:
            return Target(None, (text or "").removeprefix("@") or None)
        return parse_target(text)

    def _open_default(self, text: str) -> "vstore.Repository":
        try:
            return self.open()
        except InvalidInputError:
            raise InvalidInputError(
                f"{text!r} is not a repository",
                hint="to use it as a revision, pass --repo, set VSTORE_URL, or run inside a "
                "repository",
            ) from None


def _shared(
    *,
    repo: Annotated[
        str | None,
        typer.Option(
            "--repo",
            "-R",
            metavar="URL",
            help="The repository. Default: $VSTORE_URL, or the current directory.",
            rich_help_panel=_PANEL,
            show_default=False,
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="NAME=VALUE",
            help="A storage option, named as in fsspec (repeatable).",
            rich_help_panel=_PANEL,
            show_default=False,
        ),
    ] = None,
    unsafe_single_writer: Annotated[
        bool,
        typer.Option(
            "--unsafe-single-writer",
            help="Write to a store without conditional writes. Nothing else may write to it.",
            rich_help_panel=_PANEL,
        ),
    ] = False,
    json: Annotated[
        bool,
        typer.Option("--json", help="Write one JSON document.", rich_help_panel=_PANEL),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=_PANEL),
    ] = False,
) -> Settings:
    return Settings(
        repo=repo,
        storage_options=parse_options(option or ()),
        unsafe_single_writer=unsafe_single_writer,
        as_json=json,
        debug=debug or bool(os.environ.get(DEBUG_VARIABLE)),
    )


def command(body: Callable[..., None]) -> Callable[..., None]:
    """Turn `body(settings, ...)` into a command that has the shared options besides its own.

    The command's signature is the body's without its first parameter, followed by the shared
    options: Typer reads signatures. Errors inside are reported, not raised.
    """
    _, *own = inspect.signature(body).parameters.values()
    shared = list(inspect.signature(_shared).parameters.values())

    @wraps(body)
    def run(**values: Any) -> None:
        settings = _shared(**{option.name: values.pop(option.name) for option in shared})
        with reported(debug=settings.debug, storage_options=settings.storage_options):
            body(settings, **values)

    run.__doc__ = _unwrapped(body.__doc__ or "")
    run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
    return run


def _unwrapped(text: str) -> str:
    """Return text with each paragraph on one line, so that help fits any terminal."""
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n"))
