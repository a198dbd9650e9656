"""What browsers take an object for."""


def media_type(name: str) -> str | None:
    """Return the media type of an object by its name; None where nobody asks for it.

    >>> media_type("page/index.html")
    'text/html; charset=utf-8'
    """
    return "text/html; charset=utf-8" if name.endswith(".html") else None
