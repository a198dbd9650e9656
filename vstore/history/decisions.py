"""How the conflicts of a merge were decided, as its commit's metadata say it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from vstore.format import document
from vstore.format.commit import Author
from vstore.format.table.sample_keys import SampleKey

MEMBER = "vstore.conflicts"
"""The member of a commit's metadata that holds them."""

MOST_NBYTES = 16 * 2**10
"""How many bytes of decisions a commit lists; it counts all of them."""

How = Literal["ours", "theirs", "value"]


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one conflict was decided: for a side, or for a value of the resolver's own.

    `sample` is the key of the sample, None where the conflict is not about one.
    """

    path: str
    kind: str
    sample: Any = None
    decision: str = "ours"

    @property
    def key(self) -> SampleKey | None:
        """The sample's key; a tuple is a list in JSON."""
        found: SampleKey | None = (
            tuple(self.sample) if isinstance(self.sample, list) else self.sample
        )
        return found


def recorded(decisions: Sequence[Decision], by: Author) -> dict[str, Any]:
    """Return the metadata that say how conflicts were decided, and by whom; bounded.

    >>> recorded([Decision("t/x", "changed", "a", "theirs")], Author("Ann"))
    {'vstore.conflicts': {'by': 'Ann', 'count': 1, 'decided': [{'path': 't/x', 'kind': 'changed', \
'sample': 'a', 'decision': 'theirs'}]}}
    """
    if not decisions:
        return {}
    told: list[dict[str, Any]] = []
    nbytes = 0
    for each in decisions:
        found = msgspec.to_builtins(each) | {"decision": each.decision}
        nbytes += len(document.dumps(found))
        if nbytes > MOST_NBYTES:
            break
        told.append(found)
    return {MEMBER: {"by": str(by), "count": len(decisions), "decided": told}}


def decisions_in(metadata: Mapping[str, Any]) -> tuple[list[Decision], str]:
    """Return the decisions that a commit's metadata list, and who decided.

    Metadata are anything; what is no list of decisions counts as none.
    """
    found = metadata.get(MEMBER)
    if not isinstance(found, dict):
        return [], ""
    try:
        return msgspec.convert(found.get("decided"), list[Decision]), str(found.get("by", ""))
    except msgspec.ValidationError:
        return [], ""
