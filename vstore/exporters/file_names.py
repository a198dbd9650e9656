"""What the files of samples are called: by their keys, with the suffix of what is in them."""

import re

from vstore.format.table.sounds import audio_format

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_AUDIO = {"WAV": ".wav", "FLAC": ".flac", "Ogg": ".ogg", "MP3": ".mp3", "AIFF": ".aiff"}


def suffix_of(data: bytes) -> str:
    r"""Return the suffix of a file by how it begins; nothing for what is not known.

    >>> suffix_of(b"\x89PNG\r\n\x1a\n"), suffix_of(b"fLaC"), suffix_of(b"?")
    ('.png', '.flac', '')
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if data.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    return _AUDIO.get(audio_format(data) or "", "")


def with_suffix(path: str, data: bytes) -> str:
    """Return a path with the suffix of its contents, unless it has one already."""
    return path if _SUFFIX.search(path) else path + suffix_of(data)
