"""Promises about what people do with human tasks."""

from __future__ import annotations

import pytest

from durable_django.domain.event import Actor, ActorKind, EventType
from durable_django.domain.identifiers import new_id
from durable_django.domain.status import ExecutionStatus, TaskStatus, TimerStatus
from durable_django.exceptions import (
    DefinitionError,
    TaskClaimedError,
    TaskForbiddenError,
    TaskNotFoundError,
    TaskOverError,
)
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.store_contract.arrange import (
    HOUR,
    MINUTE,
    is_due,
    look,
    status_of,
)
from durable_django.testing.store_contract.human_tasks_arrange import (
    ACTS,
    ALICE,
    FINANCE,
    ask,
    events_of,
    wake,
)

BOSS = Actor(kind=ActorKind.USER, id="1", name="boss")


class HumanTasksActsContract:
    """`claim_task`, `release_task`, `assign_task`, `complete_task`, `cancel_task`."""

    @pytest.mark.parametrize("act", ACTS)
    def test_what_is_unknown_is_not_found(self, store: CheckpointStore, act: str) -> None:
        with pytest.raises(TaskNotFoundError):
            ACTS[act](store, new_id())

        with pytest.raises(TaskNotFoundError):
            store.load_task(new_id())
        assert store.list_tasks(new_id()) == []

    @pytest.mark.parametrize("act", ACTS)
    @pytest.mark.parametrize("end", ["completed", "cancelled"])
    def test_what_is_over_is_refused_and_stays_as_it_is(
        self, store: CheckpointStore, clock: ManualClock, act: str, end: str
    ) -> None:
        task = ask(store)
        if end == "completed":
            store.complete_task(task.id, "bob", "1")
        else:
            store.cancel_task(task.id, Actor(kind=ActorKind.USER, id="2", name="bob"))
        before = look(store, task.execution_id)
        clock.advance(MINUTE)

        with pytest.raises(TaskOverError, match=f"already {end} by bob at ") as refused:
            ACTS[act](store, task.id)

        assert (refused.value.status, refused.value.by) == (end, "bob")
        assert refused.value.at == clock.now() - MINUTE
        assert look(store, task.execution_id) == before
        assert len(events_of(store, task)) == 1

    # --- claim and release ---

    def test_a_claimed_task_is_the_user_s(self, store: CheckpointStore, clock: ManualClock) -> None:
        task = ask(store, candidates=(FINANCE,))
        clock.advance(MINUTE)

        claimed = store.claim_task(task.id, "alice", BOSS)

        assert store.load_task(task.id) == claimed
        assert (claimed.status, claimed.assignee) == (TaskStatus.CLAIMED, "alice")
        assert (claimed.claimed_at, claimed.candidates) == (clock.now(), (FINANCE,))
        assert events_of(store, task) == [(EventType.TASK_CLAIMED, {"user": "alice"})]
        [event] = store.list_events(task.execution_id, after=0, limit=10)
        assert (event.actor, event.created_at) == (BOSS, clock.now())

    def test_a_second_claimer_is_told_who_was_first(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store)
        claimed = store.claim_task(task.id, "alice")
        clock.advance(MINUTE)

        with pytest.raises(TaskClaimedError, match="alice's since") as refused:
            store.claim_task(task.id, "bob")

        assert (refused.value.by, refused.value.at) == ("alice", clock.now() - MINUTE)
        assert store.load_task(task.id) == claimed

    def test_who_has_a_task_may_claim_it_again(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store)
        claimed = store.claim_task(task.id, "alice")
        clock.advance(MINUTE)

        assert store.claim_task(task.id, "alice") == claimed

        assert len(events_of(store, task)) == 1

    def test_users_are_told_apart_by_case(self, store: CheckpointStore) -> None:
        task = ask(store, assignee="alice", not_by=("Bob",))

        with pytest.raises(TaskForbiddenError):
            store.complete_task(task.id, "Alice", "1")

        store.release_task(task.id, "alice")
        assert store.claim_task(task.id, "bob").assignee == "bob"

    def test_a_released_task_is_nobody_s(self, store: CheckpointStore) -> None:
        task = ask(store, assignee="alice", candidates=(ALICE,))

        released = store.release_task(task.id, "alice", BOSS, "on holiday")

        assert store.load_task(task.id) == released
        assert (released.status, released.assignee) == (TaskStatus.OPEN, "")
        assert released.claimed_at is None
        [event] = store.list_events(task.execution_id, after=0, limit=10)
        assert (event.type, event.reason) == (EventType.TASK_RELEASED, "on holiday")
        assert event.details["user"] == "alice"

    def test_another_s_task_is_only_released_by_force(self, store: CheckpointStore) -> None:
        task = ask(store, assignee="alice")

        with pytest.raises(TaskClaimedError):
            store.release_task(task.id, "bob")

        assert store.release_task(task.id, None).assignee == ""

    def test_what_nobody_has_is_released_already(self, store: CheckpointStore) -> None:
        task = ask(store)

        assert store.release_task(task.id, "alice") == task

        assert events_of(store, task) == []

    # --- assign ---

    def test_a_task_can_be_given_to_a_user(self, store: CheckpointStore) -> None:
        task = ask(store, assignee="alice", candidates=(FINANCE,))

        given = store.assign_task(task.id, to="bob", actor=BOSS, reason="alice is ill")

        assert store.load_task(task.id) == given
        assert (given.status, given.assignee, given.owner) == (TaskStatus.CLAIMED, "bob", "")
        assert given.candidates == (FINANCE,)
        expected = {"from": "alice", "to": "bob"}
        assert events_of(store, task) == [(EventType.TASK_REASSIGNED, expected)]

    def test_a_task_can_be_offered_to_a_group_alone(self, store: CheckpointStore) -> None:
        task = ask(store, assignee="alice", candidates=(ALICE,))

        given = store.assign_task(task.id, to="group:finance")

        assert store.load_task(task.id) == given
        assert (given.status, given.assignee) == (TaskStatus.OPEN, "")
        assert given.candidates == (FINANCE,)

    def test_a_delegated_task_remembers_whose_it_was(self, store: CheckpointStore) -> None:
        task = ask(store, assignee="alice")

        given = store.assign_task(task.id, to="bob", owner="alice", expected_user="alice")

        assert (given.assignee, given.owner) == ("bob", "alice")
        assert [type_ for type_, _ in events_of(store, task)] == [EventType.TASK_DELEGATED]

    @pytest.mark.parametrize(
        ("assignee", "expected"), [("bob", "alice"), ("", "alice"), ("bob", "")]
    )
    def test_a_task_that_is_not_whose_it_should_be_stays(
        self, store: CheckpointStore, assignee: str, expected: str
    ) -> None:
        task = ask(store, assignee=assignee)

        with pytest.raises(TaskClaimedError) as refused:
            store.assign_task(task.id, to="carol", expected_user=expected)

        assert refused.value.by == assignee
        assert store.load_task(task.id) == task

    def test_what_is_neither_user_nor_group_gets_nothing(self, store: CheckpointStore) -> None:
        task = ask(store)

        with pytest.raises(DefinitionError):
            store.assign_task(task.id, to="group:")

        assert store.load_task(task.id) == task

    # --- complete and cancel ---

    def test_an_answer_is_kept_and_wakes_the_execution(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store, timeout=HOUR, remind_every=MINUTE)
        clock.advance(MINUTE / 2)

        done = store.complete_task(task.id, "alice", '{"approved": true}', "fine ✓", BOSS)

        assert store.load_task(task.id) == done
        assert (done.status, done.assignee) == (TaskStatus.COMPLETED, "alice")
        assert (done.data, done.comment) == ('{"approved": true}', "fine ✓")
        assert (done.actor, done.finished_at) == (BOSS, clock.now())
        assert (done.remind_at, done.claimed_at) == (None, clock.now())
        assert is_due(store, task.execution_id)
        [timer] = store.list_timers(task.execution_id)
        assert timer.status is TimerStatus.CANCELLED
        assert events_of(store, task) == [(EventType.TASK_COMPLETED, {"user": "alice"})]

    def test_another_s_task_cannot_be_completed(self, store: CheckpointStore) -> None:
        task = ask(store, assignee="alice")
        before = look(store, task.execution_id)

        with pytest.raises(TaskForbiddenError, match="assigned to alice"):
            store.complete_task(task.id, "bob", "1")

        assert look(store, task.execution_id) == before

    def test_one_s_own_can(self, store: CheckpointStore, clock: ManualClock) -> None:
        task = ask(store, assignee="alice")
        clock.advance(MINUTE)

        assert store.complete_task(task.id, "alice", "1").claimed_at == clock.now() - MINUTE

    @pytest.mark.parametrize("act", ["claim", "assign", "complete"])
    def test_four_eyes_see_more_than_two(self, store: CheckpointStore, act: str) -> None:
        task = ask(store, not_by=("bob", "carol"))
        before = look(store, task.execution_id)

        with pytest.raises(TaskForbiddenError, match="four-eyes") as refused:
            ACTS[act](store, task.id)

        assert refused.value.user == "carol"
        assert look(store, task.execution_id) == before
        assert store.complete_task(task.id, "alice", "1").assignee == "alice"

    @pytest.mark.parametrize("act", ["claim_task", "complete_task"])
    def test_nobody_does_nothing(self, store: CheckpointStore, act: str) -> None:
        task = ask(store)

        with pytest.raises(DefinitionError):
            getattr(store, act)(task.id, "", *(["1"] if act == "complete_task" else []))

        assert store.load_task(task.id) == task

    def test_a_cancelled_task_wakes_the_execution_and_says_why(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store, timeout=HOUR)

        over = store.cancel_task(task.id, BOSS, "not needed any more")

        assert store.load_task(task.id) == over
        assert (over.status, over.actor) == (TaskStatus.CANCELLED, BOSS)
        assert (over.comment, over.finished_at) == ("not needed any more", clock.now())
        assert is_due(store, task.execution_id)
        [timer] = store.list_timers(task.execution_id)
        assert timer.status is TimerStatus.CANCELLED
        [event] = store.list_events(task.execution_id, after=0, limit=10)
        assert (event.type, event.reason) == (EventType.TASK_CANCELLED, "not needed any more")

    @pytest.mark.parametrize("act", ["claim", "release", "assign"])
    def test_what_does_not_end_a_task_lets_its_execution_wait(
        self, store: CheckpointStore, act: str
    ) -> None:
        task = ask(store, assignee="alice" if act == "release" else "")

        ACTS[act](store, task.id)

        assert not is_due(store, task.execution_id)
        assert store.load_execution(task.execution_id).signal_count == 0

    def test_an_answer_to_one_who_waits_for_something_else_does_not_wake_it(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store)
        ask(store, wake(store, task.execution_id), name="other", key="other")

        store.complete_task(task.id, "alice", "1")

        assert not is_due(store, task.execution_id)
        assert wake(store, task.execution_id).signal_count == 1

    def test_an_answer_to_a_running_execution_is_counted(self, store: CheckpointStore) -> None:
        task = ask(store)
        held = wake(store, task.execution_id)

        store.complete_task(task.id, "alice", "1")

        assert store.load_execution(held.execution_id).signal_count == held.signal_count + 1
        assert status_of(store, held.execution_id) is ExecutionStatus.RUNNING
