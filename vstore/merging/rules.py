"""The rule of three states, on which every merge of one thing rests."""

from collections.abc import Callable
from enum import Enum
from operator import eq
from typing import Any


class Verdict(Enum):
    """Whose state of a thing the result has."""

    OURS = "ours"
    THEIRS = "theirs"
    CONFLICT = "conflict"


def verdict(base: Any, ours: Any, theirs: Any, *, same: Callable[[Any, Any], bool] = eq) -> Verdict:
    """Return which state of a thing remains, by what it was in the base.

    A thing that is not there has a state, too, which is the same as no other.

    >>> verdict(1, 1, 2), verdict(1, 2, 1), verdict(1, 2, 2), verdict(1, 2, 3)
    (<Verdict.THEIRS: 'theirs'>, <Verdict.OURS: 'ours'>, <Verdict.OURS: 'ours'>, \
<Verdict.CONFLICT: 'conflict'>)
    """
    if same(base, theirs) or same(ours, theirs):
        return Verdict.OURS
    return Verdict.THEIRS if same(base, ours) else Verdict.CONFLICT
