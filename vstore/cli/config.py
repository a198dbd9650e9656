"""The user's configuration: a TOML file of authors, aliases of addresses, and profiles.

    [author]
    name = "Ann Lee"
    email = "ann@example.org"

    [alias]
    fashion = "s3://bucket/fashion"

    [profile.minio]
    prefix = "s3://bucket"
    endpoint_url = "http://localhost:9000"

    [signature]
    key = "~/.ssh/id_ed25519"
    allowed_signers = "~/.config/vstore/allowed_signers"
    sign = true
    require = "heads"

An option of a command line comes before the environment, and that before this file. Secrets
are refused: they belong in the environment, or in the files of the SDKs.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from vstore.errors import InvalidInputError, NotFoundError
from vstore.signing.settings import UNSIGNED, SignatureSettings

FILE_VARIABLE = "VSTORE_CONFIG"
AUTHOR, ALIAS, PROFILE, PREFIX = "author", "alias", "profile", "prefix"
SIGNATURE = "signature"

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_SECRET = re.compile(r"secret|token|passw|sas|credential|connection_string|(^|_)key", re.IGNORECASE)
_SIGNATURE_SETTINGS = {
    "key": str,
    "allowed_signers": str,
    "revoked": str,
    "sign": bool,
    "require": str,
    "program": str,
}
_HEADER = re.compile(r"\s*\[(?P<name>[^\[\]]+)\]\s*(#.*)?")
_MEMBER = re.compile(r"\s*(?P<name>[A-Za-z0-9_-]+)\s*=")


def config_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the file is: `$VSTORE_CONFIG`, or in the platform's configuration folder."""
    given = environment.get(FILE_VARIABLE)
    return Path(given) if given else Path(typer.get_app_dir("vstore")) / "config.toml"


def read_config() -> dict[str, Any]:
    """Return what the file says; nothing if there is none.

    Raises:
        InvalidInputError: it cannot be read, or is not TOML.
    """
    path = config_path()
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInputError(f"the configuration in {path} cannot be read: {error}") from None


def settings_in(config: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the settings of a configuration, named like `alias.fashion`.

    >>> list(settings_in({"alias": {"fashion": "s3://bucket/fashion"}}))
    [('alias.fashion', 's3://bucket/fashion')]
    """
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from settings_in(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def change(name: str, value: Any | None) -> None:
    """Set a setting, or remove it where the value is None; comments and the rest stay.

    Raises:
        InvalidInputError: there is no such setting, it holds a secret, or the file has a form
            in which it cannot be changed by a line.
        NotFoundError: it is to be removed, and is not there.
    """
    _check(name)
    path = config_path()
    before = read_config()
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if value is None and name not in dict(settings_in(before)):
        raise NotFoundError(f"{name!r} is not set in {path}")
    lines = _changed(text.split("\n"), name, None if value is None else _toml(value))
    after = "\n".join(lines).strip("\n") + "\n"
    found = dict(settings_in(tomllib.loads(after)))
    wanted = {key: held for key, held in settings_in(before) if key != name}
    if found != wanted | ({} if value is None else {name: value}):
        raise InvalidInputError(f"{name!r} cannot be changed by a line of {path}: edit the file")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(after, encoding="utf-8")
    os.replace(temporary, path)


def expand_alias(address: str) -> str:
    """Return the address that an alias stands for; any other text as it is."""
    if not _NAME.fullmatch(address):
        return address
    found = read_config().get(ALIAS, {}).get(address)
    return found if isinstance(found, str) else address


def profile_options(address: str) -> dict[str, Any]:
    """Return the storage options of the profiles whose prefix an address begins with."""
    options: dict[str, Any] = {}
    profiles = read_config().get(PROFILE, {})
    matching = [each for each in profiles.values() if _is_below(address, each.get(PREFIX))]
    for profile in sorted(matching, key=lambda each: len(each[PREFIX])):
        options |= {name: value for name, value in profile.items() if name != PREFIX}
    return options


def configured_author() -> tuple[str, str]:
    """Return the name and the email of the configured author; empty where they are not set."""
    author = read_config().get(AUTHOR, {})
    return str(author.get("name", "")), str(author.get("email", ""))


def signature_settings() -> SignatureSettings:
    """Return with which key commits are signed, and whose signatures are believed.

    Raises:
        InvalidInputError: a setting has another type than it must, or they do not fit together.
    """
    found = read_config().get(SIGNATURE)
    if not found:
        return UNSIGNED
    path = config_path()
    if not isinstance(found, Mapping):
        raise InvalidInputError(f"{SIGNATURE!r} in {path} must be a table")
    for name, value in found.items():
        kind = _SIGNATURE_SETTINGS.get(name)
        if kind is None or type(value) is not kind:
            what = "unknown" if kind is None else f"{value!r}, which is no {kind.__name__}"
            raise InvalidInputError(f"{SIGNATURE}.{name} in {path} is {what}")
    return SignatureSettings(**found)


def _is_below(address: str, prefix: Any) -> bool:
    if not isinstance(prefix, str) or not prefix:
        return False
    above = prefix.rstrip("/")
    return address == above or address.startswith(f"{above}/") or prefix.endswith("://")


def _check(name: str) -> None:
    """Refuse a setting that does not exist, or that would hold a secret."""
    section, *rest = name.split(".")
    is_known = (
        (section == AUTHOR and rest in (["name"], ["email"]))
        or (section == ALIAS and len(rest) == 1)
        or (section == PROFILE and len(rest) == 2)
        or (section == SIGNATURE and len(rest) == 1 and rest[0] in _SIGNATURE_SETTINGS)
    )
    if not is_known or not all(map(_NAME.fullmatch, rest)):
        raise InvalidInputError(
            f"there is no setting {name!r}",
            hint="set author.name, author.email, alias.NAME, profile.NAME.prefix, "
            f"profile.NAME.OPTION or signature.{{{','.join(_SIGNATURE_SETTINGS)}}}",
        )
    if section == PROFILE and _SECRET.search(rest[1]):
        raise InvalidInputError(
            f"{name!r} looks like a secret, which is not stored here",
            hint="set it in the environment, or in the SDK's own files",
        )


def _changed(lines: list[str], name: str, value: str | None) -> list[str]:
    """Return the lines of a file with a setting set or removed, in the table of its name."""
    table, _, member = name.rpartition(".")
    new = [] if value is None else [f"{member} = {value}"]
    here, last = "", None
    for number, line in enumerate(lines):
        header, found = _HEADER.fullmatch(line), _MEMBER.match(line)
        if header is not None:
            here = header["name"].replace(" ", "")
        if here == table:
            last = number
            if found is not None and found["name"] == member:
                return [*lines[:number], *new, *lines[number + 1 :]]
    if last is None:
        return [*lines, "", f"[{table}]", *new]
    while not lines[last].strip():
        last -= 1
    return [*lines[: last + 1], *new, *lines[last + 1 :]]


def _toml(value: Any) -> str:
    """Return a scalar in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    escaped = "".join(
        f"\\u{ord(char):04x}" if char < " " or char in '"\\\x7f' else char for char in str(value)
    )
    return f'"{escaped}"'
