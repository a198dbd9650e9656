"""Folders of images and of any files: classes, labels, what is left out, what is damaged."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vstore
from tests.repositories import new_repository
from vstore import InvalidInputError, NotFoundError
from vstore.format.commit import parse_time
from vstore.importers import import_into, open_rows


def png(seed: int = 0, mode: str = "RGB") -> bytes:
    held = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (5 + seed % 3, 4, 3), "uint8")
    Image.fromarray(pixels).convert(mode).save(held, "PNG")
    return held.getvalue()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six images in three class folders, two of them called alike, and other files."""
    root = tmp_path / "photos"
    for i, folder in enumerate(["food/fruit", "plants/fruit", "cars"]):
        (root / folder).mkdir(parents=True)
        for j in range(2):
            (root / folder / f"{j}.png").write_bytes(png(2 * i + j))
    (root / "README.txt").write_text("about")
    (root / "food/notes.json").write_text("{}")
    (root / ".DS_Store").write_bytes(b"\0")
    return root


def imported(source: Any, how: Any = None, **options: Any) -> Any:
    repo = new_repository()
    with repo.transaction("main", message="Import") as tx:
        import_into(tx, "t", open_rows(source, **options), **how or {})
    return repo.checkout("main")["t"]


def test_images_in_class_folders(photos: Path) -> None:
    rows = open_rows(photos)
    assert (rows.count, rows.ignored) == (6, 3)
    table = imported(photos)
    assert table["label"].attributes == {"classes": ["cars", "food/fruit", "plants/fruit"]}
    assert table.sample_keys().tolist() == sorted(
        f"{folder}/{i}.png" for folder in ("food/fruit", "plants/fruit", "cars") for i in range(2)
    )
    found = table.loc["plants/fruit/1.png"]
    assert found["label"] == 2
    at = table.position("plants/fruit/1.png")
    assert table["image"].encoded(at) == (photos / "plants/fruit/1.png").read_bytes()


def test_the_leaf_may_be_the_class(photos: Path) -> None:
    table = imported(photos, **{"class": "leaf"})
    assert table["label"].attributes == {"classes": ["cars", "fruit"]}
    assert "label" not in imported(photos, **{"class": "none"}).columns


