"""How much one walk through a tree may meet: what is stored once may stand in many places."""

from typing import TYPE_CHECKING

from vstore.errors import FormatError
from vstore.format.nodes import Node, NodeRef

if TYPE_CHECKING:
    from vstore.format.digest import Digest

MOST_LEVELS = 256
"""How deep groups may nest."""

MOST_NODES = 100_000
NODES_PER_DOCUMENT = 1000
"""How many nodes a walk meets at most: so many, and so many for each document that it reads.

A document has at most some 700 nodes, so that nothing is refused but trees in which the same
documents stand in very many places: sixty of them can make 2^60 nodes.
"""


class WalkBudget:
    """What is left of the budget of one walk."""

    def __init__(self) -> None:
        self._nodes = 0
        self._documents: set[Digest] = set()

    def take(self, path: str, child: Node | NodeRef | None) -> None:
        """Take note of a node, as its group has it.

        Raises:
            FormatError: groups nest more than `MOST_LEVELS` deep, or nodes that stand in many
                places make far more nodes than are stored.
        """
        if isinstance(child, NodeRef):
            self._documents.add(child.digest)
        self._nodes += 1
        if path.count("/") >= MOST_LEVELS:
            raise FormatError(f"groups nest more than {MOST_LEVELS} deep, at {path[:200]!r}")
        if self._nodes > MOST_NODES + NODES_PER_DOCUMENT * len(self._documents):
            raise FormatError(
                "the same nodes stand in so many places that there are more than "
                f"{self._nodes - 1:,}"
            )
