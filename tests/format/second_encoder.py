"""The canonical forms of docs/format.md, written without vstore's code: sections 2, 7 and 8.

What a second implementation would need to write documents, pages and nodes. The comments
name the sections.
"""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from blake3 import blake3

Json = dict[str, Any]


class RefusedError(Exception):
    """The repository is not as docs/format.md says."""


def require(is_so: object, what: str) -> None:
    if not is_so:
        raise RefusedError(what)


def digest(data: bytes) -> str:
    return blake3(data).hexdigest()


# 2. JSON


def canonical(value: Any) -> bytes:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def parse(data: bytes) -> Any:
    def members(pairs: list[tuple[str, Any]]) -> Json:
        require(len(dict(pairs)) == len(pairs), "a member appears twice")
        return dict(pairs)

    value = json.loads(data.decode(), object_pairs_hook=members)
    require(canonical(value) == data, "a document is not in canonical form")
    return value


def exactly(value: Json, *members: str, optional: tuple[str, ...] = ()) -> Json:
    require(set(value) - set(optional) == set(members), f"members {sorted(value)}")
    return value


# 8. The index


@dataclass(frozen=True)
class Chunk:
    pack: tuple[str, int]
    offset: int
    nbytes: int
    digest: bytes
    patches: tuple[tuple[list[list[int]], "Chunk"], ...] = ()
    is_outside: bool = False
    """Whether its pack is a source, whose chunks stay in other files."""

    @property
    def stored(self) -> int:
        return self.nbytes + sum(patch.nbytes for _, patch in self.patches)


def runs(slots: list[int]) -> list[list[int]]:
    found: list[list[int]] = []
    for slot in slots:
        if found and sum(found[-1]) == slot:
            found[-1][1] += 1
        else:
            found.append([slot, 1])
    return found


def leaf_page(chunks: dict[int, Chunk]) -> Json:
    packs: list[list[Any]] = []
    extents: list[list[int]] = []
    before: Chunk | None = None
    for _, chunk in sorted(chunks.items()):
        if list(chunk.pack) not in packs:
            packs.append(list(chunk.pack))
        follows = before is not None and (before.pack, before.offset + before.nbytes) == (
            chunk.pack,
            chunk.offset,
        )
        if follows:
            extents[-1][2] += 1
        else:
            extents.append([packs.index(list(chunk.pack)), chunk.offset, 1])
        before = chunk
    patches: list[list[Any]] = []
    for i, number in enumerate(sorted(chunks)):
        for rows, patch in chunks[number].patches:
            if list(patch.pack) not in packs:
                packs.append(list(patch.pack))
            place = [packs.index(list(patch.pack)), patch.offset, patch.nbytes]
            patches.append([i, rows, *place, patch.digest.hex()])
    outside = {each.pack for each in chunks.values() if each.is_outside}
    page = {
        "at": runs(sorted(chunks)),
        "digests": base64.b64encode(b"".join(chunks[i].digest for i in sorted(chunks))).decode(),
        "extents": extents,
        "nbytes": [chunks[i].nbytes for i in sorted(chunks)],
        "packs": packs,
    }
    if outside:
        page["sources"] = [i for i, pack in enumerate(packs) if tuple(pack) in outside]
    return page | {"patches": patches} if patches else page


def pages_of(chunks: dict[int, Chunk], height: int, objects: dict[str, bytes]) -> Json:
    """Return the page of this height, and put those below it into `objects`."""
    if height == 0:
        return leaf_page(chunks)
    below: dict[int, dict[int, Chunk]] = {}
    for number, chunk in chunks.items():
        slot, rest = divmod(number, 512**height)
        below.setdefault(slot, {})[rest] = chunk
    encoded = [canonical(pages_of(below[slot], height - 1, objects)) for slot in sorted(below)]
    objects |= {digest(data): data for data in encoded}
    return {
        "at": runs(sorted(below)),
        "chunks": [len(below[slot]) for slot in sorted(below)],
        "digests": base64.b64encode(b"".join(blake3(data).digest() for data in encoded)).decode(),
        "nbytes": [len(data) for data in encoded],
        "stored": [sum(c.stored for c in below[slot].values()) for slot in sorted(below)],
    }


def index_of(chunks: dict[int, Chunk], objects: dict[str, bytes]) -> Json:
    height = 0
    while 512 ** (height + 1) <= max(chunks):
        height += 1
    root = pages_of(chunks, height, objects)
    data = canonical(root)
    sums = {
        "height": height,
        "chunks": len(chunks),
        "stored": sum(chunk.stored for chunk in chunks.values()),
    }
    if len(data) <= 8192:
        return sums | {"page": root}
    objects[digest(data)] = data
    return sums | {"ref": [digest(data), len(data)]}