def test_images_without_folders_have_no_class(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    assert list(imported(tmp_path).columns) == ["image"]
    table = imported(tmp_path / "a.png")
    assert table.sample_keys().tolist() == ["a.png"]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_archives_are_as_folders(photos: Path, tmp_path: Path, kind: str) -> None:
    archive = tmp_path / f"photos.{kind}"
    files = sorted(path for path in photos.rglob("*") if path.is_file())
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as made:
            for path in files:
                made.write(path, path.relative_to(photos))
    else:
        with tarfile.open(archive, "w:gz" if kind == "tar.gz" else "w") as packed:
            for path in files:
                packed.add(path, str(path.relative_to(photos)))
    table, folder = imported(archive), imported(photos)
    assert sorted(table.sample_keys()) == sorted(folder.sample_keys())
    assert table["label"].attributes == folder["label"].attributes
    key = "plants/fruit/1.png"
    assert np.array_equal(table.loc[key]["image"], folder.loc[key]["image"])


def test_globs_and_addresses_of_fsspec(photos: Path) -> None:
    assert len(imported(f"{photos}/**/0.png")) == 3
    assert len(imported(f"file://{photos}")) == 6
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for path in photos.rglob("*.png"):
        memory.pipe(f"/shelf/{path.relative_to(photos)}", path.read_bytes())
    table = imported("memory://shelf")
    assert table.sample_keys().tolist() == imported(photos).sample_keys().tolist()
    assert len(imported("memory://shelf/**/1.png")) == 3
    with pytest.raises(NotFoundError, match="nothing at memory://nowhere"):
        open_rows("memory://nowhere")
    with pytest.raises(InvalidInputError, match="cannot read"):
        open_rows("nonsense://x")


@pytest.mark.parametrize("name", ["labels.csv", "labels.jsonl"])
def test_labels_from_a_file(photos: Path, tmp_path: Path, name: str) -> None:
    files = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.png"))
    labels = tmp_path / name
    if name.endswith("csv"):
        lines = ["age,file,note", *(f"{i},{file},n{i}" for i, file in enumerate(files))]
    else:
        lines = [
            f'{{"age": {i}, "file": "{file}", "note": "n{i}"}}' for i, file in enumerate(files)
        ]
    labels.write_text("\n".join(lines) + "\n")
    table = imported(photos, labels=str(labels), path_column="file")
    assert list(table.columns) == ["age", "image", "note"]
    assert (table.loc[files[3]]["age"], table.loc[files[3]]["note"]) == (3, "n3")


def test_labels_in_the_folder_and_files_without(photos: Path) -> None:
    (photos / "labels.csv").write_text("file,x\ncars/0.png,1\ncars/1.png,2\n")
    with pytest.raises(NotFoundError, match="no field 'name'"):
        open_rows(photos, labels="labels.csv", path_column="name")
    with pytest.raises(InvalidInputError, match=r"food/fruit/0\.png.*has no row"):
        imported(photos, labels="labels.csv")
    table = imported(photos, labels="labels.csv", how={"on_error": "skip"})
    assert table["x"][:].tolist() == [1, 2]


def test_one_damaged_image_among_many(tmp_path: Path) -> None:
    for i in range(100):
        (tmp_path / f"{i:03}.png").write_bytes(png(i))
    whole = (tmp_path / "042.png").read_bytes()
    (tmp_path / "042.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidInputError, match=r"042\.png.*column 'image'"):
        imported(tmp_path)
    table = imported(tmp_path, how={"on_error": "skip"})
    assert len(table) == 99
    assert not table.has_key("042.png")


def test_modes_of_images(tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_bytes(png(0, "P"))
    with pytest.raises(InvalidInputError, match=r"(?s)mask\.png: .*mode='P'"):
        imported(tmp_path)
    assert imported(tmp_path, mode="P")["image"][0].ndim == 2


def palette(*, is_transparent: bool) -> bytes:
    held = io.BytesIO()
    options: Any = {"transparency": 0} if is_transparent else {}
    Image.open(io.BytesIO(png(0, "P"))).save(held, "PNG", **options)
    return held.getvalue()


def test_gray_with_transparency_comes_in_as_it_is(tmp_path: Path) -> None:
    for mode in ("L", "LA", "RGB", "RGBA"):
        (tmp_path / f"{mode}.png").write_bytes(png(0, mode))
    repo = new_repository()
    with repo.transaction("main", message="Import") as tx:
        import_into(tx, "t", open_rows(tmp_path))
    table = repo.checkout("main")["t"]
    assert table.loc["L.png"]["image"].ndim == 2
    for mode in ("LA", "RGB", "RGBA"):
        assert table.loc[f"{mode}.png"]["image"].shape[2] == len(mode)
        at = table.position(f"{mode}.png")
        assert table["image"].encoded(at) == (tmp_path / f"{mode}.png").read_bytes()
    assert repo.fsck(mode="full", decode=True).is_sound


def test_palettes_with_transparency_among_pictures_are_colors(tmp_path: Path) -> None:
    names = {"gray": png(1, "LA"), "clear": palette(is_transparent=True), "opaque": png(2, "P")}
    for name, data in names.items():
        (tmp_path / f"{name}.png").write_bytes(data)
    table = imported(tmp_path)
    assert table["image"].info(0).mode == "P"
    for at, key in enumerate(table.sample_keys().tolist()):
        expected = Image.open(tmp_path / key).convert("RGBA")
        np.testing.assert_array_equal(table["image"][at], np.asarray(expected))
        assert table["image"].encoded(at) == (tmp_path / key).read_bytes()
    ids = imported(tmp_path / "opaque.png", mode="P")["image"][0]
    np.testing.assert_array_equal(ids, np.asarray(Image.open(tmp_path / "opaque.png")))


def test_palettes_that_may_be_ids_are_refused(tmp_path: Path) -> None:
    """Palettes alone, masks next to photographs, and next to more than 8 bits."""
    deep = io.BytesIO()
    Image.fromarray(np.full((2, 2), 300, np.uint16)).save(deep, "PNG")
    clear, opaque = palette(is_transparent=True), palette(is_transparent=False)
    for files in ([opaque], [clear, opaque], [png(), opaque], [png(), clear, deep.getvalue()]):
        for i, data in enumerate(files):
            (tmp_path / f"{i}.png").write_bytes(data)
        with pytest.raises(InvalidInputError, match=r"\.png: .*does not take"):
            imported(tmp_path)


def test_any_files(photos: Path) -> None:
    table = imported(photos, with_="files")
    assert len(table) == 8
    assert table.loc["README.txt"]["data"] == b"about"
    assert open_rows(photos, with_="files").ignored == 1


def test_files_are_kept_as_they_are(tmp_path: Path) -> None:

    data = gzip.compress(b"text")
    (tmp_path / "a.gz").write_bytes(data)
    assert imported(tmp_path, with_="files").loc["a.gz"]["data"] == data


def test_a_folder_of_what_nobody_knows(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"\1\2\3")
    with pytest.raises(InvalidInputError, match=r"x\.bin is of no known format"):
        open_rows(tmp_path)


def test_many_tiny_files(tmp_path: Path) -> None:
    for i in range(2000):
        (tmp_path / f"{i:05}").write_bytes(b"%d" % i)
    table = imported(tmp_path, with_="files")
    assert [int(each) for each in table["data"][:]] == list(range(2000))


def test_an_import_is_the_same_whatever_the_source(photos: Path, tmp_path: Path) -> None:
    made = [vstore.create(tmp_path / name, author="A <a@b.c>") for name in ("1", "2")]
    ids = []
    for repo, threads in zip(made, (1, 5), strict=True):
        time = parse_time("2026-01-01T00:00:00.000000Z")
        with repo.transaction("main", message="m", time=time) as tx:
            import_into(tx, "t", open_rows(photos), threads=threads)
        ids.append(repo.commit("main").id)
    assert ids[0] == ids[1]


def test_sounds_that_are_about_images_do_not_make_a_folder_of_sounds(photos: Path) -> None:
    for path in list(photos.rglob("*.png")):
        for ending in ("", "_name", "_name_de", "-short"):
            path.with_name(f"{path.stem}{ending}.ogg").write_bytes(b"OggS")
    rows = open_rows(photos)
    assert (rows.count, rows.ignored) == (6, 3 + 24)
