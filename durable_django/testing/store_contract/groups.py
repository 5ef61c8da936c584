"""Promises about several things at once: their waits, their decision, and broadcasts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.signal import topic_of
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    TimerStatus,
    WaitKind,
)
from durable_django.domain.wait import ANY_NEWS, Suspension, Wait, list_waits
from durable_django.ports.checkpoint_store import CheckpointStore, LeaseLost
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import (
    make_asking,
    make_checkpoint,
    make_error,
    make_outcome,
)
from durable_django.testing.store_contract.arrange import (
    FOR_PACKED,
    HOUR,
    MINUTE,
    begin,
    claim,
    essence,
    is_due,
    look,
    start,
    suspend,
)
from durable_django.testing.store_contract.children import new_child, wait_for

NEWS = topic_of("news", "")
FOR_NEWS = Wait(kind=WaitKind.EVENT, name=NEWS, key="news", topic=NEWS)
SOON = Wait(kind=WaitKind.TIMER, name="soon", key="race/soon", after=MINUTE, registers_timer=True)
LATE = Wait(kind=WaitKind.TIMER, name="late", key="race/late", after=HOUR, registers_timer=True)


def any_of(*parts: Wait) -> Wait:
    """Return the wait for any of these."""
    return Wait(kind=WaitKind.SEVERAL, name=list_waits(parts), parts=parts)


def decided(held: Claim, **fields: Any) -> Checkpoint:
    """Return a group's outcome."""
    told: dict[str, Any] = {"kind": CheckpointKind.GROUP, "action": "{}"}
    return make_outcome(held.execution_id, "race", **(told | fields))


def statuses_of_timers(store: CheckpointStore, held: Claim) -> dict[str, TimerStatus]:
    """Return where the timers stand."""
    return {timer.key: timer.status for timer in store.list_timers(held.execution_id)}


