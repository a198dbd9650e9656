"""Several clients of one store, one request at a time, in an order that a seed decides.

Each client runs in a thread, but only one thread ever runs: whoever sends a request waits
until the scheduler picks it. With a request the client may die, lose the request or its
response, or have it carried out much later. The pools of threads inside vstore are replaced
by calls on the spot, clocks by the count of steps, and tokens by numbers from the seed, so
that a seed repeats exactly.
"""

import gc
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from tests.faults.audit import new_store
from tests.faults.interposed import CONDITIONAL, WRITES, InterposedStore
from vstore import StorageError, UnknownOutcomeError
from vstore.storage.store import Key, ObjectStore

Send = Callable[[], Any]

STEP_SECONDS = 0.001


class Died(BaseException):
    """The client's process ended here."""


@dataclass(frozen=True, slots=True)
class Chances:
    """How likely each thing is to go wrong with a request.

    `late` requests have no answer and are carried out at any time after.
    """

    dies: float = 0.01
    loses_request: float = 0.02
    loses_response: float = 0.03
    late: float = 0.01


@dataclass(eq=False)
class _Client:
    number: int
    run: Callable[[], None]
    is_dead: bool = False
    is_over: bool = False
    wants: bool = False
    error: BaseException | None = None
    fault: str = ""
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


class Scheduler:
    """Runs clients against one store in memory; `step` counts what was carried out."""

    def __init__(self, seed: int, chances: Chances) -> None:
        self.random = random.Random(seed)
        self.store = new_store()
        self.step = 0
        self.refs: dict[Key, list[tuple[int, bytes | None]]] = {}
        self._chances = chances
        self._clients: list[_Client] = []
        self._ghosts: list[tuple[Key, Send]] = []
        self._turn = threading.Semaphore(0)
        self._slept = 0.0

    def add(self, run: Callable[["Scheduler", int], None]) -> None:
        """Add a client; `run` is given the scheduler and the client's number."""
        number = len(self._clients)
        self._clients.append(_Client(number, lambda: run(self, number)))

    def open(self, number: int) -> ObjectStore:
        """Return the store as one client sees it, after a new start of its process."""
        client = self._clients[number]
        client.is_dead = False
        return InterposedStore(self.store, lambda *request: self._request(client, *request))

    def run(self) -> None:
        """Run all clients to their end, then raise what any of them raised."""
        with deterministic(self):
            for client in self._clients:
                threading.Thread(target=self._live, args=(client,), daemon=True).start()
                self._turn.acquire()
            while waiting := [client for client in self._clients if client.wants]:
                self._step(waiting)
        for client in self._clients:
            if client.error is not None:
                raise client.error

    def pause(self, seconds: float) -> None:
        """Let others go on, from a client that sleeps; time passes."""
        self._slept += seconds
        client = self._running()
        if client is not None:
            self._wait(client)

    @property
    def now(self) -> float:
        """The seconds since the beginning, by the count of steps."""
        return 1_000_000 + self.step * STEP_SECONDS + self._slept

    def _running(self) -> _Client | None:
        name = threading.current_thread().name
        return next((c for c in self._clients if f"client {c.number}" == name), None)

    def _live(self, client: _Client) -> None:
        threading.current_thread().name = f"client {client.number}"
        try:
            self._wait(client)
            client.run()
        except BaseException as error:  # noqa: BLE001 - shown by run()
            client.error = error
        client.is_over = True
        self._turn.release()

    def _wait(self, client: _Client) -> None:
        client.wants = True
        self._turn.release()
        client.go.acquire()

    def _step(self, waiting: list[_Client]) -> None:
        if self._ghosts and self.random.random() < 0.1:
            self._carry_out_late()
        client = self.random.choice(waiting)
        client.wants = False
        client.go.release()
        self._turn.acquire()

    def _carry_out_late(self) -> None:
        key, send = self._ghosts.pop(self.random.randrange(len(self._ghosts)))
        with suppress(Exception):
            self._carry_out(key, send)

    def _request(self, client: _Client, verb: str, key: Key, send: Send) -> Any:
        if client.is_dead:
            raise Died
        self._wait(client)
        fault = self._draw(verb)
        if fault == "dies":
            client.is_dead = True
            if self.random.random() < 0.5:
                self._carry_out(key, send)
            raise Died
        if fault == "late":
            self._ghosts.append((key, send))
        if fault in ("loses_request", "late"):
            raise self._failed(verb)
        found = self._carry_out(key, send)
        if fault == "loses_response":
            raise self._failed(verb)
        return found

    def _failed(self, verb: str) -> Exception:
        if verb in CONDITIONAL:
            return UnknownOutcomeError("the request may have arrived")
        return StorageError("the server does not answer")

    def _draw(self, verb: str) -> str:
        names = ["dies", "loses_request", *(["loses_response", "late"] if verb in WRITES else [])]
        point = self.random.random()
        for name in names:
            point -= getattr(self._chances, name)
            if point < 0:
                return name
        return ""

    def _carry_out(self, key: Key, send: Send) -> Any:
        found = send()
        self.step += 1
        if key.startswith("refs/"):
            self._note(key)
        return found

    def note_refs(self) -> None:
        """Take note of the refs that are there before the clients begin."""
        for info in self.store.list_prefix("refs/"):
            self._note(info.key)

    def _note(self, key: Key) -> None:
        held = self.store._space.objects.get(key)
        value = None if held is None else held.data
        log = self.refs.setdefault(key, [(-1, None)])
        if log[-1][1] != value:
            log.append((self.step, value))


