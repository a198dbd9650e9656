"""The tree of nodes against plain paths: same contents, same bytes; large parts apart."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vstore
from tests.repositories import new_repository
from vstore.format import node_codec
from vstore.format.digest import Digest, digest_of
from vstore.format.nodes import ArrayNode, GroupNode, Node, NodeRef
from vstore.format.tree import Tree

quick = settings(max_examples=100, deadline=None)


@pytest.fixture
def _small_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nodes be objects of their own, and groups split into buckets, early."""
    monkeypatch.setattr("vstore.format.node_codec.NODE_NBYTES", 700)
    monkeypatch.setattr("vstore.format.node_codec.LARGE_NBYTES", 300)
    monkeypatch.setattr("vstore.format.buckets.MOST_FLAT", 4)


class Store:
    """Node objects by digest."""

    def __init__(self) -> None:
        self.objects: dict[Digest, bytes] = {}

    def load(self, refs: Sequence[NodeRef]) -> list[bytes]:
        found = [self.objects[ref.digest] for ref in refs]
        assert [len(data) for data in found] == [ref.nbytes for ref in refs]
        return found

    def saved(self, tree: Tree) -> dict[str, Any]:
        value, objects = node_codec.encode(tree.root, tree.load)
        for digest, data in objects.items():
            assert digest_of(data) == digest
        self.objects |= objects
        return value

    def opened(self, value: dict[str, Any]) -> Tree:
        root = node_codec.decode(value, self.load, what="the root")
        assert isinstance(root, GroupNode)
        return Tree(root, self.load)

    def empty(self) -> Tree:
        return Tree(GroupNode(), self.load)


def array(note: str) -> ArrayNode:
    return ArrayNode({"zarr_format": 3, "node_type": "array", "attributes": {"note": note}})


names = st.text(st.sampled_from("abcé ✓"), min_size=1, max_size=3)
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
notes = st.text(st.sampled_from("xyz"), max_size=150)
edits = st.lists(st.tuples(paths, st.none() | notes), max_size=40)


def apply(tree: Tree, model: dict[str, str], path: str, note: str | None) -> Tree:
    """Put an array at a path, or delete what is there, in the tree and in the model."""
    above = [path.rsplit("/", i)[0] for i in range(1, path.count("/") + 1)]
    if any(name in model for name in above):
        return tree
    if note is None:
        if tree.find(path) is None:
            return tree
        for name in [name for name in model if f"{name}/".startswith(f"{path}/")]:
            del model[name]
        return tree.put(path, None)
    if isinstance(tree.find(path), GroupNode):
        return tree
    model[path] = note
    return tree.put(path, array(note))


def arrays(tree: Tree) -> dict[str, str]:
    return {
        path: node.metadata["attributes"]["note"]
        for path, node in tree.walk()
        if isinstance(node, ArrayNode)
    }


@pytest.mark.usefixtures("_small_nodes")
@quick
@given(edits)
def test_a_tree_holds_what_was_put_into_it(changes: list[tuple[str, str | None]]) -> None:
    store, model = Store(), dict[str, str]()
    tree = store.empty()
    for i, (path, note) in enumerate(changes):
        tree = apply(tree, model, path, note)
        if i % 5 == 4:
            tree = store.opened(store.saved(tree))
    tree = store.opened(store.saved(tree))
    assert arrays(tree) == model
    for path, note in model.items():
        node: Node = tree.get(path)
        assert node.metadata["attributes"]["note"] == note


@pytest.mark.usefixtures("_small_nodes")
@quick
@given(edits, st.integers(0, 5), st.randoms(use_true_random=False))
def test_the_form_follows_from_the_contents_alone(
    changes: list[tuple[str, str | None]], every: int, random: Any
) -> None:
    store, model = Store(), dict[str, str]()
    tree = store.empty()
    for i, (path, note) in enumerate(changes):
        tree = apply(tree, model, path, note)
        if every and i % every == 0:
            tree = store.opened(store.saved(tree))
    groups = [path for path, node in tree.walk() if isinstance(node, GroupNode) and path]
    items = [*model.items()]
    random.shuffle(items)
    anew = store.empty()
    for path in groups:
        anew = anew.put(path, GroupNode()) if anew.find(path) is None else anew
    for path, note in items:
        anew = anew.put(path, array(note))
    assert store.saved(anew) == store.saved(tree)


@pytest.mark.usefixtures("_small_nodes")
def test_large_children_and_large_groups_stand_apart() -> None:
    store = Store()
    tree = store.empty().put("large", array("x" * 2000)).put("small", array("y"))
    value = store.saved(tree)
    assert len(store.objects) == 1
    assert len(str(value)) < 700
    for i in range(200):
        tree = tree.put(f"many/n{i}", array("z" * 20))
    value = store.saved(tree)
    assert len(str(value)) < 700
    assert all(len(data) < 2200 for data in store.objects.values())
    assert len(arrays(store.opened(value))) == 202


@pytest.mark.usefixtures("_small_nodes")
def test_changing_one_node_leaves_the_objects_of_the_others() -> None:
    store = Store()
    tree = store.empty()
    for i in range(200):
        tree = tree.put(f"many/n{i}", array("z" * 20))
    value = store.saved(tree)
    before = set(store.objects)
    store.saved(store.opened(value).put("many/n77", array("new")))
    assert len(set(store.objects) - before) <= 4


def test_a_node_that_is_missing_is_named_with_those_beside_it() -> None:
    tree = Store().empty().put("a/b", array("")).put("a/c", array(""))
    with pytest.raises(vstore.NotFoundError, match=r"'a/d'[^\n]*\nHint: choose one of 'b', 'c'"):
        tree.get("a/d")
    with pytest.raises(vstore.NotFoundError, match="'a/b/d'"):
        tree.get("a/b/d")
    with pytest.raises(vstore.InvalidInputError, match="'b' is an array"):
        tree.put("a/b/d", array(""))
    with pytest.raises(vstore.InvalidInputError, match="root"):
        tree.put("", None)


def test_many_tables_in_one_repository() -> None:
    repository = new_repository()
    with repository.transaction("main", message="Many") as tx:
        for i in range(300):
            spec = vstore.ndarray((), "int64", attributes={"note": "x" * 200})
            tx.create_table(f"g{i % 7}/t{i}", {"x": spec}).extend({"x": [i] * 3})
    with repository.transaction("main", message="Change one") as tx:
        tx["g5/t12"]["x"][1] = -1
    snapshot: Any = repository.checkout("main")
    assert len(snapshot.tables) == 300
    for i in range(300):
        expected = [i, -1 if i == 12 else i, i]
        assert snapshot[f"g{i % 7}/t{i}"]["x"][:].tolist() == expected
