"""Verifying chunks that stay in files elsewhere, as far as these may be read."""

from collections.abc import Iterator, Mapping
from itertools import islice

from vstore.errors import CorruptionError, FormatError, NotFoundError, StorageError
from vstore.format import object_keys
from vstore.format.digest import Digest
from vstore.format.page import ChunkRef, PackRef
from vstore.format.source import SourceFiles
from vstore.maintenance.fsck.chunk_rows import ChunksByPack
from vstore.maintenance.fsck.findings import Findings
from vstore.reading.sources import Sources

_BATCH = 256
_UNREADABLE = (CorruptionError, NotFoundError, StorageError)


def check_sources(sources: Sources, chunks: ChunksByPack, findings: Findings) -> None:
    """Read the chunks of every source whose files are at trusted places, and report wrong ones."""
    for digest in chunks.numbers:
        pack = PackRef(digest, 0, is_source=True)
        refs = [ChunkRef(pack, each.offset, each.nbytes, each.digest) for each in chunks.of(digest)]
        if not refs:
            continue  # a pack next to sources
        try:
            files = sources.files(pack)
        except _UNREADABLE:
            continue  # reported where the pack was compared with the listing
        except FormatError as exc:
            findings.report(object_keys.pack(digest), "malformed", str(exc))
            continue
        _report(digest, _bad(sources, files, refs), findings)


def _bad(sources: Sources, files: SourceFiles, refs: list[ChunkRef]) -> dict[str, list[ChunkRef]]:
    """Return the chunks that cannot be read as they were, by file."""
    bad: dict[str, list[ChunkRef]] = {}
    trusted: list[ChunkRef] = []
    for ref in refs:
        place = files.find(ref.offset, ref.nbytes)
        if place is None:
            bad.setdefault("no file of it", []).append(ref)
        elif sources.is_trusted(place.url):
            trusted.append(ref)
    for ref in _wrong(sources, iter(trusted)):
        bad.setdefault(sources.place(ref).url, []).append(ref)
    return bad


def _wrong(sources: Sources, refs: Iterator[ChunkRef]) -> Iterator[ChunkRef]:
    """Yield the chunks that cannot be read as they were."""
    while batch := dict(enumerate(islice(refs, _BATCH))):
        if not _is_sound(sources, batch):
            yield from (ref for ref in batch.values() if not _is_sound(sources, {0: ref}))


def _is_sound(sources: Sources, refs: Mapping[int, ChunkRef]) -> bool:
    try:
        sources.read(refs, lambda _, __: None)
    except _UNREADABLE:
        return False
    return True


def _report(digest: Digest, bad: Mapping[str, list[ChunkRef]], findings: Findings) -> None:
    if not bad:
        return
    said = (f"{len(refs):,} chunks are not what they were in {url}" for url, refs in bad.items())
    findings.report(object_keys.pack(digest), "chunk", "; ".join(said))
    findings.add_bad_chunks(
        (digest, ref.offset, Digest(ref.digest.hex())) for refs in bad.values() for ref in refs
    )
