"""How errors that advise something are provoked, and what their advice needs."""

from dataclasses import dataclass

SETUP = """
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
import numpy as np
import vstore, vstore.exporters, vstore.reader

url = "repository"
repo = vstore.create(url)
columns = {"label": vstore.ndarray((), "int64"), "name": vstore.text()}
keyed = {"x": vstore.ndarray((), "int64")}
values = {"label": [1, 2], "name": ["one", "two"]}
with repo.transaction(message="First") as tx:
    tx.create_table("train", columns).extend(values)
    tx.create_table("keyed", keyed, keys="str").extend({"x": [1]}, keys=["a"])
    tx.create_array("grid", shape=(4,), dtype="int64")[:] = 1
table = repo.checkout()["train"]
"""
CHANGE = "tx = repo.transaction(message='Second')\n"
UNMERGED = """
repo.branches.create("dev")
with repo.transaction("dev", message="Second") as tx:
    tx["train"].extend(values)
"""
UNREACHABLE = """
lost = repo.branches.delete("dev", force=True)
for path in Path(url).rglob("*"):
    os.utime(path, (0, 0))
repo.gc(expire=timedelta(0))
"""
SWEEPING = """
from vstore.maintenance.gc.state import State
from vstore.storage.open import open_store
State.read(open_store(url)).entering("sweeping")
"""
TENTHS = """
tenths = {"offset": 0, "scale": 10, "dtype": "<f8", "astype": "<i4"}
codecs = [
    {"name": "numcodecs.fixedscaleoffset", "configuration": tenths},
    {"name": "bytes", "configuration": {"endian": "little"}},
]
tx = repo.transaction(message="Second")
spec = vstore.ndarray((), "float64", codecs=codecs, rows_per_chunk=4)
tx.create_table("tenths", {"x": spec})
"""
INEXACT = """
try:
    tx["tenths"].extend({"x": np.full(9, 0.123)})
except vstore.InvalidInputError:
    pass
"""
FILES = (
    CHANGE
    + """
import vstore.exporters
label = vstore.ndarray((), "int64", attributes={{"classes": ["cat"]}})
columns = {{"data": vstore.bytes_(), "label": label}}
table = tx.create_table("files", columns, keys="str")
table.extend({{"data": [b"1", b"2"], "label": [0, {}]}}, keys={})
tx.commit()
files = repo.checkout()["files"]
"""
)
DAMAGED = """
shutil.copytree(url, "copy")
copy = vstore.open("copy")
pack = next(path for path in Path(url, "packs").rglob("*") if path.is_file())
pack.write_bytes(bytes(255 - byte for byte in pack.read_bytes()))
repo = vstore.open(url)
"""


@dataclass(frozen=True)
class Case:
    """How to provoke an error, and what surrounds the code of its hint where that is a part."""

    code: str
    fails: str
    before: str = ""
    around: str = "{}"
    helps: bool = False
    """Whether the same thing works once the advice was taken."""
    does: str = ""
    """What the words around the code of the hint say; it is run before that code."""


