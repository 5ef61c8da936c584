from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django_q.signals import post_spawn

from durable_django import client, runtime, schedules, tasks, workflow
from durable_django.dispatchers.inline import InlineDispatcher
from durable_django.domain.status import ExecutionStatus, Guarantee
from durable_django.engine.registry import default_registry
from durable_django.models import Schedule, WorkerHeartbeat, WorkflowExecution
from durable_django.stores.orm.db_now import DBNow
from durable_django.stores.orm.doorbells import OrmDoorbells
from durable_django.stores.orm.heartbeats import OrmHeartbeats
from durable_django.worker.workforce import Workforce
from tests.testapp.workflows import nap, plain

pytestmark = pytest.mark.django_db(transaction=True)

WAIT_S = 20


class Woken:
    """A dispatcher that only notes what it is told."""

    is_synchronous = False

    def __init__(self) -> None:
        self.wakes: list[str] = []

    def wake(self, queue: str = "default", slots: int = 1) -> None:
        self.wakes.append(queue)


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> Woken:
    woken = Woken()
    monkeypatch.setattr(runtime, "build_dispatcher", lambda conf: woken)
    return woken


@pytest.fixture(autouse=True)
def fresh_workforce() -> Iterator[None]:
    """Each test has an engine and threads of its own; threads hold connections."""
    former = runtime.use_engine(None)
    runtime._workforce = None
    before = set(threading.enumerate())
    yield
    force = runtime._workforce
    if force is not None:
        force.close()
    own = runtime.use_engine(former)
    if own is not None:
        own.dispose()
    runtime._workforce = None
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("durable-"):
            thread.join(WAIT_S)


def statuses() -> list[str]:
    return sorted(WorkflowExecution.objects.values_list("status", flat=True))


def test_a_task_does_what_is_due_in_its_queue(woken: Woken) -> None:
    plain.start_many([()] * 30)
    plain.options(queue="slow").start()
    tasks.pump("default:0")
    assert statuses() == ["completed"] * 30 + ["pending"]
    tasks.pump("slow:0")
    assert statuses() == ["completed"] * 31


def test_a_task_answers_before_it_looks(woken: Woken, monkeypatch: pytest.MonkeyPatch) -> None:
    doorbells = OrmDoorbells()
    doorbells.ring("default:3", timedelta(seconds=60))
    seen: list[bool] = []
    store = runtime.engine().store
    claim_due = store.claim_due

    def claim(*args: Any) -> Any:
        seen.append(doorbells.is_unanswered("default:3"))
        return claim_due(*args)

    monkeypatch.setattr(store, "claim_due", claim)
    tasks.pump("default:3")
    assert seen == [False]


def test_a_task_rings_again_if_it_leaves_work(woken: Woken, settings: Any) -> None:
    settings.DURABLE = {"PUMP_BUDGET_SECONDS": 0.001}
    plain.start_many([()] * 30)
    woken.wakes.clear()
    tasks.pump("default:0")
    assert woken.wakes == ["default"]


def test_in_synchronous_mode_a_task_works_in_the_callers_thread(woken: Woken) -> None:
    woken.is_synchronous = True
    before = threading.active_count()
    plain.start()
    tasks.pump("default:0")
    assert statuses() == ["completed"]
    assert threading.active_count() <= before + 1  # the keeper of leases


def test_recover_adopts_what_only_a_vanished_process_would_have_advanced(woken: Woken) -> None:
    left = plain.options(guarantee=Guarantee.FOREGROUND).start()
    WorkflowExecution.objects.filter(id=left.id).update(wake_at=DBNow(-timedelta(minutes=1)))
    plain.options(queue="other").start()
    # Its own process is about to begin it.
    plain.options(guarantee=Guarantee.FOREGROUND).start()
    tasks.recover()
    # Nobody serves "other".
    assert statuses() == ["completed", "pending", "pending"]
    assert left.refresh().status is ExecutionStatus.COMPLETED


