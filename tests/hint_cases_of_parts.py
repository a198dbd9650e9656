"""How errors of loaders, importers, transfers and stores are provoked, and their advice taken."""

from tests.hint_cases import CHANGE, Case

RAGGED = """
spec = vstore.ndarray((None, None), "int64")
with repo.transaction(message="Second") as tx:
    samples = {"x": [np.ones((1, 2), int), np.ones((2, 1), int)]}
    tx.create_table("ragged", {"x": spec}).extend(samples)
table = repo.checkout()["ragged"]
"""
TORCH = "import torch\nfrom torch.utils.data import DataLoader\nimport vstore.torch\n"
DATASET = TORCH + "dataset = vstore.torch.StreamingDataset(table, batch_size=1)\n"
PEER = """
shutil.copytree(url, "theirs")
theirs = vstore.open("theirs")
remote = repo.remotes.add("origin", "theirs")
"""
LINES = """
import vstore.importers
Path("rows.jsonl").write_text('{"a": 1}\\n' * 2000 + LAST)
"""
READING = "rows = vstore.importers.open_rows('rows.jsonl', {})\n"
IMPORT = """
with repo.transaction(message="Third") as tx:
    vstore.importers.import_into(tx, "rows", rows)
"""
IGNORING = """
from examples.folder_store import FolderStore
class Ignoring(FolderStore):
    def put_if_absent(self, key, data):
        return self._write(key, data)
store = Ignoring("ignoring")
"""
HIDING = """
from vstore.storage.memory import MemoryStore
class Hiding(MemoryStore):
    def list_prefix(self, prefix):
        return (info for info in super().list_prefix(prefix) if "clock" not in info.key)
store = Hiding()
repo = vstore.create(store)
with repo.transaction(message="First") as tx:
    tx.create_array("grid", shape=(4,), dtype="int64")[:] = 1
"""

