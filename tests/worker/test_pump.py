from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from durable_django import WorkflowContext
from durable_django.domain.status import WaitKind
from durable_django.worker.crew import ThreadCrew
from durable_django.worker.pump import Shift
from tests.worker.virtual import VirtualWorker

TASK = Shift(budget=2.0, linger=1.0)
DRAIN = Shift(linger=0.0)
WAIT_S = 10


@pytest.fixture
def worker() -> VirtualWorker:
    return VirtualWorker()


def nothing(ctx: WorkflowContext) -> None:
    """Have nothing to do."""


def test_everything_due_is_done(worker: VirtualWorker) -> None:
    worker.start(worker.define(nothing), 100)
    assert worker.pump.run(DRAIN) is False
    assert worker.statuses() == ["completed"] * 100
    assert (worker.tally.claimed, worker.tally.finished) == (100, 100)


def test_what_a_slice_makes_due_is_done_too(worker: VirtualWorker) -> None:
    inner = worker.define(nothing, "inner")
    worker.start(worker.define(lambda ctx: ctx.step("start", lambda: worker.start(inner)), "outer"))
    assert worker.pump.run(DRAIN) is False
    assert worker.statuses() == ["completed"] * 2


def test_work_beyond_the_budget_is_left_unclaimed(worker: VirtualWorker) -> None:
    worker.start(worker.define(lambda ctx: worker.clock.advance(seconds=0.3)), 30)
    assert worker.pump.run(TASK) is True
    statuses = worker.statuses()
    assert "running" not in statuses
    assert 6 <= statuses.count("completed") <= 8


def test_claims_not_begun_are_given_back_unharmed(worker: VirtualWorker) -> None:
    worker.start(worker.define(lambda ctx: worker.clock.advance(seconds=3)), 10)
    worker.pace.note(0.001)
    assert worker.pump.run(TASK) is True
    rest = [e for e in worker.store.list_executions() if e.status != "completed"]
    assert len(rest) == 9
    assert {(e.status, e.waiting_kind, e.recoveries) for e in rest} == {
        ("suspended", WaitKind.YIELD, 0)
    }
    assert worker.store.count_due("default", 100) == 9


def test_few_are_claimed_at_once_when_slices_are_slow(worker: VirtualWorker) -> None:
    worker.start(worker.define(lambda ctx: worker.clock.advance(seconds=0.3)), 30)
    worker.pace.note(0.3)
    worker.pump.run(TASK)
    assert {limit for _, limit in worker.claims} == {1}


def test_many_are_claimed_at_once_when_slices_are_fast(worker: VirtualWorker) -> None:
    worker.start(worker.define(lambda ctx: worker.clock.advance(seconds=0.001)), 90)
    worker.pump.run(TASK)
    assert [limit for _, limit in worker.claims] == [2, 20, 20, 20, 20, 20, 20]


def test_it_lingers_for_what_falls_due_soon_and_is_on_time(worker: VirtualWorker) -> None:
    seen = []
    function = worker.define(lambda ctx: seen.append(worker.clock.now()))
    begun = worker.clock.now()
    worker.start(function, delay=timedelta(seconds=0.75))
    assert worker.pump.run(TASK) is False
    assert [instant - begun for instant in seen] == [timedelta(seconds=0.75)]


def test_it_does_not_linger_for_what_falls_due_later(worker: VirtualWorker) -> None:
    worker.start(worker.define(nothing), delay=timedelta(seconds=1.5))
    assert worker.pump.run(TASK) is False
    assert worker.rests == []


def test_it_does_not_linger_past_its_budget(worker: VirtualWorker) -> None:
    begun = worker.monotonic()
    function = worker.define(nothing)
    for number in range(10):
        worker.start(function, delay=timedelta(seconds=0.8 * number))
    worker.pump.run(TASK)
    assert worker.monotonic() - begun <= 2.0


def test_it_ends_at_once_if_there_is_nothing(worker: VirtualWorker) -> None:
    assert worker.pump.run(TASK) is False
    assert worker.rests == []
    assert len(worker.claims) == 1


