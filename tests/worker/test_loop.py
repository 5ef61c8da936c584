from __future__ import annotations

import threading

import pytest

from durable_django import WorkflowContext
from durable_django.worker.loop import LoopTimes, run_worker
from tests.worker.virtual import VirtualWorker

TIMES = LoopTimes(tick=0.01, heartbeat=0.01, adopt=0.01, grace=0.2)
WAIT_S = 10


@pytest.fixture
def worker() -> VirtualWorker:
    return VirtualWorker()


def test_a_drain_ends_when_nothing_is_due(worker: VirtualWorker) -> None:
    worker.start(worker.define(lambda ctx: None), 30)
    assert run_worker(worker.pump, threading.Event(), drain=True, times=TIMES)
    assert worker.statuses() == ["completed"] * 30


def test_a_drain_that_breaks_off_says_so(
    worker: VirtualWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(worker.store, "claim_due", fail)
    with pytest.raises(ConnectionError):
        run_worker(worker.pump, threading.Event(), drain=True, times=TIMES)


def test_it_goes_on_until_told_to_stop(worker: VirtualWorker) -> None:
    stop = threading.Event()
    worker.start(worker.define(lambda ctx: stop.set()))
    assert run_worker(worker.pump, stop, times=TIMES)
    assert worker.statuses() == ["completed"]


def test_it_beats_and_adopts_and_survives_when_it_cannot(worker: VirtualWorker) -> None:
    stop, dropped = threading.Event(), threading.Event()
    beats: list[int] = []

    def beat() -> None:
        beats.append(1)
        if len(beats) == 1:
            raise ConnectionError

    def adopt() -> None:
        if len(beats) >= 3:
            stop.set()

    run_worker(worker.pump, stop, times=TIMES, beat=beat, adopt=adopt, drop_connections=dropped.set)
    assert dropped.is_set()


def test_it_begins_again_when_the_database_comes_back(
    worker: VirtualWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("durable_django.worker.loop._REST_AFTER_FAILURE_S", 0.001)
    stop, failures = threading.Event(), [ConnectionError(), ConnectionError()]
    claim_due = worker.store.claim_due

    def fail_first(*args: object) -> object:
        if failures:
            raise failures.pop()
        return claim_due(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(worker.store, "claim_due", fail_first)
    worker.start(worker.define(lambda ctx: stop.set()))
    assert run_worker(worker.pump, stop, times=TIMES)
    assert worker.statuses() == ["completed"]


def test_it_does_not_wait_for_a_slice_beyond_the_grace(worker: VirtualWorker) -> None:
    stop, go_on = threading.Event(), threading.Event()

    def hold(ctx: WorkflowContext) -> None:
        stop.set()
        assert go_on.wait(WAIT_S)

    worker.start(worker.define(hold))
    assert not run_worker(worker.pump, stop, times=TIMES)
    assert worker.statuses() == ["running"]
    go_on.set()
