"""Promises about the time of human tasks: timeouts, reminders, escalation."""

from __future__ import annotations

from typing import Any

import pytest

from durable_django.domain.event import ActorKind, EventType
from durable_django.domain.status import (
    CheckpointStatus,
    TaskStatus,
    TimerStatus,
)
from durable_django.domain.task import Principal, PrincipalKind
from durable_django.domain.wait import Suspension
from durable_django.exceptions import TaskOverError
from durable_django.ports.checkpoint_store import CheckpointStore, LeaseLost
from durable_django.testing.clock import ManualClock
from durable_django.testing.store_contract.arrange import (
    HOUR,
    claim,
    look,
)
from durable_django.testing.store_contract.human_tasks_arrange import (
    ALICE,
    FINANCE,
    ask,
    attempt_of,
    wake,
)


class HumanTasksTimingContract:
    """`expire_task`, `remind_task`, `escalate_task`."""

    # --- timeouts ---

    def test_a_timeout_closes_the_attempt_the_timer_and_the_task(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store, timeout=HOUR, remind_every=3 * HOUR)
        clock.advance(HOUR)
        held = claim(store, task.execution_id)

        answer = store.expire_task(held, attempt_of(held))

        expired = store.load_task(task.id)
        [timer] = store.list_timers(held.execution_id)
        [stored] = store.list_checkpoints(held.execution_id)
        assert answer is Suspension.SUSPENDED
        assert (expired.status, expired.finished_at) == (TaskStatus.EXPIRED, clock.now())
        assert (expired.remind_at, expired.actor) == (None, None)
        assert timer.status is TimerStatus.FIRED
        assert (stored.status, stored.is_final) == (CheckpointStatus.FAILED, True)

    def test_an_answer_after_the_timeout_is_refused_and_names_it(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store, timeout=HOUR)
        clock.advance(HOUR)
        held = claim(store, task.execution_id)
        store.expire_task(held, attempt_of(held))
        before = look(store, held.execution_id)

        with pytest.raises(TaskOverError, match="ran out of time") as refused:
            store.complete_task(task.id, "alice", "1")

        assert (refused.value.status, refused.value.at) == ("expired", clock.now())
        assert look(store, held.execution_id) == before

    def test_an_answer_that_the_slice_has_not_seen_wins_over_the_timeout(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store, timeout=HOUR)
        clock.advance(HOUR)
        held = claim(store, task.execution_id)
        store.complete_task(task.id, "alice", "1")
        before = look(store, held.execution_id)

        answer = store.expire_task(held, attempt_of(held))

        assert answer is Suspension.SIGNALLED
        assert look(store, held.execution_id)[1:] == before[1:]
        assert store.load_task(task.id).status is TaskStatus.COMPLETED

    def test_an_answer_whose_news_was_seen_wins_over_the_timeout_too(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store, timeout=HOUR)
        clock.advance(HOUR)
        held = claim(store, task.execution_id)
        store.complete_task(task.id, "alice", "1")
        store.expire_task(held, attempt_of(held))

        answer = store.expire_task(held, attempt_of(held))

        assert answer is Suspension.SIGNALLED
        [stored] = store.list_checkpoints(held.execution_id)
        assert stored.status is CheckpointStatus.INTENT

    def test_a_signal_that_the_slice_has_not_seen_only_puts_the_timeout_off(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store, timeout=HOUR)
        clock.advance(HOUR)
        held = claim(store, task.execution_id)
        store.add_signal(held.execution_id, "packed", "1")

        answers = [store.expire_task(held, attempt_of(held)) for _ in range(2)]

        assert answers == [Suspension.SIGNALLED, Suspension.SUSPENDED]
        assert [signal.name for signal in held.signals] == ["packed"]

    def test_a_timeout_of_an_attempt_that_was_closed_is_refused_whole(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store, timeout=HOUR)
        clock.advance(HOUR)
        held = claim(store, task.execution_id)
        store.record_outcome(held, attempt_of(held))
        before = look(store, held.execution_id)

        with pytest.raises(LeaseLost):
            store.expire_task(held, attempt_of(held))

        assert look(store, held.execution_id) == before

    # --- reminders and escalation ---

    def test_a_reminder_counts_and_sets_the_next(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store, remind_every=HOUR)
        clock.advance(HOUR)
        held = wake(store, task.execution_id)

        assert store.remind_task(held, task.id) is None

        reminded = store.load_task(task.id)
        assert (reminded.reminders, reminded.remind_at) == (1, clock.now() + HOUR)
        event = store.list_events(held.execution_id, after=0, limit=10)[-1]
        assert (event.type, event.actor.kind) == (EventType.TASK_REMINDED, ActorKind.WORKER)
        assert event.details["task"] == str(task.id)

    def test_missed_reminders_are_one_and_the_rhythm_stays(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store, remind_every=HOUR)
        asked_at = clock.now()
        clock.advance(3.5 * HOUR)
        held = wake(store, task.execution_id)

        store.remind_task(held, task.id)

        reminded = store.load_task(task.id)
        assert (reminded.reminders, reminded.remind_at) == (1, asked_at + 4 * HOUR)

    @pytest.mark.parametrize("method", ["remind_task", "escalate_task"])
    def test_what_is_not_due_is_left_alone(self, store: CheckpointStore, method: str) -> None:
        fields: dict[str, Any] = {
            "remind_every": HOUR,
            "escalate_after": HOUR,
            "escalate_to": (FINANCE,),
        }
        task = ask(store, **fields)
        held = wake(store, task.execution_id)

        assert getattr(store, method)(held, task.id) is None

        assert store.load_task(task.id) == task
        assert store.list_events(held.execution_id, after=0, limit=10) == []

    @pytest.mark.parametrize("method", ["remind_task", "escalate_task"])
    def test_what_is_over_is_left_alone(
        self, store: CheckpointStore, clock: ManualClock, method: str
    ) -> None:
        fields: dict[str, Any] = {
            "remind_every": HOUR,
            "escalate_after": HOUR,
            "escalate_to": (FINANCE,),
        }
        task = ask(store, **fields)
        clock.advance(HOUR)
        held = wake(store, task.execution_id)
        over = store.complete_task(task.id, "alice", "1")

        assert getattr(store, method)(held, task.id) is None

        assert store.load_task(task.id) == over

    def test_an_escalation_offers_the_task_to_more_people(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        to = (FINANCE, ALICE)
        task = ask(store, candidates=(ALICE,), escalate_after=HOUR, escalate_to=to)
        clock.advance(HOUR)
        held = wake(store, task.execution_id)

        store.escalate_task(held, task.id)

        escalated = store.load_task(task.id)
        assert escalated.candidates == (ALICE, FINANCE)
        assert (escalated.escalated_at, escalated.escalate_at) == (clock.now(), None)
        event = store.list_events(held.execution_id, after=0, limit=10)[-1]
        assert event.type is EventType.TASK_ESCALATED

    def test_an_escalation_takes_the_task_from_who_has_it(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store, candidates=(FINANCE,), escalate_after=HOUR, escalate_to=(FINANCE,))
        store.claim_task(task.id, "alice")
        clock.advance(HOUR)
        held = wake(store, task.execution_id)

        store.escalate_task(held, task.id)

        escalated = store.load_task(task.id)
        assert (escalated.status, escalated.assignee) == (TaskStatus.OPEN, "")
        assert escalated.candidates == (FINANCE, ALICE)

    def test_who_had_it_by_delegation_does_not_leave_the_delegator_behind(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store, escalate_after=HOUR, escalate_to=(FINANCE,))
        store.assign_task(task.id, to="bob", owner="alice")
        clock.advance(HOUR)

        store.escalate_task(wake(store, task.execution_id), task.id)

        assert store.load_task(task.id).owner == ""

    @pytest.mark.parametrize("name", ["group:hr", " jane\u00a0doe"], ids=["as_a_group", "odd"])
    def test_who_has_it_stays_a_user_whatever_their_name(
        self, store: CheckpointStore, clock: ManualClock, name: str
    ) -> None:
        """A custom user model may allow names that no author of a workflow could write."""
        task = ask(store, candidates=(FINANCE,), escalate_after=HOUR, escalate_to=(ALICE,))
        store.claim_task(task.id, name)
        clock.advance(HOUR)

        store.escalate_task(wake(store, task.execution_id), task.id)

        user = Principal(kind=PrincipalKind.USER, name=name)
        assert store.load_task(task.id).candidates == (FINANCE, user, ALICE)

    def test_what_everybody_may_do_stays_so_when_it_escalates(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        task = ask(store, escalate_after=HOUR, escalate_to=(FINANCE,))
        clock.advance(HOUR)
        held = wake(store, task.execution_id)

        store.escalate_task(held, task.id)

        assert store.load_task(task.id).candidates == ()
        assert store.load_task(task.id).escalated_at == clock.now()
