"""Bytes behind pages: pictures, and cells as they are stored."""

from typing import Any

import numpy as np

from vstore.display.html import Markup, element
from vstore.display.pictures import Pixels, as_pixels, png
from vstore.display.values import Draw, plane_of
from vstore.errors import NotFoundError
from vstore.faces import internals
from vstore.format.digest import digest_of
from vstore.reading.looking import look_at
from vstore.ui.site import Site, position_of, stored_rows
from vstore.ui.web import FOREVER, Request, Response, address, parse_key

MOST_SIZE = 1600
_TYPES = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"WEBP", 8, "image/webp"),
    (b"GIF8", 0, "image/gif"),
    (b"WAVE", 8, "audio/wav"),
    (b"fLaC", 0, "audio/flac"),
    (b"OggS", 0, "audio/ogg"),
    (b"ID3", 0, "audio/mpeg"),
)
"""What is shown in a browser, by how the bytes begin; SVG and HTML are never among it."""


def type_of(data: bytes) -> str | None:
    """Return the media type of bytes that a browser may show, None for a download."""
    found = (kind for magic, at, kind in _TYPES if data[at : at + len(magic)] == magic)
    return next(found, None)


def draw_cell(site: Site, commit: str, path: str, column: str, position: int) -> Draw:
    """Return what shows the picture of a cell by its address, and keeps it for that request."""

    def draw(pixels: Pixels, *, alt: str, size: int) -> Markup:
        site.pictures.put((commit, path, column, position, size), png(pixels))
        src = address("cell", commit, path, column, row=position, size=size)
        return _image(pixels, src, alt=alt, size=size)

    return draw


def _image(
    pixels: Pixels, src: str, *, alt: str, size: int, loading: str | None = "lazy"
) -> Markup:
    height, width = pixels.shape[:2]
    times = max(1, size // max(height, width, 1))
    return element(
        "img",
        src=src,
        alt=alt,
        width=width * times,
        height=height * times,
        loading=loading,
        class_="vstore-pixels" if times > 1 else None,
    )


def cell(site: Site, request: Request) -> Response:
    """Return a picture of one cell, or without a size its bytes as they are stored."""
    _, commit, *rest = request.parts
    path, column = "/".join(rest[:-1]), rest[-1] if rest else ""
    table = site.table(commit, path)
    position = position_of(table, request.query, _key(request))
    if "size" in request.query:
        size = min(request.number("size", 96, least=8), MOST_SIZE)
        name = (commit, path, column, position, size)
        found = site.pictures.find(name)
        if found is None:
            found = png(_pixels(look_cell(site, commit, path, column, position), size))
            site.pictures.put(name, found)
        return Response(found, kind="image/png", headers=[FOREVER])
    return _bytes(table[column].encoded(position), f"{column}-{position}")


def _bytes(data: Any, name: str) -> Response:
    body = data if isinstance(data, bytes) else np.ascontiguousarray(data).tobytes()
    if isinstance(data, str):
        body = data.encode()
    kind = type_of(body)
    if kind is not None:
        return Response(body, kind=kind, headers=[FOREVER])
    safe = "".join(each if each.isascii() and each.isalnum() else "-" for each in name)
    saved = ("Content-Disposition", f'attachment; filename="{safe}.bin"')
    return Response(body, kind="application/octet-stream", headers=[FOREVER, saved])


def look_cell(site: Site, commit: str, path: str, column: str, position: int) -> Any:
    """Return the value of one cell."""
    table = site.table(commit, path)
    return look_at(internals(table[column]), stored_rows(table, [position]))[0]


def _pixels(value: Any, size: int) -> Pixels:
    plane = plane_of(value) if isinstance(value, np.ndarray) else None
    if plane is None:
        raise NotFoundError("there is no picture of this cell")
    return as_pixels(plane, limit=size)


def _key(request: Request) -> Any:
    return parse_key(request.query["key"]) if "key" in request.query else None


def draw_loose(site: Site) -> Draw:
    """Return what shows pictures that no address of a cell names, as long as they are kept."""

    def draw(pixels: Pixels, *, alt: str, size: int) -> Markup:
        data = png(pixels)
        name = digest_of(data)[:32]
        site.pictures.put(("picture", name), data)
        return _image(pixels, address("picture", name), alt=alt, size=size, loading=None)

    return draw


def picture(site: Site, request: Request) -> Response:
    """Return a picture that was made for a page a moment ago."""
    found = site.pictures.find(("picture", request.parts[1]))
    if found is None:
        raise NotFoundError("the picture is not kept any more: load the page again")
    return Response(found, kind="image/png", headers=[FOREVER])