READ = "vstore.reader.Reader(table, batch_size=1, **dict({}))"
CASES = (
    Case("ambiguous-prefix", "repo.checkout('0' * 0 + prefix)", before="""
prefix = "abcd"
for last in "01":
    Path(url, "commits", "abcdef" + "0" * 57 + last + ".json").write_text("{}")
"""),
    Case("blosc-threads", "tx['keyed'].extend({'x': [1]}, keys=['b']); tx.commit()",
         before=CHANGE + "import numcodecs.blosc\nnumcodecs.blosc.use_threads = True\n"),
    Case("branch-deleted", "tx.commit()", before="""
repo.branches.create("dev")
tx = repo.transaction("dev", message="Second")
tx["train"].extend(values)
repo.branches.delete("dev")
"""),
    Case("branch-of-remote", "repo.transaction('origin/side', message='m')", before="""
shutil.copytree(url, "theirs")
vstore.open("theirs").branches.create("side")
repo.remotes.add("origin", "theirs").fetch()
"""),
    Case("branch-not-found", "repo.transaction('dev', message='m')", helps=True),
    Case("branch-not-merged", "repo.branches.delete('dev')", before=UNMERGED),
    Case("branch-was-deleted", "repo.transaction('dev', message='m')", before="""
repo.branches.create("dev")
repo.branches.delete("dev")
""", helps=True),
    Case("default-branch", "repo.branches.delete('main')"),
    Case("column-not-found", "table['nope']"),
    Case("column-not-optional", "tx['train'].append({'label': None, 'name': 'x'})", before=CHANGE),
    Case("column-not-optional", "tx['train'].append({'label': 1, 'name': None})", before=CHANGE),
    Case("damaged-object", "repo.checkout()['train']['label'][:]", before=DAMAGED, helps=True),
    Case("finished-transaction", "tx['train'].extend(values)", before=CHANGE + "tx.discard()"),
    Case("image-not-taken", "tx['photos'].append({'photo': data})", before=CHANGE + """
import io
from PIL import Image
held = io.BytesIO()
Image.new("P", (2, 2)).save(held, "PNG")
data = held.getvalue()
tx.create_table("photos", {"photo": vstore.image()})
"""),
    Case("audio-not-taken", "tx['sounds'].append({'sound': data})", before=CHANGE + """
from vstore.format.table.wav import wav_file
data = wav_file(np.zeros((2, 1), 'int32'), 16000)
tx.create_table("sounds", {"sound": vstore.audio()})
"""),
    Case("audio-not-taken", "tx['sounds'].append({'sound': np.zeros(2, 'int16')})",
         before=CHANGE + "tx.create_table('sounds', {'sound': vstore.audio()})"),
    Case("in-memory-only", "vstore.exporters.export_refs(snapshot, 'refs.json')", before="""
with vstore.create("memory://hints-export").transaction(message="m") as tx:
    tx.create_array("grid", shape=(1,), dtype="int64")
snapshot = vstore.checkout("memory://hints-export")
"""),
    Case("key-exists", "tx['keyed'].extend({'x': [1]}, keys=['a'])", helps=True,
         before=CHANGE + "sample = {'x': 5}"),
    Case("keys-not-in-both", "vstore.reader.Reader([a['x'], b['y']], batch_size=1)", before="""
with repo.transaction(message="Second") as tx:
    tx.create_table("other", {"y": keyed["x"]}, keys="str").extend({"y": [1]}, keys=["b"])
a, b = repo.checkout()["keyed"], repo.checkout()["other"]
"""),
    Case("lossy-conversion", "tx['train'].extend({'label': values, 'name': ['x', 'y']})",
         before=CHANGE + "values = np.array([1.0, 2.0])"),
    Case("lossy-masks", "xarray.open_dataset(repo.checkout(), engine=E, group='t').load()",
         around="xarray.open_dataset(repo.checkout(), engine=E, group='t', {}).load()", before="""
import xarray
from vstore.zarr.xarray_backend import VstoreBackendEntrypoint as E
with repo.transaction(message="Second") as tx:
    column = vstore.ndarray((), "int64").as_optional()
    tx.create_table("t", {"x": column}).extend({"x": [2**53 + 1, None]})
"""),
    Case("masked-values", "tx['train'].extend({'label': values, 'name': ['x', 'y']})",
         before=CHANGE + "values = np.ma.MaskedArray([1, 2], [True, False])"),
    Case("invalid-condition", "repo.checkout()['train'].arrow(where='label')",
         before="table = repo.checkout()['train']", helps=False),
    Case("not-in-arrow", "table.arrow().table()", before="""
with repo.transaction(message="Second") as tx:
    times = vstore.ndarray((), "datetime64[Y]")
    when = np.array([2**50], "datetime64[Y]")
    tx.create_table("times", {"when": times}).extend({"when": when})
table = repo.checkout()["times"]
""", helps=False),
    Case("not-texts", "tx.create_table('x', {'tags': vstore.texts()}).append({'tags': 'night'})",
         before=CHANGE),
    Case("not-texts", "table['label'].contains('night')"),
    Case("unsupported-dtype", "vstore.ndarray((None, 2), 'T')"),
    Case("missing-positions", "table['label'][positions]",
         before="positions = np.ma.MaskedArray([0, 1], [False, True])", helps=False),
    Case("missing-samples", "np.asarray(table['age'])", before="""
with repo.transaction(message="Second") as tx:
    column = vstore.ndarray((), "int64").as_optional()
    tx.create_table("people", {"age": column}).extend({"age": [1, None]})
table = repo.checkout()["people"]
"""),
    Case("missing-values", "tx['grid'][0] = None", before=CHANGE),
    Case("missing-keys", "table.extend(values)", helps=False,
         before=CHANGE + "table, values, keys = tx['keyed'], {'x': [1]}, ['b']"),
    Case("another-repository", "mine.remotes['origin'].fetch()", before="""
mine = vstore.clone(url, "mine")
shutil.rmtree(url)
with vstore.create(url).transaction(message="Again") as tx:
    tx.create_array("x", shape=(1,), dtype="int64")
"""),
    Case("changed-since-copied", "mine.update('train')", before="""
mine = vstore.create("mine")
mine.copy(url, "train")
for each in (mine, repo):
    with each.transaction(message="Change") as tx:
        tx["train"]["label"][0] = 9
repo_before, repo = repo, mine
"""),
    Case("not-copied", "repo.update('keyed')", before="""
path = "keyed"
with vstore.create("theirs").transaction(message="Theirs") as tx:
    tx.create_table("keyed", keyed, keys="str").extend({"x": [1]}, keys=["a"])
url = "theirs"
"""),
    Case("no-allowed-signers", "repo.verify()"),
    Case("no-signing-key", "repo.sign()"),
    Case("no-batch-size", "vstore.reader.Reader(table)", around="vstore.reader.Reader(table, {})"),
    Case("no-cache", "vstore.reader.Reader(table, batch_size=1).prefetch()"),
    Case("no-conditional-writes", "vstore.create(url)",
         before="url = f'dir://repo::file://{Path.cwd()}'"),
    Case("no-files", "table['label'].info(0)"),
    Case("no-whole-batch", "list(vstore.reader.Reader(table, batch_size=256, drop_last=True))",
         around="list(vstore.reader.Reader(table, batch_size=256, {}))"),
    Case("fewer-samples-than-ranks",
         "list(vstore.reader.Reader(table, batch_size=1, rank=0, world_size=3))",
         around="list(vstore.reader.Reader(table, batch_size=1, rank=0, world_size=2, {}))"),
    Case("not-a-revision", "repo.checkout('')"),
    Case("not-a-revision", "repo.checkout('main@{soon}')"),
    Case("not-deleted", "repo.branches.restore('never')"),
    Case("not-readable", "vstore.reader.Reader(5, batch_size=1)"),
    Case("part-of-a-table", "tx.move('train/label', 'label')", before=CHANGE),
    Case("path-exists", "tx.create_table('train', columns)", before=CHANGE, helps=True),
    Case("path-not-found", "repo.checkout()['nope']"),
    Case("pending-deletion", "repo.branches.create('again', at=lost)", helps=True,
         before=UNMERGED + UNREACHABLE),
    Case("non-fast-forward", "repo.remotes['origin'].push('main')", helps=True, before="""
shutil.copytree(url, "theirs")
theirs = vstore.open("theirs")
repo.remotes.add("origin", "theirs")
for each in (repo, theirs):
    with each.transaction(message="Second") as tx:
        tx.create_array(each.url.rpartition("/")[2], shape=(1,), dtype="int64")
"""),
    Case("remote-exists", "repo.remotes.add('origin', 'new')", before="""
repo.remotes.add("origin", "theirs")
url = "elsewhere"
"""),
    Case("remote-not-found", "repo.remotes['origin']", helps=True),
    Case("remote-without-name", "repo.remotes.open('./theirs').fetch()",
         before="name, url = 'theirs', 'theirs'"),
    Case("unrelated", "remote.push('main:theirs')", before="""
with vstore.create("theirs").transaction(message="Theirs") as tx:
    tx.create_array("x", shape=(1,), dtype="int64")
remote = repo.remotes.open("./theirs")
"""),
    Case("repository-exists", "vstore.create(url)"),
    Case("repository-not-found", "vstore.open('new').transaction(message='m')", helps=True),
    Case("revision-not-found", "repo.checkout('nope')"),
    Case("sample-without-path", "list(repo.log(sample=0))"),
    Case("samples-differ-in-size", "table['name'][:, 0]"),
    Case("secret-in-url", "vstore.open('s3://user:secret@bucket/x')",
         around="vstore.open('s3://bucket', {})"),
    Case("secret-in-url", "vstore.open('s3://bucket/x?X-Amz-Signature=secret')"),
    Case("tag-exists", "repo.tags.create('v1')", before="repo.tags.create('v1')", helps=True),
    Case("tag-not-found", "repo.tags['v1']", helps=True),
    Case("text-in-number-column", "tx['train'].extend({'label': ['a'], 'name': ['x']})",
         before=CHANGE),
    Case("time-without-zone", "repo.checkout(as_of=datetime(2030, 1, 1))"),
    Case("column-not-exported", "vstore.exporters.export(files, 'x.csv')",
         before=FILES.format(0, ["a", "b"])),
    Case("link-in-target", "vstore.exporters.export(files, 'out', force=True)",
         before=FILES.format(0, ["a", "b"])
         + "os.mkdir('out'); os.symlink('/', 'out/cat')"),
    Case("no-files-to-export", "vstore.exporters.export(files['label'], 'out')",
         before=FILES.format(0, ["a", "b"])),
    Case("no-such-class", "vstore.exporters.export(files, 'out')",
         before=FILES.format(1, ["a", "b"])),
    Case("same-name", "vstore.exporters.export(files, 'out')",
         before=FILES.format(0, ["a", "a/b"])),
    Case("several-columns", "vstore.exporters.export(files, 'x.npy')",
         before=FILES.format(0, ["a", "b"])),
    Case("target-exists", "vstore.exporters.export(files, '.')",
         before=FILES.format(0, ["a", "b"])
         + "open('x', 'w').close()"),
    Case("unsafe-name", "vstore.exporters.export(files, 'out')",
         before=FILES.format(0, ["a", "../b"])),
    Case("undecodable-audio", "repo.checkout()['sounds']['sound'][0]", before=CHANGE + """
from vstore.format.table.wav import wav_file
sounds = tx.create_table("sounds", {"sound": vstore.audio(check="none")})
sounds.append({"sound": wav_file(np.zeros((2, 1), 'int32'), 16000)})
tx.commit()
"""),
    Case("undecodable-image", "repo.checkout()['photos']['photo'][0]", before=CHANGE + """
import io
from unittest import mock
from PIL import Image
from vstore.format.table import images
held = io.BytesIO()
Image.new("P", (2, 2)).save(held, "PNG")
with mock.patch.object(images, "encoded_image", lambda data, *_, **__: data):
    photos = tx.create_table("photos", {"photo": vstore.image()})
    photos.append({"photo": held.getvalue()})
tx.commit()
"""),
    Case("unexpected-keys", "tx['train'].extend(values, keys=['a', 'b'])",
         before=CHANGE, around="tx.delete('train'); {}"),
    Case("unexpected-keys", "tx['train'].delete(keys=['a'])", before=CHANGE),
    Case("unknown-preset",
         "tx.create_table('b', {'x': vstore.ndarray((), 'int64', codecs='best')})",
         before=CHANGE),
    Case("codec-data-type",
         "tx.create_table('b', {'x': vstore.ndarray((), 'uint8', codecs='pcodec')})",
         before=CHANGE),
    Case("unsupported-dtype", "tx.create_array('b', shape=(1,), dtype=object)", before=CHANGE),
    Case("unsupported-dtype", "vstore.ndarray((), str)"),
    Case("unsupported-dtype", "vstore.ndarray((), None)"),
    Case("unsupported-tensor", "tx['train'].extend({'label': tensor, 'name': ['x']})",
         before=CHANGE + "import torch\ntensor = torch.ones(1, device='meta')"),
    Case("unsupported-dtype", "tx.create_array('b', shape=(1,), dtype='(2,)i4')", before=CHANGE),
    Case("broken-transaction", "tx['tenths'].extend({'x': [0.5]})", before=TENTHS + INEXACT),
    Case("format-too-new", "repo.transaction(message='m')", before="""
import json
place = Path(url, "vstore.json")
place.write_text(json.dumps(json.loads(place.read_text()) | {"format": 99}))
"""),
    Case("gc-is-deleting", "repo.gc(cancel=True)", before=UNMERGED + UNREACHABLE + SWEEPING + """
for path in Path(url).rglob("*"):
    os.utime(path, (0, 0))
""", helps=True),
    Case("gc-running", "repo.gc()", before=UNMERGED + UNREACHABLE + SWEEPING, helps=True),
    Case("inexact-codec", "tx['tenths'].extend({'x': np.full(9, 0.123)})", before=TENTHS),
    Case("not-a-group",
         "xarray.open_dataset(repo.checkout(), engine=E, group='grid')",
         before="import xarray\n"
         "from vstore.zarr.xarray_backend import VstoreBackendEntrypoint as E"),
    Case("pickled-file", "vstore.importers.open_rows('x.npy')",
         before="np.save('x.npy', np.array([{}]))\nimport vstore.importers"),
    Case("unknown-object", "repo.gc()", before="""
Path(url, "refs", "stashes").mkdir()
Path(url, "refs", "stashes", "x.json").write_text("{}")
"""),
)  # fmt: skip