def test_a_spawned_worker_ticks_and_says_that_it_is_alive(woken: Woken) -> None:
    beats = OrmHeartbeats()
    WorkerHeartbeat.objects.create(
        id="gone", started_at=DBNow(), beat_at=DBNow(-timedelta(hours=1))
    )
    plain.start()
    woken.wakes.clear()
    post_spawn.send(sender="django_q", proc_name="worker")
    post_spawn.send(sender="django_q", proc_name="worker")
    for _ in range(WAIT_S * 100):
        if woken.wakes and [beat.id for beat in beats.list()] == [runtime.engine().owner]:
            break
        threading.Event().wait(0.01)
    [beat] = beats.list()
    assert (beat.id, beat.pid, beat.kind) == (runtime.engine().owner, os.getpid(), "qcluster")
    assert set(woken.wakes) == {"default"}
    assert [t.name for t in threading.enumerate()].count("durable-ticker") == 1


IS_WON = """
import sys
from durable_django.worker.election import Election
print(Election(sys.argv[1]).is_won())
"""


@pytest.mark.skipif(os.name != "posix", reason="elsewhere everybody wins")
def test_who_closes_lets_another_process_be_elected(woken: Woken) -> None:
    force = runtime.workforce()

    def is_free() -> bool:
        command = [sys.executable, "-c", IS_WON, force._needs.cluster]
        return subprocess.check_output(command, text=True) == "True\n"  # noqa: S603 -- our own

    force.start_ticker("test")
    for _ in range(WAIT_S * 10):
        if not is_free():
            break
    else:
        pytest.fail("nobody was elected")
    force.close()
    assert is_free()


@pytest.mark.parametrize(
    ("threads", "queues", "share"), [(4, 1, 4), (4, 3, 1), (1, 3, 1), (0, 3, 0)]
)
def test_queues_that_are_rescued_share_the_threads(
    woken: Woken, threads: int, queues: int, share: int
) -> None:
    needs = runtime.workforce()._needs
    force = Workforce(replace(needs, threads=threads, queues=lambda: ["q"] * queues))
    assert force._rescue_threads() == share
    force.close()


def test_after_a_fork_nothing_of_the_parent_is_used() -> None:
    parent = runtime.engine(), runtime.workforce()
    reader, writer = os.pipe()
    with runtime._lock:  # as if another thread held it: it must not stay locked in the child
        child = os.fork()
        if child == 0:  # pragma: no cover - in the child
            fresh = runtime.engine().owner, runtime.workforce() is not parent[1]
            os.write(writer, f"{fresh[0]} {fresh[1]}".encode())
            os._exit(0)
    os.waitpid(child, 0)
    owner, is_fresh = os.read(reader, 200).decode().split()
    os.close(reader)
    os.close(writer)
    assert owner != parent[0].owner
    assert is_fresh == "True"
    assert runtime.engine() is parent[0]


def test_the_command_drains(capsys: pytest.CaptureFixture[str]) -> None:
    plain.start_many([(3,)] * 30)
    nap.start(3_600_000)
    call_command("durable_worker", "--drain", "--threads", "2", "--queue", "default")
    assert statuses() == ["completed"] * 30 + ["suspended"]
    assert capsys.readouterr().out == "durable_worker serves default.\ndurable_worker ended.\n"
    assert OrmHeartbeats().list() == []


def test_the_command_serves_only_the_queues_it_is_given() -> None:
    for queue in ("a", "b", "c"):
        plain.options(queue=queue).start()
    call_command("durable_worker", "--drain", "--queue", "a", "--queue", "c", verbosity=0)
    left = WorkflowExecution.objects.exclude(status="completed").values_list("queue", flat=True)
    assert list(left) == ["b"]


def test_the_command_takes_at_least_one_thread() -> None:
    with pytest.raises(CommandError, match="1 or more"):
        call_command("durable_worker", "--drain", "--threads", "0")


def test_what_a_slice_starts_in_a_worker_is_looked_for_at_once() -> None:
    stop = threading.Event()

    def run() -> None:
        try:
            runtime.run_loop(["default"], stop, grace=WAIT_S)
        finally:
            connections.close_all()

    former = runtime.engine()
    thread = threading.Thread(target=run, name="durable-test")
    thread.start()
    while runtime.engine() is former:
        threading.Event().wait(0.01)
    execution = plain.start()
    assert execution.result(timeout=timedelta(seconds=WAIT_S)) == 1
    stop.set()
    thread.join(WAIT_S)
    assert runtime.engine() is former