def test_what_is_due_but_not_to_be_had_is_left_alone(
    worker: VirtualWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.start(worker.define(nothing))
    monkeypatch.setattr(worker, "claim", lambda queue, limit: [])
    assert worker.pump.run(TASK) is False
    assert sum(worker.rests) < 0.1


def test_queues_are_served_in_turn() -> None:
    worker = VirtualWorker(queues=("a", "b"))
    worker.pace.note(0.2)
    order: list[str] = []
    for queue in ("a", "b"):

        def body(ctx: WorkflowContext, queue: str = queue) -> None:
            order.append(queue)
            worker.clock.advance(seconds=0.2)

        worker.start(worker.define(body, queue), 3, queue=queue)
    worker.pump.run(DRAIN)
    assert sorted(order[:2]) == sorted(order[2:4]) == ["a", "b"]


def test_a_crash_passes_through_and_the_rest_is_given_back(worker: VirtualWorker) -> None:
    def crash(ctx: WorkflowContext) -> None:
        raise SystemExit

    worker.start(worker.define(crash), 5)
    worker.pace.note(0.001)
    with pytest.raises(SystemExit):
        worker.pump.run(TASK)
    assert worker.statuses() == ["running"] + ["suspended"] * 4


def test_a_database_that_goes_away_breaks_it_off(
    worker: VirtualWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.start(worker.define(nothing), 5)

    def fail(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(worker.store, "next_alarm", fail)
    with pytest.raises(ConnectionError):
        worker.pump.run(TASK)


def test_a_stopped_pump_begins_nothing(worker: VirtualWorker) -> None:
    worker.start(worker.define(nothing), 5)
    worker.pump.stop()
    worker.pump.run(Shift())
    assert worker.statuses() == ["pending"] * 5


def test_without_end_it_rests_until_the_next_alarm_but_no_longer_than_a_tick(
    worker: VirtualWorker,
) -> None:
    worker.start(worker.define(lambda ctx: worker.pump.stop()), delay=timedelta(seconds=0.25))
    worker.pump.run(Shift(tick=0.1))
    assert [round(rest, 3) for rest in worker.rests[:3]] == [0.1, 0.1, 0.05]
    # To see that nothing is due it asks for the alarm, and claims only what is.
    assert len(worker.claims) == 2


def test_it_says_that_it_is_at_work_only_if_it_goes_on_for_a_while(worker: VirtualWorker) -> None:
    worker.start(worker.define(nothing), 5)
    worker.pump.run(TASK)
    assert worker.doorbell.attended == []
    worker.start(worker.define(lambda ctx: worker.clock.advance(seconds=0.3), "slow"), 5)
    worker.pump.run(TASK)
    assert set(worker.doorbell.attended) == {"default"}


class Blocked:
    """A crew of threads, and a workflow that holds one of them until it is let go."""

    def __init__(self, worker: VirtualWorker, threads: int) -> None:
        self.worker = worker
        self.begun, self.go_on = threading.Semaphore(0), threading.Event()
        self.crew = ThreadCrew(
            worker.engine.run_claim, threads, pace=worker.pace, tally=worker.tally
        )
        self.pump = worker.new_pump(self.crew)
        self.result: list[bool] = []
        self.thread = threading.Thread(target=lambda: self.result.append(self.pump.run(TASK)))

    def hold(self, ctx: WorkflowContext) -> None:
        self.begun.release()
        assert self.go_on.wait(WAIT_S)

    def end(self) -> bool:
        self.go_on.set()
        self.thread.join(WAIT_S)
        self.crew.close()
        return self.result[0]


def wait_for(condition: object) -> None:
    assert callable(condition)
    for _ in range(WAIT_S * 200):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError


def test_what_waits_behind_a_long_step_is_given_back(worker: VirtualWorker) -> None:
    blocked = Blocked(worker, 2)
    worker.start(worker.define(blocked.hold), 4)
    blocked.thread.start()
    for _ in range(2):
        assert blocked.begun.acquire(timeout=WAIT_S)
    wait_for(lambda: worker.statuses().count("running") == 4)
    worker.clock.advance(seconds=0.6)
    blocked.pump.wake()
    wait_for(lambda: worker.statuses() == ["running"] * 2 + ["suspended"] * 2)
    blocked.end()


def test_others_go_on_while_a_slice_outlasts_the_budget(worker: VirtualWorker) -> None:
    blocked = Blocked(worker, 2)
    worker.start(worker.define(blocked.hold))
    blocked.thread.start()
    assert blocked.begun.acquire(timeout=WAIT_S)
    worker.clock.advance(seconds=4.5)  # over, and over again: nothing ends soon
    blocked.pump.wake()
    worker.start(worker.define(nothing, "other"))
    wait_for(lambda: worker.statuses() == ["completed", "running"])
    worker.clock.advance(seconds=2.5)
    blocked.end()
    assert worker.statuses() == ["completed"] * 2
