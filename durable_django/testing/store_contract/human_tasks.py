"""Promises about human tasks and their execution: asking, waking, ending."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from durable_django.domain.status import (
    CheckpointStatus,
    ExecutionStatus,
    Interrupt,
    ParkReason,
    TaskStatus,
    TimerStatus,
    WaitKind,
)
from durable_django.domain.wait import Suspension, Wait
from durable_django.exceptions import TaskOverError
from durable_django.ports.checkpoint_store import CheckpointStore, LeaseLost
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_asking, make_error
from durable_django.testing.store_contract.arrange import (
    HOUR,
    MINUTE,
    begin,
    claim,
    is_due,
    look,
    status_of,
)
from durable_django.testing.store_contract.human_tasks_arrange import (
    ALICE,
    FINANCE,
    ask,
    attempt_of,
    waiting_for,
    wake,
)

#: Every way for a slice to end an execution, or to begin its end.
ENDS = {
    "completed": lambda store, held: store.complete(held, "1"),
    "failed": lambda store, held: store.finish(held, ExecutionStatus.FAILED, make_error()),
    "cancelled": lambda store, held: store.finish(held, ExecutionStatus.CANCELLED, None),
    "compensating": lambda store, held: store.begin_compensation(
        held, ExecutionStatus.FAILED, make_error()
    ),
}
SAID = {
    "completed": "completed without it",
    "failed": "failed",
    "cancelled": "was cancelled",
    "compensating": "failed",
}


class HumanTasksContract:
    """Tasks with `suspend`, `open_waits`, and the ends of executions."""

    def test_a_task_is_opened_with_its_attempt_and_the_wait(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        asking = make_asking(
            held.execution_id,
            title="Approve refund #77",
            description="café ✗",
            display='{"amount": 5}',
            fields=({"name": "approved", "type": "approval", "required": True},),
            candidates=(FINANCE, ALICE),
            not_by=("bob",),
            priority=7,
            due=HOUR,
            timeout=2 * HOUR,
            remind_every=MINUTE,
            escalate_after=timedelta(minutes=90),
            escalate_to=(FINANCE,),
        )

        store.suspend(held, waiting_for(asking))

        now = clock.now()
        new, execution = asking[1], store.load_execution(held.execution_id)
        [task] = store.list_tasks(held.execution_id)
        assert task == store.load_task(new.id)
        assert (execution.waiting_kind, execution.waiting_for) == (WaitKind.TASK, "approve")
        assert (task.status, task.assignee, task.created_at) == (TaskStatus.OPEN, "", now)
        for name in ("id", "key", "name", "title", "description", "display", "fields"):
            assert getattr(task, name) == getattr(new, name)
        for name in ("candidates", "not_by", "priority", "remind_every", "escalate_to"):
            assert getattr(task, name) == getattr(new, name)
        assert (task.due_at, task.expires_at) == (now + HOUR, now + 2 * HOUR)
        assert (task.remind_at, task.escalate_at) == (now + MINUTE, now + 1.5 * HOUR)
        assert (task.data, task.actor, task.finished_at, task.reminders) == (None, None, None, 0)

    def test_its_attempt_is_open_and_comes_with_the_next_claim(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store, timeout=HOUR)
        asked_at = clock.now()
        clock.advance(HOUR)

        held = claim(store, task.execution_id)

        [attempt] = held.checkpoints
        assert (attempt.key, attempt.status) == ("approve", CheckpointStatus.INTENT)
        assert attempt.idempotency_key == str(task.id)
        assert attempt.started_at == asked_at

    def test_of_one_assignee_it_is_from_the_start(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store, assignee="alice", candidates=(ALICE,))

        assert (task.status, task.assignee) == (TaskStatus.CLAIMED, "alice")
        assert task.claimed_at == clock.now()

    def test_tasks_are_listed_in_the_order_they_were_asked(self, store: CheckpointStore) -> None:
        held = begin(store)
        asking = [make_asking(held.execution_id, name) for name in ("zeta", "alpha", "mid")]
        parts = tuple(waiting_for(one) for one in asking)

        store.open_waits(held, Wait(kind=WaitKind.SEVERAL, name="*", parts=parts))

        names = [task.name for task in store.list_tasks(held.execution_id)]
        assert names == ["zeta", "alpha", "mid"]

    def test_tasks_can_be_opened_without_suspending(self, store: CheckpointStore) -> None:
        held = begin(store)
        asking = make_asking(held.execution_id)

        assert store.open_waits(held, waiting_for(asking)) is None

        assert store.load_task(asking[1].id).status is TaskStatus.OPEN
        assert status_of(store, held.execution_id) is ExecutionStatus.RUNNING
        assert [row.key for row in store.list_checkpoints(held.execution_id)] == ["approve"]
        store.complete(held, "1")

    def test_a_second_one_under_the_key_is_refused_whole(self, store: CheckpointStore) -> None:
        held = wake(store, ask(store).execution_id)
        before = look(store, held.execution_id)
        again = make_asking(held.execution_id, attempt=2)

        with pytest.raises(LeaseLost):
            store.suspend(held, waiting_for(again))

        assert look(store, held.execution_id) == before

    def test_an_attempt_that_is_there_already_is_refused_whole(
        self, store: CheckpointStore
    ) -> None:
        task = ask(store)
        store.cancel_task(task.id)
        held = claim(store, task.execution_id)
        before = look(store, held.execution_id)

        with pytest.raises(LeaseLost):
            store.suspend(held, waiting_for(make_asking(held.execution_id, attempt=1)))

        assert look(store, held.execution_id) == before

    def test_once_one_is_over_there_may_be_another(self, store: CheckpointStore) -> None:
        task = ask(store)
        store.complete_task(task.id, "alice", "1")
        held = claim(store, task.execution_id)
        store.record_outcome(held, attempt_of(held))

        again = ask(store, held, attempt=2)

        assert [one.id for one in store.list_tasks(held.execution_id)] == [task.id, again.id]

    def test_the_alarm_is_the_earliest_of_timeout_and_reminder(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        asking = make_asking(held.execution_id, timeout=HOUR, remind_every=MINUTE)

        store.suspend(held, waiting_for(asking, alarm=clock.now() + MINUTE))

        execution = store.load_execution(held.execution_id)
        [timer] = store.list_timers(held.execution_id)
        assert execution.wake_at == clock.now() + MINUTE
        assert timer.fire_at == clock.now() + HOUR

    # --- answers and waits never miss each other ---

    def test_an_answer_before_the_suspension_is_not_slept_through(
        self, store: CheckpointStore
    ) -> None:
        task = ask(store)
        held = wake(store, task.execution_id)
        store.complete_task(task.id, "alice", "1")

        answer = store.suspend(held, Wait(kind=WaitKind.TASK, name="approve", key="approve"))

        assert answer is Suspension.SIGNALLED
        assert status_of(store, held.execution_id) is ExecutionStatus.RUNNING
        assert store.suspend(held, Wait(kind=WaitKind.YIELD, after=HOUR)) is Suspension.SUSPENDED

    # --- ends ---

    @pytest.mark.parametrize("end", ENDS)
    def test_an_active_task_ends_with_its_execution(
        self, store: CheckpointStore, clock: ManualClock, end: str
    ) -> None:
        task = ask(store, remind_every=HOUR)
        held = wake(store, task.execution_id)

        ENDS[end](store, held)

        over = store.load_task(task.id)
        assert (over.status, over.actor, over.remind_at) == (TaskStatus.CANCELLED, None, None)
        assert over.finished_at == clock.now()
        assert over.comment == f"Its execution {SAID[end]}."
        with pytest.raises(TaskOverError, match="withdrawn by its execution"):
            store.complete_task(task.id, "alice", "1")

    @pytest.mark.parametrize("end", ENDS)
    def test_a_task_that_is_over_stays_as_it_is(self, store: CheckpointStore, end: str) -> None:
        task = ask(store)
        done = store.complete_task(task.id, "alice", "1")
        held = claim(store, task.execution_id)

        ENDS[end](store, held)

        assert store.load_task(task.id) == done

    def test_a_parked_execution_keeps_its_task_and_its_answer(self, store: CheckpointStore) -> None:
        task = ask(store)
        store.park(wake(store, task.execution_id), ParkReason.POISON, make_error())

        store.complete_task(task.id, "alice", "1")

        assert status_of(store, task.execution_id) is ExecutionStatus.PARKED
        store.retry(task.execution_id)
        assert store.load_task(task.id).status is TaskStatus.COMPLETED
        assert is_due(store, task.execution_id)

    def test_a_paused_execution_keeps_its_task_and_its_answer(self, store: CheckpointStore) -> None:
        task = ask(store)
        store.request_pause(task.execution_id)

        store.complete_task(task.id, "alice", "1")

        assert status_of(store, task.execution_id) is ExecutionStatus.PAUSED
        store.resume(task.execution_id)
        assert is_due(store, task.execution_id)

    def test_a_cancel_is_noticed_before_a_reminder(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store, remind_every=MINUTE)
        clock.advance(MINUTE)
        held = wake(store, task.execution_id)
        store.request_cancel(held.execution_id, "customer", compensates=True)

        assert store.remind_task(held, task.id) is Interrupt.CANCEL

        assert store.load_task(task.id).reminders == 0

    def test_what_a_group_releases_is_cancelled_and_the_rest_stays(
        self, store: CheckpointStore
    ) -> None:
        held = begin(store)
        asking = [make_asking(held.execution_id, name) for name in ("lost", "kept")]
        for one in asking:
            store.open_waits(held, waiting_for(one))
        [decided, _] = store.list_checkpoints(held.execution_id)
        outcome = replace(decided, status=CheckpointStatus.COMPLETED, output="1")

        store.settle(held, outcome, released=["lost"])

        states = {task.name: task.status for task in store.list_tasks(held.execution_id)}
        assert states == {"lost": TaskStatus.CANCELLED, "kept": TaskStatus.OPEN}
        assert store.list_tasks(held.execution_id)[0].comment == "Its execution goes on without it."

    @pytest.mark.parametrize("is_early", [False, True], ids=["with_the_wait", "before_it"])
    def test_a_retry_has_a_new_task_with_a_timeout_of_its_own(
        self, store: CheckpointStore, clock: ManualClock, *, is_early: bool
    ) -> None:
        task = ask(store, begin(store, expires_at=clock.now() + MINUTE), timeout=HOUR)
        clock.advance(MINUTE)
        held = claim(store, task.execution_id)
        store.finish(held, ExecutionStatus.FAILED, make_error(code="expired"))
        clock.advance(HOUR)
        store.retry(task.execution_id)
        held = claim(store, task.execution_id)
        store.record_outcome(held, replace(attempt_of(held), is_final=False))
        wait = waiting_for(make_asking(held.execution_id, attempt=2, timeout=HOUR))

        if is_early:
            store.open_waits(held, wait)
        store.suspend(held, replace(wait, asking=() if is_early else wait.asking))

        [timer] = store.list_timers(held.execution_id)
        assert (timer.status, timer.fire_at) == (TimerStatus.PENDING, clock.now() + HOUR)
        assert store.list_tasks(held.execution_id)[1].expires_at == clock.now() + HOUR
        assert store.load_execution(held.execution_id).wake_at == clock.now() + HOUR
