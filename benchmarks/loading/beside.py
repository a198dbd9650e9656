"""Another checkout of this project, of which only the package is used."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Checkout:
    """A checkout, and a folder from which its package alone can be imported."""

    root: Path
    folder: Path

    def importable(self) -> Path:
        """Return the folder, made if need be."""
        self.folder.mkdir(parents=True, exist_ok=True)
        link = self.folder / "vstore"
        if not link.exists():
            link.symlink_to((self.root / "vstore").resolve(), target_is_directory=True)
        return self.folder
