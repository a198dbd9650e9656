"""What is imported: the files that one import reads."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.importers.content import Content, open_content


@exported_from("vstore.importers")
@dataclass(frozen=True, slots=True)
class ImportSource:
    """Files that are imported together, in their order."""

    paths: tuple[Path, ...]

    @classmethod
    def of(cls, files: Sequence[str | os.PathLike[str]]) -> "ImportSource":
        """Return the source that consists of these files, of which there is one or more."""
        if not files:
            raise InvalidInputError("there are no files to import")
        return cls(tuple(Path(file) for file in files))

    def files(self) -> Iterator[Content]:
        """Yield the content of each file, unwrapped if it is gzip.

        Raises:
            NotFoundError: no such file.
            InvalidInputError: a directory, or anything else that is no regular file.
        """
        return map(open_content, self.paths)

    def head(self, nbytes: int) -> bytes:
        """Return the first bytes of the first file; raises as `files` does."""
        with next(self.files()).open() as reader:
            return reader.read(nbytes)

    def __str__(self) -> str:
        return ", ".join(map(str, self.paths))
