"""Where a reader is, as a small value that JSON can hold."""

from dataclasses import asdict, dataclass
from typing import Any

from vstore.errors import InvalidInputError
from vstore.faces import pickled

STATE_VERSION = 1


@pickled
@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in an epoch.

    `samples` is how many samples all ranks together have taken, in an order laid out for
    `global_batch` samples at a time and windows of `window_samples`; 0 stands for what is
    usual. Where single samples are read it is laid out for a number of `ranks`, 0 otherwise.
    A worker process that makes only some of the batches
    counts from there: it is the `worker`-th of `workers` and has made `taken`.
    """

    epoch: int = 0
    samples: int = 0
    global_batch: int = 0
    window_samples: int = 0
    ranks: int = 0
    worker: int = 0
    workers: int = 1
    taken: int = 0

    def next_epoch(self) -> "Cursor":
        """Return the beginning of the next epoch."""
        return Cursor(self.epoch + 1)


@dataclass(frozen=True, slots=True)
class Identity:
    """What an order was made from; a state is of use for the same only."""

    data: str
    shuffle: str
    window: int
    seed: int
    epoch_samples: int = 0
    """How long an epoch was chosen to be; 0 for every sample once."""
    weights: str = ""
    """The digest of the weights of samples or of a mixture's members; empty for none."""
    lengths: str = ""
    """The digest of the lengths by which samples come together; empty for none."""
    members: str = ""
    """What a mixture is made of, for one that goes on after the state; empty for none."""


def encode_state(cursor: Cursor, identity: Identity) -> dict[str, Any]:
    """Return a state to save."""
    return {"version": STATE_VERSION, **asdict(identity), **asdict(cursor)}


def decode_state(state: Any, identity: Identity, *, samples: int) -> Cursor:
    """Return the place that a saved state stands for, in an epoch of this many samples.

    Raises:
        InvalidInputError: it is no state, or that of other data or another order.
    """
    expected = set(encode_state(Cursor(), identity))
    if not isinstance(state, dict) or set(state) != expected:
        raise InvalidInputError("this is not a state that state_dict() of a vstore reader returned")
    if state["version"] != STATE_VERSION:
        raise InvalidInputError(f"this vstore does not read reader states of {state['version']!r}")
    for name, value in asdict(identity).items():
        if name != "members" and state[name] != value:
            raise InvalidInputError(_difference(name, saved=state[name], present=value))
    cursor = _cursor({name: state[name] for name in Cursor.__dataclass_fields__})
    if cursor.samples > samples:
        raise InvalidInputError(
            f"the state is after {cursor.samples:,} samples of an epoch that has {samples:,}"
        )
    return cursor


def _cursor(fields: dict[str, Any]) -> Cursor:
    """Return a place whose numbers make sense, or raise `InvalidInputError`."""
    for name, value in fields.items():
        least = 1 if name == "workers" else 0
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InvalidInputError(f"{name} of a reader's state must not be {value!r}")
    cursor = Cursor(**fields)
    if cursor.worker >= cursor.workers:
        msg = f"the state is that of worker {cursor.worker} of {cursor.workers}, which cannot be"
        raise InvalidInputError(msg)
    return cursor


def _difference(name: str, *, saved: Any, present: Any) -> str:
    if name == "data":
        return (
            "the state was saved while reading other data: check out the same commit, and choose "
            "the same columns and samples; a mixture goes on after it by Mixture(after=state)"
        )
    if name == "weights":
        return (
            "the state was saved with other weights or another batching, and so another order: "
            "give the same, begin an epoch with the new ones by set_epoch(), or have a mixture go "
            "on after it by Mixture(after=state)"
        )
    if name == "lengths":
        return (
            "the state was saved with other lengths, and so another order: give the same, or begin "
            "an epoch with the new ones by set_epoch()"
        )
    if name == "epoch_samples":
        name = "samples"
    return (
        f"the state was saved with {name}={saved!r}; this reader has {name}={present!r}, and so "
        "another order: make it with the same"
    )