# --- schedules ---


def lateness_of_ticks(name: str) -> list[float]:
    """Return by how many seconds the executions of a schedule were written after their ticks."""
    ticks = schedules.list_ticks(name)
    created = dict(WorkflowExecution.objects.values_list("id", "created_at"))
    return [(created[tick.execution_id] - tick.tick_at).total_seconds() for tick in ticks]


def wait_for_ticks(name: str, count: int) -> None:
    for _ in range(WAIT_S * 20):
        if len(schedules.list_ticks(name)) >= count:
            return
        threading.Event().wait(0.05)
    pytest.fail(f"{name} did not tick {count} times")


def test_a_ticker_has_schedules_tick_when_their_alarm_comes(woken: Woken) -> None:
    schedules.create("often", "testapp.plain", every=timedelta(seconds=1), overlap="allow")

    runtime.workforce().start_ticker("test")
    wait_for_ticks("often", 3)

    assert min(lateness_of_ticks("often")) >= 0
    assert min(lateness_of_ticks("often")) < 0.2
    assert "default" in woken.wakes


def test_a_ticker_writes_the_schedules_of_the_code(woken: Woken) -> None:
    workflow(name="testapp.coded", schedule="0 0 1 1 *")(lambda ctx: None)
    try:
        runtime.workforce().start_ticker("test")
        for _ in range(WAIT_S * 20):
            if "testapp.coded" in [one.name for one in schedules.list_schedules()]:
                break
            threading.Event().wait(0.05)
    finally:
        default_registry.forget("testapp.coded")

    # The example project's are there too, if another test has loaded them.
    assert "testapp.coded" in [one.name for one in schedules.list_schedules()]


def test_a_worker_has_schedules_tick_and_does_what_they_start() -> None:
    stop = threading.Event()

    def run() -> None:
        try:
            runtime.run_loop(["default"], stop, grace=WAIT_S)
        finally:
            connections.close_all()

    schedules.create("often", "testapp.plain", every=timedelta(seconds=1), overlap="allow")
    thread = threading.Thread(target=run, name="durable-test")
    thread.start()
    try:
        wait_for_ticks("often", 2)
    finally:
        stop.set()
        thread.join(WAIT_S)

    assert min(lateness_of_ticks("often")) < 0.2
    assert "completed" in statuses()


def test_a_drain_has_schedules_tick_first(woken: Woken) -> None:
    schedules.create("hourly", "testapp.plain", every=timedelta(hours=1))
    Schedule.objects.update(next_tick_at=DBNow(-timedelta(seconds=1)))

    call_command("durable_worker", "--drain", verbosity=0)

    assert statuses() == ["completed"]


def test_recovering_has_schedules_tick_too(woken: Woken) -> None:
    schedules.create("hourly", "testapp.plain", every=timedelta(hours=1))
    Schedule.objects.update(next_tick_at=DBNow(-timedelta(seconds=1)))

    tasks.recover()

    assert statuses() == ["completed"]


def test_schedules_that_are_turned_off_do_not_tick(woken: Woken, settings: Any) -> None:
    settings.DURABLE = {"RUN_SCHEDULES": False}
    schedules.create("hourly", "testapp.plain", every=timedelta(hours=1))
    Schedule.objects.update(next_tick_at=DBNow(-timedelta(seconds=1)))

    tasks.recover()
    call_command("durable_worker", "--drain", verbosity=0)

    assert statuses() == []


# --- the inline dispatcher, as the settings make it ---


def test_the_inline_dispatcher_runs_what_was_committed(settings: Any) -> None:
    settings.DURABLE = {"DISPATCHER": "durable_django.dispatchers.inline.InlineDispatcher"}
    with transaction.atomic():
        execution = plain.start(2)
        assert client.get(execution.id).status is ExecutionStatus.PENDING
    assert client.get(execution.id).result() == 2


def test_the_inline_dispatcher_works_inside_a_test_case(
    settings: Any, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    settings.DURABLE = {"DISPATCHER": "durable_django.dispatchers.inline.InlineDispatcher"}
    built = runtime.build_dispatcher(runtime.settings())
    assert isinstance(built, InlineDispatcher)
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        execution = plain.start(2)
    assert client.get(execution.id).result() == 2
