"""The reader that NumPy and JAX programs use."""

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn, Unpack

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.reader.options import Choices, ReadOptions, as_integer
from vstore.reader.passes import LocalPlace, Passes
from vstore.reader.plan.cursor import Cursor, decode_state, encode_state
from vstore.reader.progress import progress_bar
from vstore.reader.statistics import ReaderStatistics


@exported_from("vstore.reader")
class Reader:
    """Batches of a commit's samples, in an order that follows from a few numbers alone.

    >>> import vstore
    >>> repo = vstore.create("memory://reader-doc")
    >>> with repo.transaction("main", message="Count") as tx:
    ...     table = tx.create_table("train", {"x": vstore.ndarray((), "int64")})
    ...     table.extend({"x": range(5)})
    >>> reader = Reader(repo.checkout("main")["train"], batch_size=2)
    >>> [batch["x"].tolist() for batch in reader]
    [[0, 1], [2, 3], [4]]

    Args:
        data: a table, a column, several columns by name or in a sequence (those of different
            tables are matched by their samples' keys), or a `Mixture` of such.
        columns: which columns of them; all when None.
        batch_size: how many samples a batch has; on each rank.
        shuffle: True or `"window"` mixes whole chunks, then samples within a window of
            chunks; `"full"` puts all samples in a random order; False leaves them in order.
        seed: with the epoch, decides on the order.
        window: how many samples are mixed at a time, over all ranks; or `window_nbytes`.
        drop_last: leave out the last batch if it is smaller than the others.
        rank, world_size: which part of every global batch to read. All ranks get equally
            many batches, and each sample goes to one of them. The global batches are the
            same for every number of ranks with the same `batch_size * world_size`.
        replication: how many neighboring ranks get the same samples, as those of one model that
            is divided among them (tensor or sequence parallel) need. Groups of this many ranks
            share the samples then, and `batch_size` is that of each group.
        rows: which samples: an index over positions, or a function that gets the columns
            by name and returns one, such as `lambda c: c["label"][:] == 3`; the keys of all
            samples are `c.sample_keys()`. Positions of the
            shape (samples, width), or `Windows`, make one sample of every `width` rows: a batch
            has arrays of the shape (batch, width, ...), and lists of lists.
            `packed` puts sequences one behind the other in blocks of one length.
            For a `Mixture` a function, asked for each member, or a list of one choice for each.
        keys: which samples, by their keys. The beginning of tuple keys, such as their first part,
            stands for all samples below it.
        key_label: under which name batches have the samples' keys, such as `"key"`: an array of
            int keys, a list of others. Samples that have no keys are named by their positions in
            the table. If there are several tables, they are the keys of the first column's.
        weights: how often each sample is drawn, compared with the others: one number for each
            sample that is read, shape (samples,). Each epoch draws as many samples as there are,
            with replacement, anew. Needs `shuffle`. For a `Mixture`, a list with one such for
            each member, or None.
        lengths: how long each sample is, to have samples of similar length in a batch: a column,
            or a whole number for each sample that is read, shape (samples,). Each window of
            samples is sorted, cut to batches, and these are shuffled. Needs `shuffle`. For a
            `Mixture` with batches of one member each, a list with one such for each, or None.
        samples: how many samples an epoch has, over all ranks; as many as are read when None.
            Without `weights`, each epoch goes on among all samples where the one before ended, so
            that over time all come equally often.
        transforms: functions of one sample, by column, or one function of a whole sample, a
            dict; they run on threads. One of whole samples may return a list of such, of any
            length, and so several samples or none.
        collate: `"dict"`, `"tuple"`, or a function of a dict of columns, run on threads.
        ragged: what becomes of arrays and images of differing shape, for all columns or by
            column: `"list"`, or `"padded"` with zeros to one array, with their shapes under
            the column's name and `.shape`. Columns that are transformed may be named, too. If
            it is not given, such samples are a list where they come as they are stored, and
            one array where they were transformed, which has to give them one shape. `"flat"`
            puts all samples one behind the other in one array; where each begins, and last
            where all end, is under the column's name and `.offsets`.
        on_error: `"raise"` what a transform or decoding raises, or `"skip"` the sample: then
            batches may be shorter, single samples fewer, and `statistics.samples_skipped`
            counts.
        memory_nbytes: how much memory decoded chunks may take. They stay for later epochs.
        threads: how many threads decode and gather; one per core when None.
        requests: how many requests the store gets at a time.
        cache_dir: a directory on this machine to keep stored chunks in, shared by all
            processes that name it; up to `cache_nbytes`. Only this user can read it.
        cache_shared: use a directory that other users may write to, and let them read it.

    A transform or `collate` with a second parameter gets a `numpy.random.Generator`. That,
    other generators that a transform keeps, and the global ones of Python, NumPy and torch
    are seeded for each sample: what they draw depends on the seed, the epoch and the
    sample's place in the order alone. Functions that draw from global ones run on the
    thread that iterates. A column of which samples may be missing comes with a mask under
    its name and `.valid`; what is missing is None in a list.

    Each iteration is an epoch; the next one comes in another order. One that is left after
    its first batch was a look, and leaves no trace. A reader pickles without what it has
    open, and may be iterated over again while another iteration lives.

    Raises:
        InvalidInputError: an option makes no sense, or leaves no sample or no batch to read.
        NotFoundError: there is no such column, or no sample with one of the keys.
    """

    def __init__(
        self, data: Any, columns: Sequence[str] | None = None, **options: Unpack[ReadOptions]
    ) -> None:
        self._stream = Choices.of(options).stream(data, columns)
        self._passes = Passes(LocalPlace())

    def __getstate__(self) -> dict[str, Any]:
        return {"stream": self._stream, "upcoming": self._passes.place.read()[1]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._stream = state["stream"]
        self._passes = Passes(LocalPlace(state["upcoming"]))

    def __len__(self) -> int:
        """Return how many batches an epoch has."""
        return len(self._stream)

    def __getitem__(self, index: Any) -> NoReturn:
        """Raise `InvalidInputError`: it gives batches in a stream."""
        raise not_by_position("a Reader", index)

    def __iter__(self) -> Iterator[Any]:
        """Return the batches of the next epoch, or of the rest of one after `load_state_dict`."""
        choice, upcoming = self._passes.place.read()
        progress = self._stream.begin(upcoming)
        return self._passes.follow(progress, self._stream.iterate(progress), choice=choice)

    @property
    def epoch(self) -> int:
        """The epoch that is being read; between two, the next one."""
        return self._passes.cursor.epoch

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration reads.

        A place in that epoch, loaded by `load_state_dict` and not passed yet, is kept.
        """
        self._passes.set_epoch(as_integer("epoch", epoch, least=0))

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the positions of the samples that an epoch gives this rank, reading nothing.

        The i-th batch holds those from `i * batch_size` on.
        """
        return self._stream.order(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return the place behind the batch that was given out last, as JSON can hold it."""
        return encode_state(self._passes.cursor, self._stream.identity)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on at a place with the next iteration; the number of ranks may be another.

        Raises:
            InvalidInputError: the state is of other data, or of another order.
        """
        samples = self._stream.deal(Cursor()).samples
        self._passes.go_to(decode_state(state, self._stream.identity, samples=samples))

    def prefetch(self, *, progress: bool = True) -> int:
        """Fill the cache on disk with everything that will be read; return the bytes fetched.

        Raises:
            InvalidInputError: the reader has no `cache_dir`.
        """
        with progress_bar("fetching", is_shown=progress) as report:
            return self._stream.prefetch(report)

    @property
    def statistics(self) -> ReaderStatistics:
        """What reading has cost so far."""
        return self._stream.statistics()


def not_by_position(what: str, index: Any) -> InvalidInputError:
    """Return what to raise where something that streams is asked for a sample, or wrapped."""
    return InvalidInputError(
        f"{what} gives batches or samples one after the other, and none by position: {index!r}",
        code="not-by-position",
        hint="iterate over it. A DataLoader takes a "
        "`vstore.torch.StreamingDataset(table, batch_size=None)`, and where it "
        "chooses positions itself, as a Subset or a sampler does, "
        "`vstore.torch.make_torch_dataset(table)`",
    )
