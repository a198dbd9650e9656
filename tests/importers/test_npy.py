"""`.npy` and `.npz` files: read as NumPy wrote them, in batches; pickles are refused."""

import gzip
import pickle
import shutil
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.importers.idx_files import images
from tests.importers.opened import open_array, open_arrays
from vstore.errors import InvalidInputError, NotFoundError
from vstore.importers import open_rows

ARRAYS = [
    np.arange(12, dtype="<f4").reshape(4, 3),
    np.arange(12, dtype=">i8").reshape(4, 3),
    np.array([True, False, True]),
    np.array(["a", "größe", ""]),
    np.array([1 + 2j, 3], dtype="complex64"),
    np.array(["2026-01-01", "NaT"], dtype="datetime64[s]"),
    np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "<i2"), ("ö", ">f8")]),
    np.zeros((0, 3), "float16"),
]


class Trap:
    """Unpickling it would raise."""

    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('unpickled')",)


def equal(found: NDArray[Any], expected: NDArray[Any]) -> bool:
    native = expected.astype(expected.dtype.newbyteorder("="))
    return found.dtype == native.dtype and found.tobytes() == native.tobytes()


def write_raw(path: Path, header: str, data: bytes = b"") -> Path:
    text = header.encode("latin1")
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data)
    return path


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.dtype))
@pytest.mark.parametrize("wrapped", [False, True])
def test_reads_what_numpy_wrote(tmp_path: Path, array: NDArray[Any], wrapped: bool) -> None:
    path = tmp_path / "x.npy"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the name ö needs version 3 of the format, says NumPy
        np.save(path, array)
    if wrapped:
        path.write_bytes(gzip.compress(path.read_bytes()))
    source = open_array(path)
    assert source.shape == array.shape
    assert equal(source.read(), array)


@pytest.mark.parametrize("kind", ["npy", "gz", "npz"])
def test_reads_column_major_arrays_in_batches(tmp_path: Path, kind: str) -> None:
    array = np.asfortranarray(images(10))
    path = tmp_path / f"x.{kind}"
    if kind == "npz":
        np.savez(path, x=array)
    else:
        np.save(tmp_path / "x.npy", array)
    if kind == "gz":
        path.write_bytes(gzip.compress((tmp_path / "x.npy").read_bytes()))
    (source,) = open_arrays(path)
    assert source.is_column_major
    batches = list(source.batches(4))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert all(batch.flags.c_contiguous for batch in batches)
    assert np.array_equal(np.concatenate(batches), array)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_reads_the_arrays_of_an_npz_in_their_order(tmp_path: Path, save: Any) -> None:
    path = tmp_path / "x.npz"
    save(path, z=images(3), a=np.arange(3))
    sources = open_arrays(path)
    assert [source.name for source in sources] == ["z", "a"]
    assert np.array_equal(sources[0].read(), images(3))
    assert [source.name for source in open_arrays(path, select=["a"])] == ["a"]


def test_selecting_what_is_not_there_names_what_is(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x_train=images(3), y_train=np.arange(3))
    with pytest.raises(NotFoundError, match="no array 'x'\nHint: it holds x_train, y_train"):
        open_arrays(tmp_path / "x.npz", select=["x"])


def test_names_do_not_matter_but_contents_do(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", images(3))
    odd = Path(shutil.copy(tmp_path / "x.npy", tmp_path / "x.idx3-ubyte"))
    (source,) = open_arrays(odd)
    assert np.array_equal(source.read(), images(3))


@pytest.mark.parametrize("member", [False, True])
def test_pickled_objects_are_refused_and_never_loaded(tmp_path: Path, member: bool) -> None:
    path = tmp_path / ("x.npz" if member else "x.npy")
    objects = np.array([Trap()], object)
    if member:
        np.savez(path, x=objects)
    else:
        np.save(path, objects)
    with pytest.raises(InvalidInputError, match="pickle runs any code"):
        open_arrays(path)


def test_a_bare_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(pickle.dumps(Trap(), protocol=4))
    with pytest.raises(InvalidInputError, match="looks like a pickle, which is never read"):
        open_arrays(path)


def test_a_truncated_npy_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, images(10))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InvalidInputError, match=r"x\.npy is truncated"):
        open_array(path)


def test_two_arrays_in_one_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, images(3))
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(InvalidInputError, match="goes on behind its array"):
        open_array(path)


def test_a_truncated_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, x=images(1000))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InvalidInputError, match="damaged"):
        open_arrays(path)


def test_a_truncated_member_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", images(10))
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", (tmp_path / "x.npy").read_bytes()[:-1])
    with pytest.raises(InvalidInputError, match=r"x\.npz\[x\.npy\] is truncated"):
        open_arrays(tmp_path / "x.npz")


def test_a_member_with_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, x=images(100))
    data = bytearray(path.read_bytes())
    data[1000] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(InvalidInputError, match="damaged"):
        open_arrays(path)[0].read()


def test_a_zip_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("readme.bin", b"\0hello")
    with pytest.raises(InvalidInputError, match=r"x\.npz\[readme\.bin\] is of no known format"):
        open_rows(tmp_path / "x.npz")


@pytest.mark.parametrize("data", [b"hello, world", b"%PDF-1.7", b"\x93NUMPX\1\0"])
def test_an_unknown_format_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(data)
    with pytest.raises(InvalidInputError, match="is of no known format"):
        open_rows(tmp_path / "x.npy")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npy").touch()
    with pytest.raises(InvalidInputError, match=r"x\.npy is empty"):
        open_rows(tmp_path / "x.npy")


def test_a_scalar_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.float32(3))
    with pytest.raises(InvalidInputError, match="holds one scalar"):
        open_array(tmp_path / "x.npy")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense(",
        "[1, 2]",
        "__import__('os').system('true')",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': ('a',)}",
        "{'descr': '<q9', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 3}",
        "(" * 5000,
    ],
)
def test_a_malformed_header_is_refused(tmp_path: Path, header: str) -> None:
    path = write_raw(tmp_path / "x.npy", header)
    with pytest.raises(InvalidInputError, match="header is malformed"):
        open_array(path)


def test_an_unknown_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(b"\x93NUMPY\x09\x00\x10\x00" + b"{}" * 8)
    with pytest.raises(InvalidInputError, match="unknown version"):
        open_array(path)


def test_samples_without_elements_are_refused(tmp_path: Path) -> None:
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 0)}"
    with pytest.raises(InvalidInputError, match="impossible shape"):
        open_array(write_raw(tmp_path / "x.npy", header))
