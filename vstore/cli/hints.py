"""What to do about an error, in commands: the library's own hints are in Python.

A hint is chosen by the error's code and filled with the error's fields. Codes that are not
listed have hints that read the same in both, and those are shown as they are.
"""

import shlex
from collections.abc import Mapping

from vstore.errors import VstoreError

HINTS: Mapping[str, str | None] = {
    "array-not-held": "choose arrays with --select, or leave this one out with --on-error skip",
    "audio-not-taken": None,
    "blosc-threads": None,
    "branch-deleted": "restore it with `vstore undo {name}`, and try again",
    "branch-was-deleted": "restore it with `vstore undo {name}`",
    "branch-of-remote": (
        "commit to a branch of your own, made with `vstore branch create NEW {name}`"
    ),
    "branch-not-found": (
        "list the branches with `vstore branch list`, or create it with `vstore branch create "
        "{name}`"
    ),
    "branch-not-merged": (
        "merge or tag them first, or delete it anyway with `vstore branch delete --force {name}`"
    ),
    "broken-transaction": None,
    "chunk-written-twice": None,
    "column-not-exported": "choose others with --columns, or another format: .parquet holds most",
    "default-branch": "set it to another commit instead, with vstore reset",
    "column-not-optional": None,
    "column-to-rename": "give the column another name: --rename {name}=NAME",
    "commit-is-read-only": None,
    "damaged-object": "restore it from a copy with `vstore fsck --full --repair-from COPY`",
    "field-of-another-type": 'give a schema, such as --schema FILE with {{"{field}": "text"}}',
    "finished-transaction": None,
    "folder-of-others": None,
    "gc-is-deleting": "try again when it is over; if it was killed, finish it with `vstore gc`",
    "gc-running": "try again in ten minutes, or if it is dead, with `vstore gc --take-over`",
    "group-not-empty": None,
    "image-not-taken": (
        "say what pixels are: --mode RGBA for colors, --mode P for the ids of palettes; or leave "
        "such images out with --on-error skip"
    ),
    "journal-not-resumed": None,
    "key-exists": "leave out what is there with --skip-existing, or replace it with --update",
    "lossy-conversion": None,
    "lossy-masks": None,
    "invalid-condition": None,
    "lost-refs": (
        "create them again where they were, or if they were removed on purpose, say so with "
        "`vstore gc --accept-lost-refs`"
    ),
    "masked-values": None,
    "missing-keys": "give one for each sample with --keys",
    "missing-positions": None,
    "missing-samples": None,
    "source-not-allowed": "read it in Python, where you say which places may be read",
    "no-conditional-writes": "if only one process ever writes there, give --unsafe-single-writer",
    "no-credentials": (
        "set them in the environment, or give --option NAME=VALUE; `--option anon=true` reads "
        "a public bucket"
    ),
    "no-files": None,
    "no-hierarchy": "import them into a table, with --table",
    "no-guarantee": (
        "see what it does with `vstore doctor {url}`; another server or a newer version of "
        "this one may help"
    ),
    "another-repository": (
        "if the repository moved, change the address with vstore remote set-url; if it was made "
        "again, add it as another remote"
    ),
    "changed-since-copied": (
        "discard the changes with --discard-changes, or copy it to another path"
    ),
    "not-copied": "copy it with vstore copy and --replace",
    "no-allowed-signers": (
        "write a file with a line for each key, whose it is and the public key, and name it with "
        "`vstore config signature.allowed_signers FILE` or --allowed-signers"
    ),
    "no-signing-key": "give one with --key FILE, or `vstore config signature.key FILE`",
    "not-signed": (
        "ask its author to sign it, or bring signatures that were made later with "
        "vstore fetch --signatures"
    ),
    "bad-signature": None,
    "untrusted-signature": "add the key to the allowed signers if you know whose it is",
    "no-public-address": (
        "say where browsers find the data, with an address that begins with https://"
    ),
    "no-such-class": "choose other columns with --columns",
    "not-here": "fetch it with `vstore fetch-data --only {path}`",
    "part-of-a-table": None,
    "no-keys": "add the samples with --append",
    "not-texts": None,
    "path-exists": (
        "add to a table with --append, replace its samples with --update, or choose another --table"
    ),
    "pending-deletion": "cancel the deletion first with `vstore gc --cancel`",
    "policy-keep": "leave --expire out",
    "policy-metadata": "give it, as in --metadata {member}=VALUE",
    "policy-protected": (
        "add a commit that undoes what is wrong with vstore revert, or lift the protection with "
        "`vstore policy set --unset protect-branch --unset protect-tag`"
    ),
    "policy-purge": "see who may with `vstore policy show`",
    "policy-signature": (
        "name your key with `vstore config signature.key FILE`, and sign every commit with "
        "`vstore config signature.sign true`"
    ),
    "remote-unreachable": "try again when it can be reached",
    "read-does-not-pickle": None,
    "lease-broken": (
        "fetch it with `vstore fetch`, look at what it has, and give the commit that it is at now"
    ),
    "non-fast-forward": "fetch and merge its commits with `vstore pull`, then push again",
    "remote-not-found": (
        "list the remotes with `vstore remote list`, or add it with `vstore remote add {name} URL`"
    ),
    "remote-exists": "change its address with `vstore remote set-url {name} URL`",
    "remote-promises": "get it first with `vstore fetch-data --all-history`, for each branch",
    "remote-without-name": "add it with `vstore remote add NAME URL`",
    "unrelated": "check the addresses, or push anyway with --unrelated",
    "repository-exists": None,
    "repository-not-found": "check the address, or create a repository with `vstore init {url}`",
    "sample-without-path": None,
    "samples-differ-in-size": None,
    "secret-in-url": "give credentials and other options with --option NAME=VALUE",
    "several-columns": "choose one with --columns",
    "several-importers": "choose one of them, as in --with {name}",
    "stale-listing": "check the store with `vstore doctor {url}`",
    "tag-exists": "choose another name, or delete it first with `vstore tag delete {name}`",
    "tag-not-found": (
        "list the tags with `vstore tag list`, or create it with `vstore tag create {name}`"
    ),
    "target-exists": "export to another place, or replace it with --force",
    "text-in-number-column": None,
    "time-without-zone": None,
    "undecodable-audio": None,
    "undecodable-image": None,
    "unexpected-keys": "leave --keys out",
    "unknown-field": "describe it in a file for --schema",
    "unknown-format": "choose an importer with --with NAME; `vstore plugins` lists them",
    "unsafe-name": "give --escape-names, which writes such characters as %XX",
    "unsupported-dtype": None,
    "unsupported-tensor": None,
    "wrong-region": (
        "set AWS_DEFAULT_REGION to its region, or give `--option client_kwargs.region_name=eu-"
        "west-1`"
    ),
}
"""By code, with the fields of the error in braces; None: there is no advice for a command."""


def hint_of(error: VstoreError) -> str | None:
    """Return what to do about an error, in commands; None if there is nothing to advise."""
    if error.code not in HINTS:
        return error.hint
    hint = HINTS[error.code]
    if hint is None:
        return None
    return hint.format_map({name: shlex.quote(str(at)) for name, at in error.fields.items()})
