"""Keeping aiohttp from sending a request twice."""

import aiohttp


def send_once(session: aiohttp.ClientSession) -> aiohttp.ClientSession:
    """Turn off what aiohttp does by itself when a connection drops: send PUTs again.

    The server would then refuse the second sending of a conditional write that it has carried
    out, and the writer would take a win for a loss. aiohttp has no public setting for it.
    """
    session._retry_connection = False  # noqa: SLF001
    return session