class _OnTheSpot:
    """An executor that runs what it is given at once, in the caller's thread."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __enter__(self) -> "_OnTheSpot":
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(call(*arguments, **named))
        except BaseException as error:  # noqa: BLE001 - given to whoever asks for the result
            future.set_exception(error)
        return future

    def map(self, call: Callable[..., Any], *items: Any) -> Iterator[Any]:
        return map(call, *items)

    def shutdown(self, **_: Any) -> None: ...


class _Clock:
    """The module `time`, by the scheduler's steps."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def time(self) -> float:
        return self._scheduler.now

    def monotonic(self) -> float:
        return self._scheduler.now

    def sleep(self, seconds: float) -> None:
        self._scheduler.pause(seconds)


_POOLS = ("writing.packs", "maintenance.crawl", "maintenance.gc.sweeping")
_CLOCKS = ("history.fence", "maintenance.gc.collecting", "maintenance.gc.sweeping")


@contextmanager
def deterministic(scheduler: Scheduler) -> Iterator[None]:
    """Take threads, clocks and chance out of vstore."""
    clock = _Clock(scheduler)
    replaced: Mapping[str, Any] = {
        **{f"vstore.{module}.ThreadPoolExecutor": _OnTheSpot for module in _POOLS},
        "vstore.reading.fetch.futures": SimpleNamespace(ThreadPoolExecutor=_OnTheSpot),
        **{f"vstore.{module}.time": clock for module in _CLOCKS},
        "vstore.history.refs.new_token": lambda: f"{scheduler.random.getrandbits(128):032x}",
        "vstore.history.tag_refs.new_token": lambda: f"{scheduler.random.getrandbits(128):032x}",
        "vstore.history.branch_update._wait": lambda attempt: 0.0,
    }
    patches = [patch(name, value) for name, value in replaced.items()]
    for each in patches:
        each.start()
    try:
        with _without_property_locks():
            yield
    finally:
        for each in patches:
            each.stop()


@contextmanager
def _without_property_locks() -> Iterator[None]:
    """Take away the lock that all objects of a class share for a cached property.

    Until Python 3.12 a client that sends a request while it computes one would keep the
    others from going on.
    """
    found = [each for each in gc.get_objects() if type(each) is cached_property]
    locks = [(each, each.__dict__["lock"]) for each in found if "lock" in each.__dict__]
    for each, _ in locks:
        each.__dict__["lock"] = nullcontext()
    try:
        yield
    finally:
        for each, lock in locks:
            each.__dict__["lock"] = lock
