"""Folders of sounds: the file of each, its rate, and its class or labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from vstore.errors import FormatError, InvalidInputError
from vstore.format.table.sounds import DTYPES, AudioInfo, Held, audio_format, audio_info
from vstore.format.table.specs import audio, ndarray
from vstore.importers.folders import LABEL_OPTIONS
from vstore.importers.importer import Importer, Option, Rows
from vstore.importers.labels import Known, by_folder, by_table
from vstore.importers.media import SUFFIXES, is_webdataset, main_kind
from vstore.importers.source import Source, SourceFile

_PATTERNS = tuple(f"*{suffix}" for suffix in sorted(SUFFIXES["audio"]))
_INFERRED_FROM = 10_000
_HEAD_NBYTES = 12
_HEADER_NBYTES = 2**16


class Sounds(Importer):
    """WAV, FLAC, Ogg, MP3 and AIFF files: a sound each, its rate, and its class or labels."""

    options: ClassVar[Mapping[str, Option]] = {
        **LABEL_OPTIONS,
        "dtype": (str, None, "int16, int32, float32 or float64; as the first files need if not"),
        "channels": (int, None, "how many all sounds have; they may differ if it is not given"),
    }

    def fits(self, source: Source) -> bool:
        """Return whether most files are sounds by their names, and one of them by its bytes."""
        if main_kind(source) != "audio" or is_webdataset(source):
            return source.is_file and audio_format(source.head(_HEAD_NBYTES)) is not None
        files = islice(source.files(*_PATTERNS), 10)
        return any(audio_format(file.head(_HEAD_NBYTES)) for file in files)

    def open(
        self,
        source: Source,
        *,
        dtype: str | None = None,
        channels: int | None = None,
        **options: Any,
    ) -> Rows:
        """Return the sounds in the order of their paths, which are their keys.

        Raises:
            InvalidInputError: no data type holds what the first files have.
        """
        files = list(source.files() if source.is_file else source.files(*_PATTERNS))
        if options.get("labels") is None:
            known = by_folder(files, options.get("class", "path"))
        else:
            known = by_table(source, options["labels"], options.get("path_column"))
        made: Any = dtype or _dtype_of(files[:_INFERRED_FROM])
        columns = {
            "audio": source.schema.get("audio", audio(channels=channels, dtype=made)),
            "rate": ndarray((), "int64"),
            **known.columns,
        }
        return Rows(
            columns,
            "str",
            items=files,
            read=_Reading(known),
            key=_path,
            count=len(files),
            ignored=len(source.listed) - len(files) + source.hidden,
        )


@dataclass(frozen=True, slots=True)
class _Reading:
    """Reads a file, and what is known of it."""

    known: Known

    def __call__(self, file: SourceFile) -> Mapping[str, Any]:
        data = file.bytes()
        return {**self.known.of(file), "audio": data, "rate": audio_info(data).rate}


def _path(file: SourceFile) -> str:
    return file.path


def _dtype_of(files: list[SourceFile]) -> str:
    """Return the narrowest data type that holds the values of some files, by their headers."""
    left = list(DTYPES)
    for file in files:
        info = _info(file)
        fitting = [dtype for dtype in left if info is not None and _holds(dtype, info)]
        left = fitting or left  # what does not fit is refused when it is read, by name
        if len(left) == 1:
            break
    return left[0]


def _info(file: SourceFile) -> AudioInfo | None:
    """Return what a file says of itself; most say it in their first bytes."""
    for is_whole in (False, True):
        try:
            data = file.bytes() if is_whole else file.head(_HEADER_NBYTES)
            return audio_info(data, nbytes=file.size)
        except (FormatError, InvalidInputError):
            continue
    return None


def _holds(dtype: str, info: AudioInfo) -> bool:
    try:
        Held(np.dtype(dtype), None, None).check(info)
    except FormatError:
        return False
    return True
