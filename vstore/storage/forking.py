"""What a forked child must not do with the connections that it inherits."""

import os
from weakref import WeakSet

_open: WeakSet[object] = WeakSet()
_inherited: list[object] = []


def never_close_in_child(client: object) -> None:
    """Keep a client from being collected in forked children.

    Closing an inherited connection there takes it out of the event queue that parent and child
    share, so that the parent would wait for ever for its next answer.
    """
    _open.add(client)


def _keep_inherited() -> None:
    _inherited.extend(_open)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep_inherited)
