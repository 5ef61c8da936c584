from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from durable_django.worker.rescuer import Rescuer

WAIT_S = 10


class Pumping:
    """Pumps that go on until released; notes which were begun, and by how many threads left."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.release = threading.Event()
        self.changed = threading.Semaphore(0)
        self.left = threading.Semaphore(0)

    def pump(self, queue: str) -> None:
        self.begun.append(queue)
        self.changed.release()
        self.release.wait(WAIT_S)
        if queue == "bad":
            raise OSError


@pytest.fixture
def pumping() -> Iterator[Pumping]:
    pumping = Pumping()
    yield pumping
    pumping.release.set()


@pytest.fixture
def rescue(pumping: Pumping) -> Rescuer:
    return Rescuer(pumping.pump, pumping.left.release)


def test_no_queue_waits_for_another(pumping: Pumping, rescue: Rescuer) -> None:
    for queue in ("a", "b", "a", "b"):
        rescue(queue)

    assert pumping.changed.acquire(timeout=WAIT_S)
    assert pumping.changed.acquire(timeout=WAIT_S)
    assert sorted(pumping.begun) == ["a", "b"]


def test_a_queue_is_pumped_again_after_the_end(pumping: Pumping, rescue: Rescuer) -> None:
    pumping.release.set()
    for _ in range(2):
        rescue("bad")
        assert pumping.left.acquire(timeout=WAIT_S)
        for thread in threading.enumerate():
            if thread.name == "durable-rescuer":
                thread.join(WAIT_S)

    assert pumping.begun == ["bad", "bad"]
