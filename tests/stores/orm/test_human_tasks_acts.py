"""What a test's own transaction would hide: several connections, commits and rollbacks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction

from durable_django.domain.claim import Claim
from durable_django.domain.status import (
    CheckpointStatus,
    ExecutionStatus,
    TaskStatus,
    TimerStatus,
    WaitKind,
)
from durable_django.domain.task import Task
from durable_django.domain.wait import Suspension, Wait
from durable_django.exceptions import (
    InvalidTransitionError,
    TaskClaimedError,
    TaskForbiddenError,
    TaskOverError,
)
from durable_django.models import ExecutionEvent, HumanTask
from durable_django.stores.orm.human_tasks import load_task, write_task
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import make_asking, make_error, make_new_execution
from tests.stores.orm.test_races import LEASE, NO_TIME, ROUNDS, begin
from tests.stores.orm.test_statements import count
from tests.stores.orm.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = [f"user-{number}" for number in range(8)]
AGAIN = Wait(kind=WaitKind.TASK, name="approve", key="approve")


def ask(store: OrmCheckpointStore, **fields: object) -> Task:
    claim = begin(store)
    asking = make_asking(claim.execution_id, **fields)  # type: ignore[arg-type]
    timeout = asking[1].timeout
    wait = replace(AGAIN, asking=(asking,), after=timeout, registers_timer=timeout is not None)
    assert store.suspend(claim, wait) is Suspension.SUSPENDED
    return store.load_task(asking[1].id)


def wake(store: OrmCheckpointStore, task: Task) -> Claim:
    store.request_pause(task.execution_id)
    store.resume(task.execution_id)
    claim = store.claim_one(task.execution_id, LEASE, "ana")
    assert claim is not None
    return claim


class TestRaces:
    def test_one_of_eight_completions_wins_and_the_others_learn_who(
        self, store: OrmCheckpointStore
    ) -> None:
        for _ in range(ROUNDS):
            task = ask(store)

            told = at_once(
                *[partial(store.complete_task, task.id, who, f'"{who}"') for who in PEOPLE]
            )

            [winner] = [one for one in told if isinstance(one, Task)]
            refusals = [one for one in told if isinstance(one, TaskOverError)]
            assert len(refusals) == len(PEOPLE) - 1
            assert {one.by for one in refusals} == {winner.assignee}
            assert {one.at for one in refusals} == {store.load_task(task.id).finished_at}
            assert store.load_task(task.id).data == f'"{winner.assignee}"'
            assert store.load_execution(task.execution_id).signal_count == 1
            assert ExecutionEvent.objects.filter(execution=task.execution_id).count() == 1

    def test_one_of_many_claimers_wins(self, store: OrmCheckpointStore) -> None:
        for _ in range(ROUNDS):
            task = ask(store)

            told = at_once(*[partial(store.claim_task, task.id, who) for who in PEOPLE[:4]])

            [winner] = [one for one in told if isinstance(one, Task)]
            refusals = [one for one in told if isinstance(one, TaskClaimedError)]
            assert {one.by for one in refusals} == {winner.assignee}
            assert len(refusals) == 3

    def test_an_answer_and_a_timeout_exclude_each_other(self, store: OrmCheckpointStore) -> None:
        for _ in range(ROUNDS):
            task = ask(store, timeout=NO_TIME)
            claim = store.claim_one(task.execution_id, LEASE, "ana")
            assert claim is not None
            late = replace(
                claim.checkpoints[0],
                status=CheckpointStatus.FAILED,
                is_final=True,
                error=make_error().to_text(),
            )

            expired, answered = at_once(
                partial(store.expire_task, claim, late),
                partial(store.complete_task, task.id, "alice", "1"),
            )

            [row] = store.list_checkpoints(task.execution_id)
            [timer] = store.list_timers(task.execution_id)
            status = store.load_task(task.id).status
            if isinstance(answered, TaskOverError):
                expected = (TaskStatus.EXPIRED, CheckpointStatus.FAILED, TimerStatus.FIRED)
                assert expired is Suspension.SUSPENDED
                assert answered.status == "expired"
            else:
                expected = (TaskStatus.COMPLETED, CheckpointStatus.INTENT, TimerStatus.CANCELLED)
                assert expired is Suspension.SIGNALLED
            assert (status, row.status, timer.status) == expected

    def test_an_answer_and_a_suspension_never_miss_each_other(
        self, store: OrmCheckpointStore
    ) -> None:
        for _ in range(ROUNDS):
            task = ask(store)
            claim = wake(store, task)

            answer, _ = at_once(
                partial(store.suspend, claim, AGAIN),
                partial(store.complete_task, task.id, "alice", "1"),
            )

            if answer is Suspension.SUSPENDED:
                assert store.claim_one(task.execution_id, LEASE, "ben") is not None
            else:
                assert answer is Suspension.SIGNALLED
                assert store.load_task(task.id).status is TaskStatus.COMPLETED

    def test_an_answer_and_an_end_exclude_each_other(self, store: OrmCheckpointStore) -> None:
        for _ in range(ROUNDS):
            task = ask(store)
            claim = wake(store, task)

            _, answered = at_once(
                partial(store.finish, claim, ExecutionStatus.FAILED, make_error()),
                partial(store.complete_task, task.id, "alice", "1"),
            )

            was_refused = isinstance(answered, TaskOverError)
            expected = TaskStatus.CANCELLED if was_refused else TaskStatus.COMPLETED
            assert store.load_task(task.id).status is expected
            assert store.load_execution(task.execution_id).status is ExecutionStatus.FAILED

    def test_a_reminder_and_an_answer_leave_no_mixture(self, store: OrmCheckpointStore) -> None:
        for _ in range(ROUNDS):
            task = ask(store, remind_every=timedelta(microseconds=1))
            claim = wake(store, task)

            at_once(
                partial(store.remind_task, claim, task.id),
                partial(store.complete_task, task.id, "alice", "1"),
            )

            done = store.load_task(task.id)
            assert (done.status, done.data, done.remind_at) == (TaskStatus.COMPLETED, "1", None)


class TestTheCallersTransaction:
    def test_an_answer_vanishes_with_it(self, store: OrmCheckpointStore) -> None:
        task = ask(store)
        before = store.load_execution(task.execution_id)

        with transaction.atomic():
            store.complete_task(task.id, "alice", "1")
            transaction.set_rollback(True)

        assert store.load_task(task.id) == task
        assert store.load_execution(task.execution_id) == before
        assert ExecutionEvent.objects.count() == 0
        assert store.complete_task(task.id, "bob", "2").assignee == "bob"

    @pytest.mark.parametrize("why", ["over", "forbidden"])
    def test_a_refused_answer_leaves_nothing_in_it_and_does_not_spoil_it(
        self, store: OrmCheckpointStore, why: str
    ) -> None:
        task = ask(store, not_by=("bob",))
        if why == "over":
            store.cancel_task(task.id)
        before = store.load_execution(task.execution_id)
        events = ExecutionEvent.objects.count()

        with transaction.atomic():
            with pytest.raises((TaskOverError, TaskForbiddenError)):
                store.complete_task(task.id, "bob", "1")
            [(kept, _)] = store.insert_executions([make_new_execution()])

        assert store.load_execution(task.execution_id) == before
        assert ExecutionEvent.objects.count() == events
        assert store.load_execution(kept.id) == kept

    def test_what_other_acts_in_it_did_goes_with_a_refusal_of_the_whole(
        self, store: OrmCheckpointStore
    ) -> None:
        task = ask(store)

        def both() -> None:
            store.complete_task(task.id, "alice", "1")
            store.resume(task.execution_id)

        with transaction.atomic(), pytest.raises(InvalidTransitionError):
            store.transact(both)

        assert store.load_task(task.id) == task


class TestRows:
    def test_a_row_that_is_not_as_it_was_read_is_not_written(
        self, store: OrmCheckpointStore
    ) -> None:
        task = ask(store)
        store.claim_task(task.id, "alice")

        with pytest.raises(AssertionError, match="changed under the lock"):
            write_task(store._db, task, replace(task, assignee="bob"))

        assert load_task(store._db, task.id).assignee == "alice"

    def test_a_task_of_what_ended_without_it_cannot_be_completed(
        self, store: OrmCheckpointStore
    ) -> None:
        """As if an end had forgotten it: the execution decides."""
        task = ask(store)
        claim = wake(store, task)
        assert store.complete(claim, "1") is None
        HumanTask.objects.filter(pk=task.id).update(status="open", is_active=True)

        with pytest.raises(TaskOverError, match="withdrawn by its execution"):
            store.complete_task(task.id, "alice", "1")

        assert store.load_task(task.id).status is TaskStatus.OPEN


class TestStatements:
    def test_a_completion_costs_so_much(self, store: OrmCheckpointStore) -> None:
        task = ask(store)

        # The task and its candidates, read twice; begin and commit; the clock; and what is written:
        # the execution, the task, the timer, the event.
        assert count(lambda: store.complete_task(task.id, "alice", "1")) == 11

    def test_who_never_asked_pays_nothing_at_its_end(self, store: OrmCheckpointStore) -> None:
        claim = begin(store)

        assert count(lambda: store.complete(claim, "1")) == 1
