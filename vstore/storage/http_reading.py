"""Reading from plain web servers: some ignore ranges, compress, or send without end."""

from typing import Any

_PART_NBYTES = 2**16
_PARTIAL = 206
_PAST_THE_END = 416


async def read_http(fs: Any, url: str, start: int, nbytes: int, *, whole: bool) -> bytes:
    """Return the range of an object, or less of it where the object ends.

    Where the server ignores the range, or sends more than it, the rest is left unread. `whole`
    asks for no range: an object that begins at `start`, and is expected to have fewer bytes.
    """
    settings = dict(fs.kwargs)
    headers = {**settings.pop("headers", {}), "Accept-Encoding": "identity"}
    if not whole:
        headers["Range"] = f"bytes={start}-{start + nbytes - 1}"
    session = await fs.set_session()
    async with session.get(fs.encode_url(url), headers=headers, **settings) as answer:
        if answer.status == _PAST_THE_END:
            return b""
        fs._raise_not_found_for_status(answer, url)  # noqa: SLF001 - its own reading does
        skipped = start if answer.status == _PARTIAL else 0
        if answer.status == _PARTIAL and not _begins_at(answer.headers, start):
            raise ConnectionError("the server sent another range than it was asked for")
        found = bytearray()
        while len(found) < nbytes and (part := await answer.content.read(_PART_NBYTES)):
            found += part[max(0, start - skipped) :][: nbytes - len(found)]
            skipped += min(len(part), max(0, start - skipped))
        return bytes(found)


def _begins_at(headers: Any, start: int) -> bool:
    said = headers.get("Content-Range", "")
    return not said or said.removeprefix("bytes ").partition("-")[0].strip() == str(start)
