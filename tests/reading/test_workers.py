"""Threads for small tasks: in order, all done at the end, none left behind."""

import subprocess
import sys
import threading
import weakref
from typing import Any

from tests.patience import NewThreads, wait_until
from vstore.reading.workers import Workers


def test_tasks_run_in_order_and_to_the_end() -> None:
    done: list[int] = []
    workers = Workers(1, name="order")
    for i in range(100):
        workers.submit(done.append, i)
    workers.close()
    assert done == list(range(100))


def test_no_more_threads_than_allowed_and_none_afterwards() -> None:
    new = NewThreads("some")
    seen: set[str] = set()
    workers = Workers(3, name="some")
    for i in range(50):
        workers.submit(lambda _: seen.add(threading.current_thread().name), i)
    workers.close()
    workers.close()
    assert seen <= {"some_0", "some_1", "some_2"}
    assert new.left() == []


def test_what_is_forgotten_stops_by_itself() -> None:
    new = NewThreads("forgotten")
    workers = Workers(2, name="forgotten")
    workers.submit(print, "")
    del workers
    assert new.left() == []


def test_what_is_submitted_too_late_is_not_kept() -> None:
    class Task:
        pass

    submitted: list[weakref.ref[Task]] = []
    begun, go_on = threading.Event(), threading.Event()
    workers = Workers(1, name="late")

    def submit_more(_: Any) -> None:
        begun.set()
        go_on.wait()
        task = Task()
        submitted.append(weakref.ref(task))
        workers.submit(lambda _: None, task)

    workers.submit(submit_more, None)
    begun.wait()
    closing = threading.Thread(target=workers.close)
    closing.start()
    wait_until(workers._tasks.qsize)  # the order to stop
    workers._is_closed = False  # as if it had been looked at just before
    go_on.set()
    closing.join()
    assert [each() for each in submitted] == [None]


def test_a_task_may_close_what_runs_it() -> None:
    new = NewThreads("own")
    workers = Workers(2, name="own")
    workers.submit(lambda _: workers.close(), None)
    assert new.left() == []


def test_the_interpreter_ends_though_nobody_closed() -> None:
    program = (
        "import os\n"
        "from vstore.reading.workers import Workers\n"
        "workers = Workers(2, name='left')\n"
        "for i in range(5): workers.submit(lambda n: os.write(1, b'%d\\n' % n), i)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert sorted(found.stdout.split()) == ["0", "1", "2", "3", "4"]
