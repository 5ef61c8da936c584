"""Promises about how many executions of a queue begin in a period."""

from __future__ import annotations

from datetime import timedelta

from durable_django.domain.status import ExecutionStatus
from durable_django.domain.work_queue import Rate
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_new_execution
from durable_django.testing.store_contract.arrange import (
    AN_HOUR,
    HOUR,
    LEASE,
    MICROSECOND,
    MINUTE,
    status_of,
    suspend,
)
from durable_django.testing.store_contract.queues import (
    TWO_A_MINUTE,
    control,
    ids_of,
    start_many,
    take,
)


class RatesContract:
    """How many of a queue begin in a period."""

    def test_no_more_begin_than_there_are_tokens(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        control(store, rate=TWO_A_MINUTE)
        ids = start_many(store, 5)

        first, second = take(store), take(store)
        for held in first:
            assert store.complete(held, "null") is None
        clock.advance(seconds=30)
        third, fourth = take(store), take(store)

        assert (ids_of(first), second) == (ids[:2], [])
        assert (ids_of(third), fourth) == (ids[2:3], [])

    def test_a_queue_without_tokens_is_not_due_before_the_next(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        control(store, rate=TWO_A_MINUTE)
        start_many(store, 5)
        for held in take(store):
            assert store.complete(held, "null") is None

        assert store.count_due("default", 10) == 0
        alarm = store.next_alarm(["default"])
        assert alarm is not None
        assert timedelta(0) <= alarm - clock.now() - MINUTE / 2 <= 2 * MICROSECOND
        clock.set(alarm)
        assert store.count_due("default", 10) == 1
        assert len(take(store)) == 1

    def test_a_quiet_time_fills_the_bucket_and_no_more(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        control(store, rate=TWO_A_MINUTE)
        clock.advance(days=3)
        start_many(store, 5)

        assert len(take(store)) == 2  # noqa: PLR2004 -- what the bucket holds

    def test_what_has_begun_needs_no_token(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        control(store, rate=Rate(1, 365 * 24 * HOUR))
        start_many(store, 2)
        [held] = take(store)
        suspend(store, held, AN_HOUR)
        clock.advance(HOUR)
        due = store.count_due("default", 10)

        [again] = take(store)
        clock.advance(LEASE)
        [recovered] = take(store)

        assert due == 1
        assert again.execution_id == recovered.execution_id == held.execution_id

    def test_a_queue_without_tokens_is_due_when_what_has_begun_is(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        control(store, rate=Rate(1, 365 * 24 * HOUR))
        start_many(store, 3)
        [held] = take(store)
        suspend(store, held, AN_HOUR)

        assert store.next_alarm(["default"]) == clock.now() + HOUR

    def test_the_same_rate_again_fills_nothing(self, store: CheckpointStore) -> None:
        control(store, rate=TWO_A_MINUTE)
        start_many(store, 5)
        take(store)

        control(store, rate=TWO_A_MINUTE, max_running=9)
        same = take(store)
        control(store, rate=Rate(3, MINUTE))

        assert same == []
        assert len(take(store)) == 3  # noqa: PLR2004 -- a new bucket

    def test_what_is_only_to_end_needs_no_token(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        """A debounce, and short times to live, must not use up what others wait for."""
        control(store, rate=Rate(1, 365 * 24 * HOUR))
        cancelled, *_ = start_many(store, 1)
        expired, *_ = start_many(store, 1, expires_at=clock.now() + HOUR)
        clock.advance(HOUR)
        first, second = start_many(store, 2)
        store.request_cancel(cancelled, "replaced", compensates=True)
        due = store.count_due("default", 10)

        claimed = ids_of(take(store))

        assert (sorted(claimed[:2]), claimed[2:]) == (sorted([cancelled, expired]), [first])
        assert due == len(claimed)
        assert status_of(store, second) is ExecutionStatus.PENDING

    def test_both_limits_hold(self, store: CheckpointStore, clock: ManualClock) -> None:
        control(store, rate=TWO_A_MINUTE, max_running=1)
        start_many(store, 5)

        [first] = take(store)
        assert store.complete(first, "null") is None
        [second] = take(store)
        assert store.complete(second, "null") is None

        assert take(store) == []
        clock.advance(MINUTE)
        assert len(take(store)) == 1

    def test_starts_in_bulk_wait_for_their_tokens(self, store: CheckpointStore) -> None:
        control(store, rate=TWO_A_MINUTE)
        store.insert_executions([make_new_execution() for _ in range(20)])

        assert len(take(store, 50)) == 2  # noqa: PLR2004 -- what the bucket holds
