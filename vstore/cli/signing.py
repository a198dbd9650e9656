"""Signatures as commands show them."""

from typing import TYPE_CHECKING

from rich.text import Text

from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.signing.signatures import Signature

_STYLES = {"good": "green", "untrusted": "yellow", "bad": "bold red"}


def signature_line(signature: "Signature") -> Text:
    """Return a signature as `good signature by ann@example.org with SHA256:…`."""
    return Text(printable(str(signature)), _STYLES[signature.status])
