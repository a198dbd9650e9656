"""What notebooks show of a repository."""

from typing import TYPE_CHECKING

from vstore.display import boxes
from vstore.display.html import Markup, element
from vstore.display.notebook import representation

if TYPE_CHECKING:
    from vstore.repository.repository import Repository

_CODE = """repo.branches, repo.tags
snapshot = repo.checkout()
repo.log(limit=10)
repo.diff("main~1", "main").show()"""


@representation
def repository_box(repository: "Repository") -> Markup:
    """Return where a repository is, and code that leads on; it is not asked anything."""
    return boxes.box(
        "Repository",
        None,
        boxes.facts({"address": boxes.code(repository.url)}),
        boxes.folded("Look inside", element("pre", _CODE), is_open=True),
    )
