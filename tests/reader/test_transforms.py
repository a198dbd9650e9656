"""Functions of the user: what they draw, what they keep, where they run, and how they fail."""

import json
import random
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import vstore
from tests.broken_images import taken_unseen
from tests.patience import PATIENCE_SECONDS, NewThreads, wait_until
from vstore.reader import Mixture, Reader

SAMPLES = 120


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Any:
    repo = vstore.create(f"memory://{request.node.name}")
    with repo.transaction("main", message="Add samples") as tx:
        columns = {
            "i": vstore.ndarray((), "int64"),
            "image": vstore.ndarray((6, 6), "int64", rows_per_chunk=8),
            "mask": vstore.ndarray((6, 6), "int64", rows_per_chunk=8),
        }
        cells = np.arange(SAMPLES * 36).reshape(-1, 6, 6)
        made = tx.create_table("t", columns, keys="str")
        made.extend(
            {"i": np.arange(SAMPLES), "image": cells, "mask": cells},
            keys=[f"key {i}" for i in range(SAMPLES)],
        )
    return repo.checkout("main")["t"]


def by_sample(batches: Any, name: str = "x") -> dict[int, Any]:
    """Return what became of each sample."""
    found: dict[int, Any] = {}
    for batch in batches:
        numbers, values = np.atleast_1d(batch["i"]), batch[name]
        if np.ndim(batch["i"]) == 0:
            values = [values]
        found |= {
            int(i): np.asarray(value).tolist() for i, value in zip(numbers, values, strict=True)
        }
    return found


def given(sample: dict[str, Any], generator: np.random.Generator) -> dict[str, Any]:
    return {"i": sample["i"], "x": generator.random(2)}


def of_numpy(sample: dict[str, Any]) -> dict[str, Any]:
    return {"i": sample["i"], "x": np.random.normal()}


def of_python(sample: dict[str, Any]) -> dict[str, Any]:
    return {"i": sample["i"], "x": random.gauss(0, 1)}


def seldom(sample: dict[str, Any]) -> dict[str, Any]:
    return {"i": sample["i"], "x": random.random() if sample["i"] % 50 == 49 else 0.0}


def seldom_besides(sample: dict[str, Any]) -> dict[str, Any]:
    more = random.random() if sample["i"] % 50 == 49 else 0.0
    return {"i": sample["i"], "x": np.random.normal() + more}


class GlobalNoise:
    """Keeps something, and draws from a global generator."""

    def __init__(self) -> None:
        self.scale = 2.0

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        return {"i": sample["i"], "x": self.scale * np.random.normal()}


class Noise:
    """Draws from a generator of its own."""

    def __init__(self) -> None:
        self.state = np.random.RandomState(0)

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        return {"i": sample["i"], "x": self.state.rand()}


class ClassNoise:
    """Draws from a generator of its class."""

    state = np.random.RandomState(0)

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        return {"i": sample["i"], "x": self.state.rand()}


GENERATOR = np.random.default_rng(0)
NOISE = Noise()


def of_the_module(sample: dict[str, Any]) -> dict[str, Any]:
    return {"i": sample["i"], "x": GENERATOR.random()}


def of_an_object_of_the_module(sample: dict[str, Any]) -> dict[str, Any]:
    return NOISE(sample)


def closed_over() -> Callable[[Any], Any]:
    noise = Noise()
    return lambda sample: noise(sample)


RANDOM: list[Any] = [
    pytest.param(lambda: given, id="the second parameter"),
    pytest.param(lambda: of_numpy, id="NumPy's global generator"),
    pytest.param(lambda: of_python, id="Python's global generator"),
    pytest.param(lambda: seldom, id="a global generator, seldom"),
    pytest.param(lambda: seldom_besides, id="two global generators, one of them seldom"),
    pytest.param(GlobalNoise, id="an object that draws from a global generator"),
    pytest.param(Noise, id="a generator of its own"),
    pytest.param(lambda: Noise().__call__, id="a method"),
    pytest.param(lambda: partial(Noise()), id="a partial function"),
    pytest.param(ClassNoise, id="a generator of its class"),
    pytest.param(closed_over, id="a closure"),
    pytest.param(lambda: of_the_module, id="a generator of the module"),
    pytest.param(lambda: of_an_object_of_the_module, id="an object of the module"),
]