CASES_OF_PARTS = (
    Case("array-not-held", "import_hierarchy(tx, 'a', Hierarchy(arrays, dict()))",
         before=CHANGE + """
from vstore.importers import HierarchyOptions, import_hierarchy
from vstore.plugins import Hierarchy, HierarchyArray
arrays = dict(
    x=HierarchyArray((2,), "int64", lambda region: np.arange(2)[region]),
    odd=HierarchyArray((2,), "object", lambda region: None, refused="holds objects"),
)
""", around="import_hierarchy(tx, 'b', Hierarchy(arrays, dict()), HierarchyOptions({}))"),
    Case("journal-not-resumed", "vstore.importers.import_into(tx, 'y', rows, resume='journal')",
         before=CHANGE + """
import vstore.importers
Path("journal").write_text("[]")
Path("x.csv").write_text("a,b\\n1,2\\n")
rows = vstore.importers.open_rows("x.csv")
""", does="os.remove('journal')\ntx.delete('y') if 'y' in tx else None", helps=True),
    Case("no-hierarchy", "vstore.importers.open_hierarchy(source)", before="""
import vstore.importers
source = "x.csv"
Path(source).write_text("a,b\\n1,2\\n")
"""),
    Case("batch-too-large", "table.arrow().table()", before="""
import pytest
pytest.importorskip("pyarrow")
from unittest import mock
from vstore.arrow import packed
mock.patch.object(packed, "_MOST_NBYTES", 2).start()
""", does="mock.patch.stopall()", around="{}.table()"),
    Case("batches-of-batches", "next(iter(DataLoader(dataset)))", before=DATASET,
         around="list(DataLoader(vstore.torch.StreamingDataset(table, {})))\n"
         "list(DataLoader(dataset, {}))"),
    Case("batches-unknown", "dataset.state_dict(1)", before=TORCH + """
dataset = vstore.torch.StreamingDataset(table, batch_size=None, on_error="skip")
"""),
    Case("branch-exists", "repo.remotes.add('origin', 'theirs')",
         before="repo.branches.create('origin/x')", does="repo.remotes.add('other', 'theirs')"),
    Case("chunk-too-large", "tx.commit()", before="""
from unittest import mock
from vstore.format.zarr import vlen
mock.patch.object(vlen, "MAX_CHUNK_NBYTES", 150).start()
tx = repo.transaction(message='Second')
array = tx.create_array("lines", shape=(4,), dtype="string", chunk_shape=(4,))
array[:] = np.array(['a' * 99, 'b' * 99, '', ''], object)
""", does="""
tx = repo.transaction(message="Again")
array = tx.create_array("smaller", shape=(4,), dtype="string", chunk_shape=(1,))
array[:] = np.array(['a' * 99, 'b' * 99, '', ''], object)
tx.commit()
mock.patch.stopall()
"""),
    Case("column-to-rename", "import vstore.importers\n"
         "vstore.importers.open_rows('odd.csv')", before="""
from pathlib import Path
Path("odd.csv").write_text("km/h,n\\n1,2\\n")
""", does="""
from vstore.importers import open_rows
source = "odd.csv"
""", helps=False),
    Case("field-of-another-type", READING.format("") + IMPORT,
         before=LINES.replace("LAST", "'{\"a\": \"x\"}'"), does="""
import json
Path("schema.json").write_text(json.dumps({"a": "text"}))
schema = vstore.importers.read_schema("schema.json")
rows = vstore.importers.open_rows(vstore.importers.open_source("rows.jsonl", schema=schema))
""" + IMPORT),
    Case("unknown-field", READING.format("") + IMPORT,
         before=LINES.replace("LAST", "'{\"b\": 1}'"), does="""
schema = {"b": vstore.ndarray((), "int64").as_optional()}
schema |= {"a": vstore.ndarray((), "int64").as_optional()}
rows = vstore.importers.open_rows(vstore.importers.open_source("rows.jsonl", schema=schema))
""" + IMPORT),
    Case("folder-of-others", "list(vstore.reader.Reader(table, batch_size=2, cache_dir='cache'))",
         before="os.mkdir('cache')\nos.chmod('cache', 0o777)", around="list({})"),
    Case("group-not-empty", "sync(tx.store.set('group/zarr.json', document))", before=CHANGE + """
from zarr.core.sync import sync
tx.create_array("group/x", shape=(1,), dtype="int64")
tx.create_array("plain", shape=(1,), dtype="int64")
from zarr.core.buffer import default_buffer_prototype
document = sync(tx.store.get("plain/zarr.json", default_buffer_prototype()))
""", helps=True),
    Case("lease-broken", "remote.push('main', force_with_lease='main')", before=PEER + """
with theirs.transaction(message="Second") as tx:
    tx["train"].extend(values)
""", does="""
remote.fetch()
remote.push("main", force_with_lease="origin/main")
"""),
    Case("policy-keep", "repo.gc(expire=timedelta(days=1))", before="""
repo.policies.set(keep=timedelta(days=90))
"""),
    Case("policy-metadata", "repo.transaction(message='Second')", before="""
repo.policies.set(require_metadata=["ticket"])
""", around="repo.transaction(message='Second', {})"),
    Case("policy-protected", "repo.amend(message='Other')", before="""
with repo.transaction(message="Second") as tx:
    tx["grid"][0] = 2
revision = repo.resolve()
repo.policies.set(protect_branches=["main"])
""", helps=True),
    Case("policy-purge", "repo.purge('keyed', ['a'])", before="""
repo.policies.set(may_purge=["dpo@clinic.example"])
"""),
    Case("lost-refs", "repo.gc()", before="""
repo.branches.create("dev")
with repo.transaction("dev", message="Second") as tx:
    tx["train"].extend(values)
for path in Path(url).rglob("*"):
    os.utime(path, (0, 0))
repo.gc()
Path(url, "refs", "branches", "dev.json").unlink()
"""),
    Case("name-taken", "vstore.reader.Reader(given, batch_size=1)", before="""
with repo.transaction(message="Second") as tx:
    spec = {"x": vstore.ndarray((), "int64").as_optional()}
    tx.create_table("some", spec).extend({"x": [1, None]})
table, label = repo.checkout()["some"], table["label"]
given = {"x": table["x"], "x.valid": label}
""", does="""
list(vstore.reader.Reader({"x": table["x"], "is there": label}, batch_size=1))
list(vstore.reader.Reader({"x": table["x"]}, batch_size=1))
"""),
    Case("no-guarantee", "vstore.create(store)", before=IGNORING),
    Case("no-keys", "tx['train'].upsert(values)", before=CHANGE, around="tx['train'].{}(values)"),
    Case("not-by-position", "vstore.reader.Reader(table, batch_size=1)[0]",
         before=TORCH, does="list(vstore.reader.Reader(table, batch_size=1))",
         around="list(DataLoader({}, batch_size=None))"),
    Case("not-nestable", "list(Loader(table, **options, ragged='nested'))",
         before=TORCH + RAGGED + """
import warnings
warnings.simplefilter("ignore")
from vstore.torch import Loader
options = {"batch_size": 2, "transforms": {"x": lambda x: x.T if len(x) > 1 else x}}
spec = vstore.ndarray((None, 3), "int64")
with repo.transaction(message="Third") as tx:
    samples = {"x": [np.ones((1, 3), int), np.ones((2, 3), int)]}
    tx.create_table("jagged", {"x": spec}).extend(samples)
table = repo.checkout()["jagged"]
""", around="list(Loader(table, **options, {}))"),
    Case("read-does-not-pickle", """
with repo.transaction(message="Third") as tx:
    vstore.importers.import_into(tx, "rows", rows, processes=2)
""", before="""
import vstore.importers
from vstore.plugins import Rows
rows = Rows({"x": vstore.ndarray((), "int64")}, items=[1, 2], read=lambda item: {"x": item})
""", around="tx = repo.transaction(message='m')\n"
         "vstore.importers.import_into(tx, 'rows', rows, **dict([('processes', 0)]))"),
    Case("remote-promises", "repo.remotes.remove('origin')", before="""
repo = vstore.clone(url, "part", metadata_only=True)
""", helps=True),
    Case("samples-differ-in-axes",
         "list(vstore.reader.Reader(table, batch_size=2, transforms=change, ragged='padded'))",
         before=RAGGED + """
change = {"x": lambda x: x.reshape(-1) if len(x) > 1 else x}
""", around="list(vstore.reader.Reader(table, batch_size=2, transforms=change, {}))"),
    Case("samples-differ-in-shape",
         "list(vstore.reader.Reader(table, ['label'], batch_size=2, transforms=change))", before="""
change = {"label": lambda label: np.zeros(int(label))}
""", around="list(vstore.reader.Reader(table, ['label'], batch_size=2, transforms=change, {}))"),
    Case("stale-listing", "repo.gc()", before=HIDING),
    Case("uncommitted-data", "vstore.reader.regions(tx['grid'], (2,))", before=CHANGE,
         does="tx['grid'][0] = 5\ntx.commit()",
         around="vstore.reader.Reader(vstore.reader.regions({}['grid'], (2,)), batch_size=1)"),
    Case("not-of-arrows-type", "tx['prices'].extend(pa.table({'price': [3]}))", before=CHANGE + """
import pyarrow as pa
prices = pa.table({"price": pa.array([2]).cast(pa.decimal128(19, 0)).cast(pa.decimal128(9, 1))})
tx.write_arrow("prices", prices)
""", does="tx['prices'].extend(prices)"),
    Case("not-in-references", "vstore.exporters.export_refs(snapshot, 'refs.parquet')", before="""
with repo.transaction(message="Second") as tx:
    tx.create_array("good/.zoo", shape=(1,), dtype="int64")
snapshot = repo.checkout()
""", does="vstore.exporters.export_refs(snapshot, 'refs.json')"),
    Case("unknown-reference-file", "vstore.exporters.export_refs(repo.checkout(), 'refs.odd')",
         does="vstore.exporters.export_refs(repo.checkout(), 'refs.parquet')"),
    Case("unknown-format", "vstore.importers.open_rows('x.odd')",
         before="import vstore.importers\nPath('x.odd').write_bytes(b'odd')",
         around="vstore.importers.open_rows('x.odd', {})"),
    Case("unknown-format", "vstore.exporters.export(table, 'x.odd')",
         before="import vstore.exporters",
         does="vstore.exporters.export(table, 'x.jsonl')"),
)  # fmt: skip
