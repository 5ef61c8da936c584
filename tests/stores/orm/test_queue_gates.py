"""What has begun is found among what is due, at a bounded price."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from durable_django.domain.status import WaitKind
from durable_django.domain.wait import Suspension, Wait
from durable_django.stores.orm import queue_gates
from durable_django.stores.orm.queue_gates import Lines
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import make_new_execution

pytestmark = pytest.mark.django_db(transaction=True)

LEASE = timedelta(minutes=1)
AGAIN = Wait(kind=WaitKind.YIELD, after=timedelta(0))


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def lines(time: Time, monkeypatch: pytest.MonkeyPatch) -> Lines:
    monkeypatch.setattr(queue_gates, "_SHORT_LINE", 5)
    return Lines(monotonic=time)


def begin(store: OrmCheckpointStore) -> UUID:
    """Leave an execution that has begun, and is due after all that are there."""
    [(execution, _)] = store.insert_executions([make_new_execution()])
    claim = store.claim_one(execution.id, LEASE, "ana")
    assert claim is not None
    assert store.suspend(claim, AGAIN) is Suspension.SUSPENDED
    return execution.id


def fill(store: OrmCheckpointStore, count: int) -> None:
    store.insert_executions([make_new_execution() for _ in range(count)])


def test_a_short_line_is_looked_through_each_time(store: OrmCheckpointStore, lines: Lines) -> None:
    fill(store, 4)
    before = lines.find_begun(store._db, "default", 3)

    begun = begin(store)

    assert (before, lines.find_begun(store._db, "default", 3)) == ([], [begun])


def test_a_long_line_is_left_alone_for_a_while(
    store: OrmCheckpointStore, lines: Lines, time: Time
) -> None:
    fill(store, 20)
    assert lines.find_begun(store._db, "default", 3) == []
    begun = begin(store)

    early = lines.find_begun(store._db, "default", 3)
    time.now += 1.0

    assert (early, lines.find_begun(store._db, "default", 3)) == ([], [begun])


def test_its_head_is_looked_at_all_the_same(store: OrmCheckpointStore, lines: Lines) -> None:
    first = begin(store)
    fill(store, 20)

    found = [lines.find_begun(store._db, "default", 3) for _ in range(2)]

    assert found == [[first], [first]]


def test_a_long_line_is_looked_through_again_as_long_as_enough_is_found(
    store: OrmCheckpointStore, lines: Lines
) -> None:
    fill(store, 20)
    ids = [begin(store) for _ in range(3)]

    assert lines.find_begun(store._db, "default", 2) == ids[:2]
    assert lines.find_begun(store._db, "default", 3) == ids


def test_a_look_that_takes_long_is_repeated_less_often(
    store: OrmCheckpointStore, lines: Lines, time: Time
) -> None:
    fill(store, 20)
    db = store._db
    fetch = db.fetch

    def slow(*args: object) -> object:
        time.now += 0.5
        return fetch(*args)  # type: ignore[arg-type]

    db.fetch = slow  # type: ignore[method-assign,assignment]
    assert lines.find_begun(db, "default", 3) == []
    db.fetch = fetch  # type: ignore[method-assign]
    begun = begin(store)

    time.now += 4.9
    early = lines.find_begun(db, "default", 3)
    time.now += 0.2

    assert (early, lines.find_begun(db, "default", 3)) == ([], [begun])


def test_nothing_wanted_is_nothing_looked_for(store: OrmCheckpointStore, lines: Lines) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert lines.find_begun(store._db, "default", 0) == []
    assert len(queries) == 0


def test_who_sleeps_before_a_long_line_is_still_the_next(
    store: OrmCheckpointStore, lines: Lines
) -> None:
    [(execution, _)] = store.insert_executions([make_new_execution()])
    claim = store.claim_one(execution.id, LEASE, "ana")
    assert claim is not None
    nap = Wait(kind=WaitKind.RETRY, name="charge", key="charge", after=timedelta(hours=1))
    assert store.suspend(claim, nap) is Suspension.SUSPENDED
    fill(store, 20)

    alarm = lines.next_begun(store._db, "default")

    assert alarm == store.load_execution(execution.id).wake_at