@pytest.mark.parametrize("make", RANDOM)
def test_what_a_sample_becomes_follows_from_the_seed_the_epoch_and_its_place(
    table: Any, make: Callable[[], Any]
) -> None:
    def read(**options: Any) -> dict[int, Any]:
        usual: dict[str, Any] = {"batch_size": 16, "shuffle": "full", "threads": 4}
        return by_sample(Reader(table, ["i"], transforms=make(), **usual | options))

    first = read()
    assert len(first) == SAMPLES
    assert len({str(each) for each in first.values()}) > 2
    for options in ({}, {"threads": 1}, {"batch_size": None, "window": 64}):
        assert read(**options) == first
    assert read(seed=1) != first
    reader = Reader(table, ["i"], batch_size=16, shuffle="full", transforms=make())
    assert by_sample(reader) == first
    assert by_sample(reader) != first
    resumed = Reader(table, ["i"], batch_size=10, shuffle="full", transforms=make(), threads=2)
    reader.set_epoch(0)
    batches = iter(reader)
    begun = by_sample([next(batches), next(batches), next(batches)])
    resumed.load_state_dict(reader.state_dict())
    assert begun | by_sample(resumed) == first


@pytest.mark.parametrize("make", RANDOM)
def test_the_programs_own_generators_go_on_as_if_nothing_had_been_read(
    table: Any, make: Callable[[], Any]
) -> None:
    def program(batches: Iterator[Any]) -> tuple[list[float], dict[int, Any]]:
        random.seed(7)
        np.random.seed(7)
        drawn: list[float] = []
        found: dict[int, Any] = {}
        for batch in batches:
            found |= by_sample([batch])
            drawn += [random.gauss(0, 1), random.random(), np.random.normal()]
        return drawn, found

    def reader() -> Iterator[Any]:
        return iter(Reader(table, ["i"], batch_size=8, transforms=make(), threads=3))

    drawn, found = program(reader())
    unread = [{"i": np.arange(0), "x": []}] * (SAMPLES // 8)
    if make() not in (seldom, seldom_besides):  # what is drawn before that is noticed is lost
        assert drawn == program(iter(unread))[0]
    assert found == program(reader())[1]
    assert found == by_sample(reader())


@pytest.mark.parametrize("threads", [1, 3])
def test_a_column_that_draws_is_noticed_next_to_one_that_does_not(table: Any, threads: int) -> None:
    def read() -> list[Any]:
        transforms = {"image": lambda _: np.random.normal(), "mask": lambda value: value}
        reader = Reader(table, batch_size=16, transforms=transforms, threads=threads)
        return [batch["image"].tolist() for batch in reader]

    np.random.seed(1)
    first = read()
    drawn = np.random.normal()
    np.random.seed(1)
    assert np.random.normal() == drawn
    np.random.seed(2)
    assert read() == first


def test_mixtures_draw_alike_whatever_the_batch(table: Any) -> None:
    def read(batch_size: int, threads: int) -> dict[int, Any]:
        data = Mixture([table, table], [3, 1], SAMPLES // 2)
        return by_sample(
            Reader(data, ["i"], batch_size=batch_size, transforms=given, threads=threads)
        )

    assert read(8, 1) == read(8, 4) == read(12, 2)


class Crop:
    """Keeps where it crops between two of its methods."""

    def __init__(self) -> None:
        self.state = np.random.RandomState(0)

    def at(self, image: NDArray[Any]) -> NDArray[Any]:
        time.sleep(0.0002)
        return image[self.top : self.top + 2]

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        self.top = int(self.state.randint(0, 4))
        return {
            "i": sample["i"],
            "image": self.at(sample["image"]),
            "mask": self.at(sample["mask"]),
        }


def test_what_keeps_state_is_never_torn_between_threads(table: Any) -> None:
    crop = Crop()
    tops: set[int] = set()
    for transforms in (crop, lambda sample: crop(sample)):
        for batch in Reader(table, batch_size=20, transforms=transforms, threads=8):
            assert (batch["image"] == batch["mask"]).all()
            tops |= set((batch["image"][:, 0, 0] % 36 // 6).tolist())
    assert tops == {0, 1, 2, 3}
    assert not hasattr(crop, "top")


def test_columns_of_one_sample_draw_alike(table: Any) -> None:
    def crop(image: NDArray[Any], generator: np.random.Generator) -> NDArray[Any]:
        top, left = generator.integers(0, 4, 2)
        return image[top : top + 2, left : left + 2]

    def shifted(image: NDArray[Any]) -> NDArray[Any]:
        return image + np.random.randint(100)

    for transform in (crop, shifted):
        transforms = {"image": transform, "mask": transform}
        for batch in Reader(table, batch_size=16, transforms=transforms):
            assert (batch["image"] == batch["mask"]).all()


class Counting:
    """Makes of a sample what depends on those before it."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        self.calls += 1
        return {"i": sample["i"], "x": self.calls}


def counting() -> Callable[[Any], Any]:
    calls = 0

    def count(sample: dict[str, Any]) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        return {"i": sample["i"], "x": calls}

    return count


@pytest.mark.parametrize("make", [Counting, counting])
def test_what_depends_on_the_samples_before_runs_in_order_and_says_so(
    table: Any, make: Callable[[], Any]
) -> None:
    for threads in (1, 8):
        reader = Reader(table, ["i"], batch_size=16, transforms=make(), threads=threads)
        with pytest.warns(UserWarning, match="depends on the samples before"):
            found = by_sample(reader)
        assert found == {i: i + 1 for i in range(SAMPLES)}


class Unique:
    """Cannot be copied."""

    def __init__(self) -> None:
        self.threads: set[int] = set()

    def __reduce__(self) -> Any:
        raise TypeError("there is only one")

    def __call__(self, i: int) -> int:
        self.threads.add(threading.get_ident())
        return i + 1


def test_what_cannot_be_copied_runs_on_the_thread_that_iterates_and_says_so(table: Any) -> None:
    unique = Unique()
    with pytest.warns(UserWarning, match=r"cannot be copied.*only one"):
        batches = list(Reader(table, ["i"], batch_size=16, transforms={"i": unique}, threads=4))
    assert np.concatenate([b["i"] for b in batches]).tolist() == list(range(1, SAMPLES + 1))
    assert unique.threads == {threading.get_ident()}


def test_functions_that_keep_nothing_are_not_copied_and_not_warned_of(table: Any) -> None:
    seen: list[int] = []
    lock = threading.Lock()

    def note(i: int) -> int:
        with lock:
            seen.append(int(i))
        return i

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(Reader(table, ["i"], batch_size=16, transforms={"i": note}))) == 8
    assert sorted(seen) == list(range(SAMPLES))


def test_what_is_changed_in_place_is_changed_once(table: Any) -> None:
    def doubled(image: NDArray[Any]) -> NDArray[Any]:
        image *= 2
        return image

    for threads in (1, 4):
        options: dict[str, Any] = {"batch_size": 16, "threads": threads}
        made = list(Reader(table, transforms={"image": doubled}, **options))
        for batch in made:
            assert (batch["image"] == 2 * batch["mask"]).all()


def test_one_costly_batch_is_divided_among_threads(table: Any) -> None:
    threads, caller = set[int](), threading.get_ident()

    def slow(i: int) -> int:
        threads.add(threading.get_ident())
        time.sleep(0.005)
        if i >= SAMPLES // 2:
            wait_until(lambda: len(threads - {caller}) == 4)
        return i

    batch = next(iter(Reader(table, ["i"], batch_size=SAMPLES, transforms={"i": slow}, threads=4)))
    assert batch["i"].tolist() == list(range(SAMPLES))
    assert len(threads - {caller}) == 4


def test_batches_do_not_wait_for_many_other_costly_ones(table: Any) -> None:
    tickets = threading.Semaphore(40)

    def slow(i: int) -> int:
        time.sleep(0.005)
        assert tickets.acquire(timeout=PATIENCE_SECONDS), "it waits for more samples than it needs"
        return i

    batches = iter(Reader(table, ["i"], batch_size=10, transforms={"i": slow}, threads=2))
    next(batches)
    tickets.release(30)
    next(batches)
    tickets.release(SAMPLES)
    assert sum(1 for _ in batches) == 10


@pytest.mark.parametrize(
    ("quick", "seconds"), [(0, 0.02), (30, 0.15)], ids=["always slow", "slow later"]
)
def test_leaving_the_loop_waits_for_one_sample_at_most(
    table: Any, quick: int, seconds: float
) -> None:
    begun: list[int] = []
    new = NewThreads()

    def slow(i: int) -> int:
        begun.append(int(i))
        time.sleep(seconds if i >= quick else 0)
        return i

    batches: Any = iter(Reader(table, ["i"], batch_size=30, transforms={"i": slow}, threads=1))
    next(batches)
    wait_until(lambda: len(begun) > 30)
    before = len(begun)
    batches.close()
    assert len(begun) <= before + 2  # one may have begun just now, and one before it was told
    assert new.left() == []


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("bad", [2, 77])
def test_an_error_names_column_position_and_key(table: Any, threads: int, bad: int) -> None:
    def picky(i: int) -> int:
        if i == bad:
            raise KeyError("not this one")
        return i

    rows = slice(1, None)
    for transforms, what in (
        ({"i": picky}, "column 'i' of the sample"),
        (lambda sample: {"i": picky(sample["i"])}, "the sample"),
    ):
        reader = Reader(
            table, ["i"], batch_size=16, rows=rows, transforms=transforms, threads=threads
        )
        with pytest.raises(KeyError, match="not this one") as caught:
            list(reader)
        words = f"transforming {what} at position {bad} with the key 'key {bad}'."
        assert any(words in note for note in caught.value.__notes__)


def patches(sample: dict[str, Any], generator: np.random.Generator) -> list[dict[str, Any]]:
    tops = generator.integers(0, 4, int(sample["i"]) % 3)
    return [{"i": sample["i"], "x": sample["image"][top : top + 2]} for top in tops]


def test_one_sample_may_become_several_or_none(table: Any) -> None:
    def reader(batch_size: int) -> Reader:
        return Reader(table, batch_size=batch_size, shuffle=True, window=64, transforms=patches)

    def listed(batches: Any) -> list[Any]:
        return [
            (i, x.tolist())
            for batch in batches
            for i, x in zip(batch["i"], batch["x"], strict=True)
        ]

    whole = listed(reader(32))
    assert sorted(i for i, _ in whole) == sorted(i for i in range(SAMPLES) for _ in range(i % 3))
    begun, resumed = reader(32), reader(8)
    batches = iter(begun)
    first = listed([next(batches), next(batches)])
    resumed.load_state_dict(begun.state_dict())
    assert first + listed(resumed) == whole


def test_single_samples_become_one_each(table: Any) -> None:
    reader = Reader(table, batch_size=None, transforms=patches)
    with pytest.raises(vstore.InvalidInputError, match="samples of one"):
        list(reader)


@pytest.mark.parametrize("threads", [1, 4])
def test_samples_that_fail_are_left_out_and_counted(table: Any, threads: int) -> None:
    def picky(i: int) -> int:
        return 1 // int(i % 10 != 3) * i

    reader = Reader(table, batch_size=16, transforms={"i": picky}, on_error="skip", threads=threads)
    batches = list(reader)
    assert len(batches) == len(reader)
    kept = [
        [i for i in range(at, min(at + 16, SAMPLES)) if i % 10 != 3] for at in range(0, SAMPLES, 16)
    ]
    assert [batch["i"].tolist() for batch in batches] == kept
    for batch in batches:
        assert (batch["image"][:, 0, 0] == batch["i"] * 36).all()
        assert (batch["i"] % 10 != 3).all()
    assert reader.statistics.samples_skipped == 12
    assert "12 samples skipped" in str(reader.statistics)
    batches = list(Reader(table, ["i"], batch_size=16, on_error="skip", collate="tuple"))
    assert sum(len(each) for (each,) in batches) == SAMPLES


@pytest.mark.parametrize("collate", ["dict", "tuple"])
@pytest.mark.parametrize("ranks", [1, 3])
def test_single_samples_that_fail_are_left_out_and_places_count_them(
    table: Any, ranks: int, collate: Any
) -> None:
    def picky(i: int) -> int:
        return 1 // int(not 40 <= i < 80 and i % 10 != 3) * i

    def reader(rank: int) -> Reader:
        options: dict[str, Any] = {"on_error": "skip", "collate": collate, "shuffle": True}
        return Reader(
            table, ["i"], batch_size=None, transforms={"i": picky}, rank=rank,
            world_size=ranks, **options,
        )  # fmt: skip

    def numbers(samples: Any) -> list[int]:
        return [int(each[0] if collate == "tuple" else each["i"]) for each in samples]

    kept = {i for i in range(SAMPLES) if not 40 <= i < 80 and i % 10 != 3}
    whole = [reader(rank) for rank in range(ranks)]
    found = [numbers(each) for each in whole]
    assert sorted(chain.from_iterable(found)) == sorted(kept)
    assert sum(each.statistics.samples_skipped for each in whole) == SAMPLES - len(kept)
    for taken in (0, 1, 5, len(found[0])):
        first, second = reader(0), reader(0)
        samples = iter(first)
        begun = numbers(next(samples) for _ in range(taken))
        second.load_state_dict(json.loads(json.dumps(first.state_dict())))
        assert begun + numbers(second) == found[0]
    mixed = Reader(Mixture([table, table]), ["i"], batch_size=None, on_error="skip",
                   transforms={"i": picky})  # fmt: skip
    assert sorted(int(each["i"]) for each in mixed) == sorted([*kept, *kept])


def test_a_batch_without_a_sample_left_is_an_error(table: Any) -> None:
    def fail(i: int) -> int:
        raise ValueError(i)

    reader = Reader(table, ["i"], batch_size=8, transforms={"i": fail}, on_error="skip")
    with pytest.raises(vstore.InvalidInputError, match=r"no sample of the batch .* position 0"):
        list(reader)


def test_pictures_that_cannot_be_decoded_are_named_or_left_out(
    request: pytest.FixtureRequest,
) -> None:
    repo = vstore.create(f"memory://{request.node.name}")
    broken = b"\xff\xd8\xff\xe0" + bytes(64)
    photo = np.zeros((4, 4, 3), "uint8")
    with repo.transaction("main", message="Add photos") as tx:
        made = tx.create_table(
            "t", {"photo": vstore.image(), "i": vstore.ndarray((), "int64")}, keys="str"
        )
        photos = [broken if i in (7, 30) else photo for i in range(40)]
        with taken_unseen():
            made.extend({"photo": photos, "i": np.arange(40)}, keys=[f"p{i}" for i in range(40)])
    data = repo.checkout("main")["t"]
    with pytest.raises(vstore.FormatError, match=r"column 'photo' .* position 7 .* 'p7'"):
        list(Reader(data, batch_size=4))
    for options in ({}, {"transforms": {"photo": lambda p: p[:2]}}):
        reader = Reader(data, batch_size=4, on_error="skip", **options)  # type: ignore[arg-type]
        kept = np.concatenate([batch["i"] for batch in reader])
        assert kept.tolist() == [i for i in range(40) if i not in (7, 30)]
        assert reader.statistics.samples_skipped == 2


@pytest.mark.parametrize(
    "options", [{"on_error": "ignore"}, {"on_error": None}, {"on_error": True}]
)
def test_what_becomes_of_errors_is_checked(table: Any, options: Any) -> None:
    with pytest.raises(vstore.InvalidInputError, match="on_error"):
        Reader(table, **{"batch_size": 4} | options)
