"""A reader of vstore repositories on local disk that shares no code with vstore.

Written from docs/format.md, whose sections the comments name. It is slow and strict: it
verifies all that it reads, and encodes each tree and index anew to see that they are in the
form that the page demands.
"""

import base64
import hashlib
import io
import re
import wave
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from tests.format.second_codecs import decode_chunk
from tests.format.second_data_types import dtype_of, fill_of
from tests.format.second_encoder import (
    Chunk,
    Json,
    Node,
    RefusedError,
    buckets,
    canonical,
    chunk_coordinates,
    chunk_number,
    digest,
    encode_node,
    exactly,
    parse,
    require,
)

# 6. Commits


def listed(depth: int, newest: int) -> bool:
    """Whether a list that begins with the depth `newest` has the ancestor at `depth`."""
    zeros = len(str(depth)) - len(str(depth).rstrip("0"))
    span = 10 ** (zeros + 1)
    return depth == 0 or depth >= newest // span * span


@dataclass
class Commit:
    digest: str
    value: Json
    root: Node


class SecondReader:
    """The repository in a directory; `files` are those elsewhere that may be read, by URL."""

    def __init__(self, root: Path, files: Mapping[str, bytes] | None = None) -> None:
        self._root = root
        self._files = files or {}
        self.reached: set[str] = set()
        self.mark = self._checked("vstore.json")
        exactly(self.mark, "created", "default_branch", "features", "format", "id")

    def _checked(self, name: str) -> Json:
        """Read a document that no digest names (section 4)."""
        value: Json = parse((self._root / name).read_bytes())
        require(value["format"] == 1 and value.get("features", []) == [], "a newer format")
        check = value.pop("check")
        require(check == digest(canonical(value)), f"{name} is damaged")
        return value

    def _immutable(self, name: str, expected: str) -> bytes:
        require(re.fullmatch("[0-9a-f]{64}", expected), "not a digest")
        self.reached.add(name)
        data = (self._root / name).read_bytes()
        require(digest(data) == expected, f"{name} is damaged")
        return data

    def _part(self, ref: list[Any]) -> bytes:
        data = self._immutable(f"index/{ref[0][:2]}/{ref[0]}.json", ref[0])
        require(len(data) == ref[1], "a part has another length")
        return data

    def branch(self, name: str) -> Json:
        value = self._ref("branches", name)
        if "deleted" in value:
            return exactly(value, "deleted", "format", "name", "token")
        members = "commit", "format", "log", "name", "token"
        exactly(value, *members, optional=("fence", "head", "policy"))
        if "head" in value:
            require(digest(value["head"].encode()) == value["commit"], "not a copy of the head")
        require(value["log"][0]["commit"] == value["commit"], "the log begins elsewhere")
        return value

    def tag(self, name: str) -> Json:
        value = self._ref("tags", name)
        members = "author", "commit", "format", "message", "name", "time", "token"
        return exactly(value, *members, optional=("metadata",))

    def _ref(self, kind: str, name: str) -> Json:
        value = self._checked(f"refs/{kind}/{quote(name, safe='/-_.+=,')}.json")
        require(value["name"] == name, "another ref")
        return value

    def signature(self, commit: str, key: str) -> str:
        """Return the SSH signature of a commit by a key, in its armor."""
        value = self._checked(f"signatures/{commit}/{key}.json")
        exactly(value, "commit", "format", "signature")
        require(value["commit"] == commit, "of another commit")
        begin, *lines, end = value["signature"].strip().splitlines()
        require("BEGIN SSH SIGNATURE" in begin and "END SSH SIGNATURE" in end, "no armor")
        rest, fields = base64.b64decode("".join(lines), validate=True), list[bytes]()
        require(rest[:10] == b"SSHSIG\0\0\0\1", "no SSH signature")
        rest = rest[10:]
        while rest:
            nbytes = int.from_bytes(rest[:4], "big")
            require(4 + nbytes <= len(rest), "cut off")
            fields.append(rest[4 : 4 + nbytes])
            rest = rest[4 + nbytes :]
        public_key, namespace, _, hashed, _ = fields
        require(hashlib.sha256(public_key).hexdigest() == key, "by another key")
        require(namespace == b"vstore-commit" and hashed in (b"sha256", b"sha512"), "for what?")
        signature: str = value["signature"]
        return signature

    def commit(self, expected: str) -> Commit:
        value: Json = parse(self._immutable(f"commits/{expected}.json", expected))
        exactly(
            value,
            *("format", "features", "parents", "generation", "depth", "ancestors", "author"),
            *("time", "message", "metadata", "changes", "tree"),
            optional=("merges",),
        )
        require(value["format"] == 1 and value["features"] == [], "a newer format")
        depths = [value["depth"], *(depth for depth, _ in value["ancestors"])]
        require(all(a > b for a, b in pairwise(depths)) and depths[-1] == 0, "ancestors")
        root = self._node(value["tree"])
        objects: dict[str, bytes] = {}
        require(encode_node(root, objects) == value["tree"], "the tree has another form")
        for name in objects:
            require(f"index/{name[:2]}/{name}.json" in self.reached, "a part is missing")
        return Commit(expected, value, root)

    def history(self, start: str) -> Iterator[Commit]:
        """Yield a commit and its first parents, checking what each says of its ancestors."""
        line = [self.commit(start)]
        while line[-1].value["parents"]:
            line.append(self.commit(line[-1].value["parents"][0]))
        for child, parent in pairwise(line):
            require(child.value["depth"] == parent.value["depth"] + 1, "depth")
            require(child.value["time"] >= parent.value["time"], "time")
            a, depth = parent.value["ancestors"], parent.value["depth"]
            wanted = [[depth, parent.digest], *(each for each in a if listed(each[0], depth))]
            require(child.value["ancestors"] == wanted, "ancestors")
            is_merge = len(child.value["parents"]) > 1
            require(child.value["merges"] == parent.value["merges"] + is_merge, "merges")
        yield from line

    def _node(self, value: Json) -> Node:
        value = dict(value)
        if value["metadata"].get("node_type") == "array":
            exactly(value, "metadata", optional=("chunks", "column"))
            index = value.pop("chunks", None)
            return Node(value, chunks=dict(self._chunks(index)) if index else {})
        branches: Json = {key: value.pop(key) for key in ("children", "buckets") if key in value}
        exactly(value, "metadata", optional=("table",))
        return Node(value, children=dict(self._children(branches, "")))

    def _children(self, value: Json, prefix: str) -> Iterator[tuple[str, Node]]:
        require(len(value) == 1, "either children or buckets")
        for name, child in value.get("children", {}).items():
            require(digest(name.encode()).startswith(prefix), "a child is in the wrong bucket")
            yield name, self._node(parse(self._part(child["ref"])) if "ref" in child else child)
        for digit, ref in value.get("buckets", {}).items():
            yield from self._children(parse(self._part(ref[:2])), prefix + digit)

    def _chunks(self, index: Json) -> Iterator[tuple[int, Chunk]]:
        page = parse(self._part(index["ref"])) if "ref" in index else index["page"]
        yield from self._page(page, index["height"], 0)

    def _page(self, page: Json, height: int, base: int) -> Iterator[tuple[int, Chunk]]:
        slots = [first + i for first, count in page["at"] for i in range(count)]
        joined = base64.b64decode(page["digests"], validate=True)
        digests = [joined[i : i + 32] for i in range(0, len(joined), 32)]
        if height > 0:
            for slot, name, nbytes in zip(slots, digests, page["nbytes"], strict=True):
                below = parse(self._part([name.hex(), nbytes]))
                yield from self._page(below, height - 1, base + slot * 512**height)
            return
        patches: dict[int, list[tuple[list[list[int]], Chunk]]] = {}
        for of, rows, pack, offset, nbytes, name in page.get("patches", []):
            place = page["packs"][pack]
            require(offset + nbytes <= place[1], "a patch lies outside its pack")
            patch = Chunk((place[0], place[1]), offset, nbytes, bytes.fromhex(name))
            patches.setdefault(slots[of], []).append((rows, patch))
        at = iter(zip(slots, digests, page["nbytes"], strict=True))
        for pack, start, count in page["extents"]:
            offset = start
            for _ in range(count):
                slot, name, nbytes = next(at)
                place = page["packs"][pack]
                is_outside = pack in page.get("sources", [])
                is_inside = is_outside or offset + nbytes <= place[1]
                require(is_inside, "a chunk lies outside its pack")
                over = tuple(patches.get(slot, ()))
                found = Chunk((place[0], place[1]), offset, nbytes, name, over, is_outside)
                yield base + slot, found
                offset += nbytes

    def array(self, node: Node) -> NDArray[Any]:
        """Return all elements of an array."""
        metadata = node.metadata
        shape = tuple(metadata["shape"])
        chunk_shape = tuple(metadata["chunk_grid"]["configuration"]["chunk_shape"])
        whole = np.full(shape, fill_of(metadata), dtype_of(metadata["data_type"]))
        for number, chunk in node.chunks.items():
            coordinates = chunk_coordinates(number, shape, chunk_shape)
            require(chunk_number(coordinates, shape, chunk_shape) == number, "a chunk's number")
            decoded = decode_chunk(self._chunk(chunk), metadata, chunk_shape)
            for runs, patch in chunk.patches:
                picked = [row for first, count in runs for row in range(first, first + count)]
                require(picked == sorted({*picked}), "the rows of a patch are out of order")
                shape_of_patch = (len(picked), *chunk_shape[1:])
                decoded = decoded.copy()
                decoded[picked] = decode_chunk(self._chunk(patch), metadata, shape_of_patch)
            places = tuple(
                slice(i * size, min((i + 1) * size, n))
                for i, size, n in zip(coordinates, chunk_shape, shape, strict=True)
            )
            lengths = tuple(slice(0, place.stop - place.start) for place in places)
            is_inside = all(place.start < place.stop for place in places)
            require(is_inside, "a chunk lies outside the array")
            whole[places] = decoded[lengths]
        return whole

    def _there(self, chunk: Chunk) -> Chunk:
        """Follow a chunk to where it is, if its pack was repacked (section 9)."""
        for _ in range(16):
            name, _ = chunk.pack
            if (self._root / f"packs/{name[:2]}/{name}").exists():
                return chunk
            key = f"moved/{name[:2]}/{name}.json"
            self.reached.add(key)
            moved = exactly(self._checked(key), "format", "into", "pack", "runs")
            require(moved["pack"] == name, "about another pack")
            start = 0
            for offset, nbytes in moved["runs"]:
                if offset <= chunk.offset and chunk.offset + chunk.nbytes <= offset + nbytes:
                    place = start + chunk.offset - offset
                    chunk = replace(chunk, pack=tuple(moved["into"]), offset=place)
                    break
                start += nbytes
            else:
                raise RefusedError("a chunk was left out")
        raise RefusedError("too many steps")

    def _in_a_file(self, chunk: Chunk) -> bytes:
        """Return a chunk that stays in another file (section 9)."""
        name, nbytes = chunk.pack
        document = self._immutable(f"packs/{name[:2]}/{name}", name)
        require(len(document) == nbytes, "a source has another length")
        source = exactly(parse(document), "files", "format", "prefix")
        require(source["format"] == 1, "a newer format")
        start = 0
        for path, length in source["files"]:
            if start <= chunk.offset and chunk.offset + chunk.nbytes <= start + length:
                whole = self._files[source["prefix"] + path]
                data = whole[chunk.offset - start :][: chunk.nbytes]
                require(blake3(data).digest() == chunk.digest, "a file was changed")
                return data
            start += length
        raise RefusedError("a chunk lies in no file of its source")

    def _chunk(self, chunk: Chunk) -> bytes:
        if chunk.is_outside:
            return self._in_a_file(chunk)
        chunk = self._there(chunk)
        name, nbytes = chunk.pack
        pack = self._immutable(f"packs/{name[:2]}/{name}", name)
        require(len(pack) == nbytes, "a pack has another length")
        data = pack[chunk.offset : chunk.offset + chunk.nbytes]
        require(blake3(data).digest() == chunk.digest, "a chunk is damaged")
        return data

    # 10. Tables

    def table(self, node: Node) -> dict[str, Any]:
        """Return a table's live samples by column, the keys under `sample`."""
        arrays = {name: self.array(child) for name, child in node.children.items()}
        self._check_index(node, arrays)
        rows = {len(array) for array in arrays.values()}
        require(len(rows) == 1, "the columns differ in length")
        deleted = arrays.pop("sample.deleted", np.zeros(rows.pop(), bool))
        counts = [int(deleted[i : i + 2**20].sum()) for i in range(0, len(deleted), 2**20)]
        while counts and not counts[-1]:
            del counts[-1]
        require(node.value["table"].get("deleted", []) == counts, "another number of deleted rows")
        live = np.flatnonzero(~deleted)
        samples: dict[str, Any] = {}
        for name, child in node.children.items():
            if name == "sample.index":
                continue
            column = child.value.get("column")
            rows_per_chunk = child.metadata["chunk_grid"]["configuration"]["chunk_shape"][0]
            require(rows_per_chunk & (rows_per_chunk - 1) == 0, "no power of two")
            require(child.metadata["dimension_names"][0] == "sample", "no dimension `sample`")
            if column is not None:
                shapes = arrays.get(f"{name}.shape")
                samples[name] = KINDS[column["kind"]](arrays[name][live], column, shapes, live)
                if column.get("optional"):
                    valid = arrays[f"{name}.valid"][live]
                    pairs = zip(samples[name], valid, strict=True)
                    samples[name] = [sample if is_there else None for sample, is_there in pairs]
        if "keys" in node.value["table"]:
            samples["sample"] = arrays["sample"][live].tolist()
            if node.value["table"]["keys"] == "tuple":
                samples["sample"] = [tuple(parse(key.encode())) for key in samples["sample"]]
            require(len(set(samples["sample"])) == len(live), "a key appears twice")
        return samples

    def live(self, node: Node) -> int:
        """Return how many samples a table has."""
        rows = max(child.metadata["shape"][0] for child in node.children.values())
        return int(rows - sum(node.value["table"].get("deleted", [])))

    def _check_index(self, node: Node, arrays: dict[str, Any]) -> None:
        """See that the index of keys is there if the table is large, and says what it must."""
        found = arrays.pop("sample.index", None)
        kind = node.value["table"].get("keys")
        rows = max(map(len, arrays.values()))
        require((found is not None) == (kind is not None and rows > 16_384), "an index of keys")
        if found is None:
            return
        metadata = node.children["sample.index"].metadata
        require(metadata["data_type"] == "variable_length_bytes", "no index of keys")
        require(metadata["chunk_grid"]["configuration"]["chunk_shape"] == [1], "buckets")
        keys = node.children["sample"].metadata["chunk_grid"]["configuration"]["chunk_shape"][0]
        names = [(key, row // keys) for row, key in enumerate(arrays["sample"].tolist())]
        require(found.tolist() == buckets(names, rows, kind), "the index says something else")


def ragged(elements: Any, column: Json, shapes: Any, live: Any) -> list[NDArray[Any]]:
    dtype = dtype_of(column["dtype"]).newbyteorder("<")
    unset = [length or 0 for length in column["shape"]]
    return [
        np.frombuffer(element, dtype).reshape(shape if any(shape) else unset)
        for element, shape in zip(elements, shapes[live], strict=True)
    ]


def sounds(elements: Any, column: Json, *_: Any) -> list[NDArray[Any]]:
    """Return the values of WAV files with 16 bits, which those of its tests are."""
    require(column["dtype"] == "int16", "a data type of sounds")
    found = []
    for element in elements:
        if not element:
            found.append(np.zeros((0, column["shape"][1] or 0), "int16"))
            continue
        with wave.open(io.BytesIO(element)) as file:
            require(file.getsampwidth() == 2, "16 bits")
            require(column["shape"][1] in (None, file.getnchannels()), "channels")
            require(column.get("rate") in (None, file.getframerate()), "a rate")
            values = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            found.append(values.reshape(-1, file.getnchannels()))
    return found


KINDS: dict[str, Callable[..., Any]] = {
    "ndarray": lambda elements, *_: elements,
    "ragged": ragged,
    "text": lambda elements, *_: elements.tolist(),
    "texts": lambda elements, *_: [parse(each) if each else [] for each in elements],
    "bytes": lambda elements, *_: elements.tolist(),
    "image": lambda elements, *_: elements.tolist(),
    "audio": sounds,
}
