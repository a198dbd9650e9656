"""The children of a group that has many: sixteen buckets, each loaded when it is asked for.

Which bucket a child is in follows from the digest of its name, so one child is found, or
changed, without loading the others, and two groups are compared by the digests of their
buckets.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple, TypeAlias, TypeVar

from vstore.format.digest import Digest, digest_of

MOST_FLAT = 512
"""A plain dict with more children is not copied to change one of them."""

T = TypeVar("T")


class BucketRef(NamedTuple):
    """A bucket that is an object of its own, and what its children weigh."""

    digest: Digest
    nbytes: int
    weight: int


Part: TypeAlias = BucketRef | Mapping[str, T]
"""A bucket as it is stored, or what is in it."""

OpenBuckets: TypeAlias = Callable[[Sequence[tuple[str, BucketRef]]], Sequence[Mapping[str, T]]]
"""Load buckets side by side; each is told with the digits that the names' digests begin with."""


class Buckets(Mapping[str, T]):
    """Children by name. Immutable but for what it has loaded."""

    def __init__(
        self, parts: Mapping[str, Part[T]], load: OpenBuckets[T], *, prefix: str = ""
    ) -> None:
        """Use buckets as they are stored, or as they are.

        Args:
            parts: The buckets by digit.
            load: What loads the stored ones.
            prefix: The digits that the digests of all names begin with.
        """
        self.parts = parts
        self.prefix = prefix
        self.loaded: dict[str, Mapping[str, T]] = {}
        """The stored buckets that were loaded."""
        self.load = load

    def _digit(self, name: str) -> str:
        return digest_of(name.encode())[len(self.prefix)]

    def bucket(self, digit: str) -> Mapping[str, T]:
        """Return what is in a bucket."""
        part = self.parts.get(digit, {})
        if not isinstance(part, BucketRef):
            return part
        if digit not in self.loaded:
            (self.loaded[digit],) = self.load([(self.prefix + digit, part)])
        return self.loaded[digit]

    def __getitem__(self, name: str) -> T:
        return self.bucket(self._digit(name))[name]

    def __iter__(self) -> Iterator[str]:
        self._load_all()
        return chain.from_iterable(map(self.bucket, sorted(self.parts)))

    def __len__(self) -> int:
        self._load_all()
        return sum(len(self.bucket(digit)) for digit in self.parts)

    def __bool__(self) -> bool:
        return bool(self.parts)  # a bucket is never empty

    def _load_all(self) -> None:
        """Load every bucket, those of one level side by side."""
        load_all([self])

    def missing(self) -> "list[tuple[Buckets[T], str, BucketRef]]":
        """Return the buckets at this level that are not loaded, each with its digit."""
        return [
            (self, digit, part)
            for digit, part in sorted(self.parts.items())
            if isinstance(part, BucketRef) and digit not in self.loaded
        ]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Buckets) and self.prefix == other.prefix:
            return all(self.bucket(digit) == other.bucket(digit) for digit in self.differing(other))
        return isinstance(other, Mapping) and dict(self.items()) == dict(other.items())

    __hash__ = None  # type: ignore[assignment]

    def differing(self, other: "Buckets[T]") -> list[str]:
        """Return the digits of the buckets that are not known to be equal."""
        digits = sorted(self.parts.keys() | other.parts.keys())
        return [digit for digit in digits if not _is_same(self, other, digit)]

    def with_child(self, name: str, child: T | None) -> "Buckets[T]":
        """Return the children with another one of this name, or without it."""
        digit = self._digit(name)
        inside = with_child(
            self.bucket(digit), name, child, load=self.load, prefix=self.prefix + digit
        )
        parts: dict[str, Part[T]] = {key: part for key, part in self.parts.items() if key != digit}
        if inside:
            parts[digit] = inside
        changed = Buckets(parts, self.load, prefix=self.prefix)
        changed.loaded = {key: part for key, part in self.loaded.items() if key != digit}
        return changed

    def items_in(self, is_wanted: Callable[[BucketRef], bool]) -> Iterator[tuple[str, T]]:
        """Yield the children of the stored buckets that are wanted, at every level."""
        wanted = {
            digit: part
            for digit, part in self.parts.items()
            if not isinstance(part, BucketRef) or is_wanted(part)
        }
        for digit in sorted(wanted):
            inside = self.bucket(digit)
            yield from (
                inside.items_in(is_wanted) if isinstance(inside, Buckets) else inside.items()
            )


def load_all(groups: "Sequence[Buckets[T]]") -> None:
    """Load every bucket of several groups, those of one level side by side."""
    level = list(groups)
    while level:
        missing = [each for buckets in level for each in buckets.missing()]
        if missing:
            wanted = [(buckets.prefix + digit, ref) for buckets, digit, ref in missing]
            found = missing[0][0].load(wanted)
            for (buckets, digit, _), inside in zip(missing, found, strict=True):
                buckets.loaded[digit] = inside
        inner = (each.bucket(digit) for each in level for digit in each.parts)
        level = [each for each in inner if isinstance(each, Buckets)]


def _is_same(one: "Buckets[T]", other: "Buckets[T]", digit: str) -> bool:
    a, b = one.parts.get(digit), other.parts.get(digit)
    return isinstance(a, BucketRef) and isinstance(b, BucketRef) and a.digest == b.digest


def with_child(
    children: Mapping[str, T],
    name: str,
    child: T | None,
    *,
    load: OpenBuckets[T],
    prefix: str = "",
) -> Mapping[str, T]:
    """Return a group's children with another one of this name, or without it."""
    if isinstance(children, Buckets):
        return children.with_child(name, child)
    changed = dict(children)
    changed.pop(name, None)
    if child is not None:
        changed[name] = child
    return changed if len(changed) <= MOST_FLAT else in_buckets(changed, load=load, prefix=prefix)


def in_buckets(
    children: Mapping[str, T], *, load: OpenBuckets[T], prefix: str = ""
) -> "Buckets[T]":
    """Return children put into buckets, none of which is stored."""
    parts: dict[str, dict[str, T]] = {}
    for name, child in children.items():
        parts.setdefault(digest_of(name.encode())[len(prefix)], {})[name] = child
    return Buckets(parts, load, prefix=prefix)


def differing_names(one: Mapping[str, T], other: Mapping[str, T]) -> Iterator[str]:
    """Yield, in order, the names of children that are not known to be equal by their buckets."""
    yield from sorted(_differing(one, other))


def _differing(one: Mapping[str, T], other: Mapping[str, T]) -> Iterator[str]:
    if not isinstance(one, Buckets) or not isinstance(other, Buckets):
        yield from one.keys() | other.keys()
        return
    for digit in one.differing(other):
        yield from _differing(one.bucket(digit), other.bucket(digit))