class GroupsContract:
    """`settle`, waits for SEVERAL, `postponed`, and subscriptions."""

    # --- waiting for several ---

    def test_the_earliest_of_several_alarms_counts(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        now = clock.now()

        suspend(store, held, any_of(LATE, FOR_PACKED, SOON))

        execution = store.load_execution(held.execution_id)
        assert (execution.waiting_kind, execution.wake_at) == ("several", now + MINUTE)
        fire_at = {timer.key: timer.fire_at for timer in store.list_timers(held.execution_id)}
        assert fire_at == {"race/soon": now + MINUTE, "race/late": now + HOUR}

    def test_an_alarm_that_is_no_timer_counts_too(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        retry = Wait(kind=WaitKind.RETRY, name="a", key="race/a", alarm=clock.now() + MINUTE)

        suspend(store, held, any_of(LATE, retry))

        assert store.load_execution(held.execution_id).wake_at == clock.now() + MINUTE

    def test_without_any_alarm_there_is_none(self, store: CheckpointStore) -> None:
        held = begin(store)

        suspend(store, held, any_of(FOR_PACKED, replace(FOR_PACKED, name="paid", key="paid")))

        assert store.load_execution(held.execution_id).wake_at is None

    def test_the_time_to_live_is_an_alarm_too(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store, expires_at=clock.now() + MINUTE / 2)

        suspend(store, held, any_of(LATE, SOON))

        assert store.load_execution(held.execution_id).wake_at == clock.now() + MINUTE / 2

    def test_timers_of_several_are_registered_once(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        now = clock.now()
        suspend(store, held, any_of(LATE, FOR_PACKED))
        clock.advance(MINUTE)
        store.add_signal(held.execution_id, "packed", "null")
        again = claim(store, held.execution_id)

        late = replace(LATE, after=None, registers_timer=False, alarm=now + HOUR)
        suspend(store, again, any_of(late, SOON))

        fire_at = {timer.key: timer.fire_at for timer in store.list_timers(held.execution_id)}
        assert fire_at == {"race/late": now + HOUR, "race/soon": now + 2 * MINUTE}

    @pytest.mark.parametrize("name", ["packed", "paid"])
    def test_each_of_several_names_wakes(self, store: CheckpointStore, name: str) -> None:
        held = begin(store)
        suspend(store, held, any_of(FOR_PACKED, replace(FOR_PACKED, name="paid", key="paid")))

        store.add_signal(held.execution_id, name, "null")

        assert is_due(store, held.execution_id)

    @pytest.mark.parametrize("name", ["pack", "ackedx", "signal:packed", "PACKED", "packed2", "*"])
    def test_no_other_name_wakes(self, store: CheckpointStore, name: str) -> None:
        held = begin(store)
        suspend(store, held, any_of(FOR_PACKED, replace(FOR_PACKED, name="paid", key="paid")))

        store.add_signal(held.execution_id, name, "null")

        assert not is_due(store, held.execution_id)

    def test_names_that_are_too_many_to_list_are_all_woken_for(
        self, store: CheckpointStore
    ) -> None:
        held = begin(store)
        many = [replace(FOR_PACKED, name=f"{'x' * 60}{n}", key=f"k{n}") for n in range(20)]

        suspend(store, held, any_of(*many))

        assert store.load_execution(held.execution_id).waiting_for == ANY_NEWS
        store.add_signal(held.execution_id, many[17].name, "null")
        assert is_due(store, held.execution_id)

    def test_an_earlier_alarm_is_not_put_off_by_news(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        suspend(store, held, any_of(FOR_PACKED, SOON))
        due = clock.now() + MINUTE
        clock.advance(HOUR)

        store.add_signal(held.execution_id, "packed", "null")

        assert store.load_execution(held.execution_id).wake_at == due

    def test_news_the_slice_has_not_seen_begins_no_wait(self, store: CheckpointStore) -> None:
        held = begin(store)
        store.add_signal(held.execution_id, "other", "null")

        answer = store.suspend(held, any_of(FOR_NEWS, SOON))

        assert answer is Suspension.SIGNALLED
        assert store.list_timers(held.execution_id) == []
        assert store.list_subscribers(NEWS, after=None, limit=10) == []
        assert [signal.name for signal in held.signals] == ["other"]

    # --- the decision ---

    def test_what_a_decision_releases_is_withdrawn(self, store: CheckpointStore) -> None:
        held = begin(store)
        asking = make_asking(held.execution_id, key="race/ask")
        for_news = replace(FOR_NEWS, key="race/news")
        for_task = Wait(kind=WaitKind.TASK, name="race/ask", key="race/ask", asking=(asking,))
        suspend(store, held, any_of(SOON, LATE, for_news, for_task, FOR_PACKED))
        store.add_signal(held.execution_id, "packed", "null")
        held = claim(store, held.execution_id)
        closed = replace(asking[0], status=CheckpointStatus.FAILED)

        answer = store.settle(held, decided(held), released=["race"], dropped=[closed])

        assert answer is Suspension.SUSPENDED
        assert set(statuses_of_timers(store, held).values()) == {TimerStatus.CANCELLED}
        assert store.list_subscribers(NEWS, after=None, limit=10) == []
        [task] = store.list_tasks(held.execution_id)
        assert task.status == "cancelled"
        rows = {row.key: row.status for row in store.list_checkpoints(held.execution_id)}
        assert rows == {"race": "completed", "race/ask": "failed"}
        assert store.load_execution(held.execution_id).status == "running"

    def test_what_it_does_not_release_stays(self, store: CheckpointStore) -> None:
        held = begin(store)
        suspend(store, held, any_of(SOON, LATE, replace(FOR_NEWS, key="race/news")))
        store.request_pause(held.execution_id)
        store.resume(held.execution_id)
        held = claim(store, held.execution_id)

        store.settle(held, decided(held), released=["race/soon"])

        assert statuses_of_timers(store, held) == {
            "race/soon": TimerStatus.CANCELLED,
            "race/late": TimerStatus.PENDING,
        }
        assert store.list_subscribers(NEWS, after=None, limit=10) == [held.execution_id]

    def test_what_calls_of_a_like_name_wait_with_stays(self, store: CheckpointStore) -> None:
        held = begin(store)
        asking = make_asking(held.execution_id, key="race#2/ask")
        for_task = Wait(kind=WaitKind.TASK, name="race#2/ask", key="race#2/ask", asking=(asking,))
        soon = replace(SOON, key="Race/soon")
        suspend(store, held, any_of(soon, replace(FOR_NEWS, key="races/news"), for_task))
        store.request_pause(held.execution_id)
        store.resume(held.execution_id)
        held = claim(store, held.execution_id)

        store.settle(held, decided(held), released=["race"])

        assert statuses_of_timers(store, held) == {"Race/soon": TimerStatus.PENDING}
        assert store.list_subscribers(NEWS, after=None, limit=10) == [held.execution_id]
        [task] = store.list_tasks(held.execution_id)
        assert task.status == "open"

    def test_a_timer_that_decided_has_fired(self, store: CheckpointStore) -> None:
        held = begin(store)
        suspend(store, held, any_of(SOON, LATE))
        store.request_pause(held.execution_id)
        store.resume(held.execution_id)
        held = claim(store, held.execution_id)

        released = ["race/soon", "race/late"]
        store.settle(held, decided(held), fired=["race/soon"], released=released)

        assert statuses_of_timers(store, held) == {
            "race/soon": TimerStatus.FIRED,
            "race/late": TimerStatus.CANCELLED,
        }

    def test_it_closes_the_call_s_own_attempt(self, store: CheckpointStore) -> None:
        held = begin(store)
        attempt = make_checkpoint(held.execution_id, "pay", kind=CheckpointKind.CHILD)
        assert store.record_intent(held, attempt) is None
        outcome = replace(attempt, status=CheckpointStatus.COMPLETED, output="7")

        assert store.settle(held, outcome) is Suspension.SUSPENDED

        [row] = store.list_checkpoints(held.execution_id)
        assert essence(row) == essence(outcome)
        assert row.started_at is not None
        assert row.completed_at is not None

    def test_what_was_closed_already_is_not_closed_again(self, store: CheckpointStore) -> None:
        held = begin(store)
        store.record_outcome(held, make_outcome(held.execution_id))
        before = look(store, held.execution_id)

        with pytest.raises(LeaseLost):
            store.settle(held, make_outcome(held.execution_id, output='"other"'))

        assert look(store, held.execution_id) == before

    def test_it_is_all_or_nothing(self, store: CheckpointStore) -> None:
        held = begin(store)
        suspend(store, held, any_of(SOON, LATE))
        store.request_pause(held.execution_id)
        store.resume(held.execution_id)
        held = claim(store, held.execution_id)
        store.record_outcome(held, make_outcome(held.execution_id, "race/a"))
        again = make_outcome(held.execution_id, "race/a", status=CheckpointStatus.FAILED)
        before = look(store, held.execution_id)

        with pytest.raises(LeaseLost):
            store.settle(held, decided(held), released=["race/soon"], dropped=[again])

        assert look(store, held.execution_id) == before

    def test_it_may_be_put_off_by_news(self, store: CheckpointStore) -> None:
        held = begin(store)
        suspend(store, held, any_of(SOON, LATE))
        store.request_pause(held.execution_id)
        store.resume(held.execution_id)
        held = claim(store, held.execution_id)
        store.add_signal(held.execution_id, "packed", "5")
        before = look(store, held.execution_id)

        answer = store.settle(held, decided(held), fired=["race/soon"], unless_news=True)

        assert answer is Suspension.SIGNALLED
        assert look(store, held.execution_id) == before
        assert [signal.payload for signal in held.signals] == ["5"]
        assert store.settle(held, decided(held), unless_news=True) is Suspension.SUSPENDED

    def test_without_that_news_is_no_hindrance(self, store: CheckpointStore) -> None:
        held = begin(store)
        store.add_signal(held.execution_id, "packed", "5")

        assert store.settle(held, decided(held)) is Suspension.SUSPENDED

    def test_a_child_s_end_is_such_news(self, store: CheckpointStore) -> None:
        held = begin(store)
        child = new_child(held.execution_id)
        assert store.open_waits(held, wait_for(held, child)) is None
        store.complete(claim(store, child.id), "null")

        answer = store.settle(held, decided(held), unless_news=True)

        assert answer is Suspension.SIGNALLED

    # --- a check that is put off ---

    def test_the_next_check_is_stored_with_the_wait(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        attempt = make_checkpoint(held.execution_id, "poll", kind=CheckpointKind.POLL)
        assert store.record_intent(held, attempt) is None
        due = clock.now() + MINUTE
        wait = Wait(
            kind=WaitKind.POLL,
            name="poll",
            key="poll",
            alarm=due,
            postponed=replace(attempt, retry_at=due),
        )

        suspend(store, held, wait)

        [row] = store.list_checkpoints(held.execution_id)
        assert (row.status, row.retry_at) == ("intent", due)
        assert store.load_execution(held.execution_id).wake_at == due

    def test_a_person_may_have_it_checked_now(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        attempt = make_checkpoint(held.execution_id, "poll", kind=CheckpointKind.POLL)
        assert store.record_intent(held, attempt) is None
        due = clock.now() + MINUTE
        postponed = replace(attempt, retry_at=due)
        wait = Wait(kind=WaitKind.POLL, name="poll", key="poll", alarm=due, postponed=postponed)
        suspend(store, held, wait)

        assert store.hasten(held.execution_id, "poll")

        assert is_due(store, held.execution_id)
        [row] = store.list_checkpoints(held.execution_id)
        assert row.retry_at == clock.now()

    # --- broadcasts ---

    def test_who_waits_for_a_topic_is_listed(self, store: CheckpointStore) -> None:
        waiting = sorted(suspend(store, begin(store), FOR_NEWS) for _ in range(3))
        start(store)
        other = topic_of("news", "a")
        for_other = replace(FOR_NEWS, name=other, topic=other)
        suspend(store, begin(store), for_other)

        first = store.list_subscribers(NEWS, after=None, limit=2)
        rest = store.list_subscribers(NEWS, after=first[-1], limit=2)

        assert [*first, *rest] == waiting
        assert store.list_subscribers(topic_of("other", ""), after=None, limit=2) == []

    def test_who_waits_twice_is_listed_once(self, store: CheckpointStore) -> None:
        held = begin(store)

        suspend(store, held, any_of(FOR_NEWS, replace(FOR_NEWS, key="again")))

        assert store.list_subscribers(NEWS, after=None, limit=10) == [held.execution_id]

    def test_a_signal_of_the_topic_wakes(self, store: CheckpointStore) -> None:
        held = begin(store)
        suspend(store, held, FOR_NEWS)

        store.add_signal(held.execution_id, NEWS, "null")

        assert is_due(store, held.execution_id)

    def test_a_signal_of_the_event_s_name_does_not(self, store: CheckpointStore) -> None:
        held = begin(store)
        suspend(store, held, FOR_NEWS)

        store.add_signal(held.execution_id, "news", "null")

        assert not is_due(store, held.execution_id)

    @pytest.mark.parametrize("end", ["delivered", "expired", "settled"])
    def test_with_its_end_a_wait_is_no_subscription_any_more(
        self, store: CheckpointStore, end: str
    ) -> None:
        held = begin(store)
        suspend(store, held, FOR_NEWS)
        store.add_signal(held.execution_id, NEWS, "null")
        held = claim(store, held.execution_id)
        outcome = make_outcome(held.execution_id, "news", kind=CheckpointKind.EVENT)
        if end == "delivered":
            assert store.deliver_signal(held, outcome, held.signals[0]) is None
        elif end == "expired":
            assert store.expire_wait(held, outcome) is Suspension.SUSPENDED
        else:
            store.settle(held, decided(held), released=["news"])

        assert store.list_subscribers(NEWS, after=None, limit=10) == []

    @pytest.mark.parametrize("way", ["straight", "after a pause", "after a resume"])
    @pytest.mark.parametrize("end", ["completed", "failed", "cancelled", "undoing"])
    def test_with_the_execution_s_end_it_is_none_either(
        self, store: CheckpointStore, end: str, way: str
    ) -> None:
        held = begin(store)
        suspend(store, held, FOR_NEWS)
        store.add_signal(held.execution_id, NEWS, "null")
        if way != "straight":
            store.request_pause(held.execution_id)
        if way == "after a resume":
            store.resume(held.execution_id)
        if way == "after a pause":
            store.request_cancel(held.execution_id, "", compensates=True)
        held = claim(store, held.execution_id)
        if end == "completed":
            if way != "straight":
                return  # it comes by its wait first
            assert store.complete(held, "null") is None
        elif end == "undoing":
            store.begin_compensation(held, ExecutionStatus.FAILED, make_error())
        else:
            error = make_error() if end == "failed" else None
            store.finish(held, ExecutionStatus(end), error)

        assert store.list_subscribers(NEWS, after=None, limit=10) == []

    # --- a retry ---

    def test_a_retry_reopens_all_that_failed_in_a_group_and_the_groups_around(
        self, store: CheckpointStore
    ) -> None:
        held = begin(store)
        failed: dict[str, Any] = {"status": CheckpointStatus.FAILED, "is_final": True}
        for key, fields in {
            "out": {"kind": CheckpointKind.GROUP, **failed},
            "out/in": {"kind": CheckpointKind.GROUP, **failed},
            "out/in/a": failed,
            "out/in/b": {},
            "out/in/a/deep": failed,
            "out/other": failed,
            "OUT/in": failed,
            "outer": failed,
        }.items():
            store.record_outcome(held, make_outcome(held.execution_id, key, **fields))
        store.finish(held, ExecutionStatus.FAILED, make_error(call="out/in"))

        store.retry(held.execution_id)

        rows = store.list_checkpoints(held.execution_id)
        reopened = {row.key for row in rows if row.status == "failed" and not row.is_final}
        assert reopened == {"out", "out/in", "out/in/a", "out/in/a/deep"}

    @pytest.mark.parametrize("kind", [CheckpointKind.GROUP, CheckpointKind.MAP])
    def test_a_retry_reopens_what_completed_and_led_no_further(
        self, store: CheckpointStore, kind: CheckpointKind
    ) -> None:
        """A wait for several that ran out of time; a map that tolerated a failure."""
        held = begin(store)
        store.record_outcome(held, make_outcome(held.execution_id, "several", kind=kind))
        store.record_outcome(held, make_outcome(held.execution_id, "before", kind=kind))
        store.finish(held, ExecutionStatus.FAILED, make_error(call="several/item"))

        store.retry(held.execution_id)

        rows = store.list_checkpoints(held.execution_id)
        assert {row.key: (row.status, row.is_final) for row in rows} == {
            "several": ("failed", False),
            "before": ("completed", False),
        }
