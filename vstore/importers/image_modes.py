"""What the pixels of a folder of images are: palettes are colors, or the ids of something."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from vstore.importers.importer import Option
from vstore.importers.source import SourceFile

PIXELS: Option = (str, "auto", "what pixels are: auto, L, LA, RGB, RGBA, I16, P, 1 or CMYK")
"""The option of importers that find images."""

_LOOKED_AT = 256
_HEAD_NBYTES = 2**13
_THREADS = 8
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PALETTE = 3


def common_mode(files: Sequence[SourceFile]) -> str:
    """Return the mode of a column for images of which nobody said what their pixels are.

    That is `auto`, which refuses palettes: they may hold the ids of a segmentation. Where some
    have transparent colors, though, and other images have no palette, all are pictures: `RGBA`.
    Up to 256 files, evenly from all, are looked at.
    """
    step = -(-len(files) // _LOOKED_AT)
    with ThreadPoolExecutor(_THREADS) as pool:
        found = set(pool.map(_kind_of, files[:: step or 1]))
    return "RGBA" if {"pictures", "plain"} <= found and "deep" not in found else "auto"


def _kind_of(file: SourceFile) -> str:
    """Return `plain`, `deep` for 16 bits, `pictures` or `palette` with or without transparency."""
    head = file.head(_HEAD_NBYTES)
    if not head.startswith(_PNG) or len(head) < 26:
        return "plain"
    depth, color = head[24], head[25]
    if color == _PALETTE:
        return "pictures" if _is_transparent(head) else "palette"
    return "deep" if depth == 16 else "plain"


def _is_transparent(head: bytes) -> bool:
    """Return whether a PNG file, of which this is the beginning, has a chunk of transparency."""
    at = len(_PNG)
    while at + 8 <= len(head):
        kind = head[at + 4 : at + 8]
        if kind in (b"tRNS", b"IDAT"):
            return kind == b"tRNS"
        at += 12 + int.from_bytes(head[at : at + 4], "big")
    return False
