"""Commits as text and as JSON."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from rich.text import Text

from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.format import commit as documents
    from vstore.format.commit import Changes
    from vstore.format.digest import Digest
    from vstore.history.commits import Commit
    from vstore.repository.repository import Repository
else:
    documents = lazy("vstore.format.commit")

SHORT = 12
Names: TypeAlias = "Mapping[Digest, list[Text]]"
"""The branches and tags that point at a commit."""


def commit_json(commit: "Commit") -> dict[str, Any]:
    """Return a commit as plain values."""
    return {
        "id": commit.id,
        "parents": list(commit.parents),
        "author": {"name": commit.author.name, "email": commit.author.email},
        "time": documents.format_time(commit.time),
        "message": commit.message,
        "metadata": dict(commit.metadata),
        "changes": {path: changes_json(change) for path, change in commit.changes.items()},
    }


def changes_json(changes: "Changes") -> dict[str, Any]:
    """Return how much a commit changed at one path as plain values."""
    return {
        "added": changes.added,
        "changed": changes.changed,
        "removed": changes.removed,
        "schema": changes.schema,
    }


def ref_names(repo: "Repository") -> "dict[Digest, list[Text]]":
    """Return the names of all branches and tags by commit; a request for each."""
    found: dict[Digest, list[Text]] = {}
    for name in repo.branches:
        found.setdefault(repo.branches[name], []).append(Text(printable(name), "bold green"))
    for tag in repo.tags.documents():
        about = "; ".join(metadata_lines(tag.metadata))
        said = f"tag: {tag.name} [{about}]" if about else f"tag: {tag.name}"
        label = Text(printable(said), "bold yellow")
        found.setdefault(cast("Digest", tag.commit), []).append(label)
    return found


def metadata_lines(metadata: Mapping[str, Any]) -> Iterator[str]:
    """Yield metadata as they are shown, a line for each member.

    >>> list(metadata_lines({"ticket": "DATA-7", "reviewers": 2}))
    ['ticket = "DATA-7"', 'reviewers = 2']
    """
    for name, value in metadata.items():
        yield f"{name} = {json.dumps(value, ensure_ascii=False)}"


def one_line(commit: "Commit", names: Names) -> Text:
    """Return a commit as `8749795ff5b6 (main) Add the training set`."""
    return Text(" ").join(
        [Text(commit.id[:SHORT], "yellow"), *_decoration(commit, names), Text(subject(commit))]
    )


def subject(commit: "Commit") -> str:
    """Return the first line of a commit's message."""
    return printable(commit.message.split("\n", 1)[0])


def paragraph(commit: "Commit", names: Names) -> Text:
    """Return a commit as `git log` shows one, with what it changed."""
    lines = [Text(" ").join([Text(f"commit {commit.id}", "yellow"), *_decoration(commit, names)])]
    if len(commit.parents) > 1:
        lines.append(Text("Merge:  " + " ".join(parent[:SHORT] for parent in commit.parents)))
    lines.append(Text(f"Author: {printable(str(commit.author))}"))
    lines.append(Text(f"Date:   {commit.time:%Y-%m-%d %H:%M:%S} UTC"))
    lines += [Text(f"Meta:   {printable(line)}") for line in metadata_lines(commit.metadata)]
    lines.append(Text())
    lines += [Text(f"    {printable(line)}".rstrip()) for line in commit.message.splitlines()]
    if commit.changes:
        lines.append(Text())
        lines += _changes(commit)
    return Text("\n").join(lines)


def _decoration(commit: "Commit", names: Names) -> Iterator[Text]:
    found = names.get(commit.id)
    if found:
        yield Text.assemble("(", Text(", ").join(found), ")", style="yellow")


def _changes(commit: "Commit") -> Iterator[Text]:
    width = max(map(len, commit.changes))
    for path, changes in sorted(commit.changes.items()):
        counts = [
            Text(f"{count:,} {word}", style)
            for count, word, style in (
                (changes.added, "added", "green"),
                (changes.changed, "changed", "cyan"),
                (changes.removed, "removed", "red"),
            )
            if count
        ]
        if changes.schema:
            counts.append(Text("schema", "magenta"))
        yield Text.assemble(f"    {printable(path):{width}}  ", Text(", ").join(counts))