def chunk_number(
    coordinates: tuple[int, ...], shape: tuple[int, ...], chunk_shape: tuple[int, ...]
) -> int:
    number = 0
    for axis, i in enumerate(coordinates):
        count = -(-shape[axis] // chunk_shape[axis])
        if axis > 0:
            number *= 1 << max(count - 1, 0).bit_length()
        number += i
    return number


def chunk_coordinates(
    number: int, shape: tuple[int, ...], chunk_shape: tuple[int, ...]
) -> tuple[int, ...]:
    """Return where the chunk of a number is in the grid."""
    found: list[int] = []
    for axis in range(len(shape) - 1, 0, -1):
        count = -(-shape[axis] // chunk_shape[axis])
        number, i = divmod(number, 1 << max(count - 1, 0).bit_length())
        found.append(i)
    return (*([number] if shape else []), *reversed(found))


# 7. The tree


@dataclass
class Node:
    value: Json
    """The node's members, without children."""
    children: dict[str, "Node"] = field(default_factory=dict)
    chunks: dict[int, Chunk] = field(default_factory=dict)

    @property
    def metadata(self) -> Json:
        metadata: Json = self.value["metadata"]
        return metadata

    @property
    def is_group(self) -> bool:
        return self.metadata == {} or self.metadata["node_type"] == "group"

    def __getitem__(self, path: str) -> "Node":
        node = self
        for name in path.split("/"):
            node = node.children[name]
        return node


def encode_node(node: Node, objects: dict[str, bytes]) -> Json:
    if node.is_group:
        return node.value | encode_children(node.children, 0, objects)
    return node.value | ({"chunks": index_of(node.chunks, objects)} if node.chunks else {})


def encode_children(children: dict[str, Node], level: int, objects: dict[str, bytes]) -> Json:
    values = {name: encode_node(child, objects) for name, child in children.items()}
    return encode_values(values, level, objects)


def encode_values(values: dict[str, Json], level: int, objects: dict[str, bytes]) -> Json:
    encoded = {name: canonical(value) for name, value in values.items()}
    if weight(encoded.values()) > 65536 and level < 16:
        buckets: dict[str, dict[str, Json]] = {}
        for name, value in values.items():
            buckets.setdefault(digest(name.encode())[level], {})[name] = value
        return {
            "buckets": {
                digit: [
                    *add(canonical(encode_values(bucket, level + 1, objects)), objects),
                    weight(encoded[name] for name in bucket),
                ]
                for digit, bucket in buckets.items()
            }
        }
    total = sum(map(len, encoded.values()))
    by_ref: set[str] = set()
    for name in sorted(encoded, key=lambda name: (-len(encoded[name]), name)):
        if total > 65536:
            by_ref.add(name)
            total -= len(encoded[name]) - 100
    return {
        "children": {
            name: {"ref": add(encoded[name], objects)} if name in by_ref else values[name]
            for name in values
        }
    }


def weight(encoded: Iterable[bytes]) -> int:
    return sum(len(data) if len(data) <= 4096 else 100 for data in encoded)


def add(data: bytes, objects: dict[str, bytes]) -> list[Any]:
    objects[digest(data)] = data
    return [digest(data), len(data)]


# 10. The index of keys


def mark(name: str) -> int:
    digits = [i for i, c in enumerate(name) if c in "0123456789"][-2:]
    group, last = list(name), 0
    for i in digits if len(digits) == 2 else []:
        last = 10 * last + int(name[i])
        group[i] = "0"
    return int.from_bytes(blake3("".join(group).encode()).digest()[:7], "big") * 256 + last


def bucket(name_mark: int, count: int) -> int:
    power = 1
    while power < count:
        power *= 2
    number = name_mark // 256 % power
    return number if number < count else number % (power // 2)


def buckets(
    keys: list[tuple[Any, int]], rows: int, kind: str, *, rows_per_bucket: int = 1024
) -> list[bytes]:
    """Return the elements of the index of some stored keys, each with its chunk's number."""
    count = -(-rows // rows_per_bucket)
    found: list[set[tuple[int, int]]] = [set() for _ in range(count)]
    for key, chunk in keys:
        names = [str(key)]
        if kind == "tuple":
            parts = json.loads(key)
            names = [canonical(parts[: i + 1]).decode() for i in range(len(parts))]
        for entry in map(mark, names):
            found[bucket(entry, count)].add((entry, chunk))
    return [
        b"".join(entry.to_bytes(8, "little") for entry, _ in sorted(entries))
        + b"".join(chunk.to_bytes(4, "little") for _, chunk in sorted(entries))
        for entries in found
    ]
