from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from durable_django.control.hooks import mint_hook
from durable_django.control.pruning import prune_control_plane
from durable_django.domain.event import CODE
from durable_django.models import BulkOperation, IdempotencyRecord, SignalHook
from durable_django.runtime import engine
from durable_django.stores.orm.schedules import OrmScheduleStore
from durable_django.testing import make_new_execution, make_schedule, make_tick
from durable_django.testing.driver import DurableDriver

DAY = timedelta(days=1)


@pytest.fixture
def now(durable: DurableDriver) -> datetime:
    return engine().store.now()


@pytest.fixture
def execution_id(durable: DurableDriver) -> UUID:
    [(execution, _)] = engine().store.insert_executions([make_new_execution()])
    return execution.id


def test_bulk_operations_that_ended_before_then_are_deleted(now: datetime):
    for finished_at in (now - 31 * DAY, now - DAY, None):
        BulkOperation.objects.create(
            action="cancel", actor_kind="user", created_at=now - 40 * DAY, finished_at=finished_at
        )

    pruned = prune_control_plane(now - 30 * DAY)

    assert pruned["bulk_operations"] == 1
    assert BulkOperation.objects.count() == 2


def test_answers_are_kept_for_a_day_whatever_is_asked(now: datetime):
    for number, age in enumerate((2 * DAY, DAY / 2)):
        IdempotencyRecord.objects.create(
            scope_digest=str(number), request_digest="x", created_at=now - age
        )

    pruned = prune_control_plane(now)

    assert pruned["requests"] == 1
    assert IdempotencyRecord.objects.get().scope_digest == "1"


def test_links_that_expired_before_then_are_deleted(
    durable: DurableDriver, now: datetime, execution_id: UUID
):
    mint_hook(execution_id, "paid", expires_in=DAY, by=CODE)
    kept = mint_hook(execution_id, "paid", expires_in=40 * DAY, by=CODE)

    pruned = prune_control_plane(now + 2 * DAY)

    assert pruned["hooks"] == 1
    assert SignalHook.objects.get().pk == kept.id


def test_ticks_of_before_then_are_deleted_unless_their_execution_goes_on(
    now: datetime, execution_id: UUID
):
    store = OrmScheduleStore()
    store.insert_schedule(make_schedule(name="nightly"))
    for tick in (
        make_tick(tick_at=now - 31 * DAY),
        make_tick(tick_at=now - 40 * DAY, execution_id=execution_id),
        make_tick(tick_at=now - DAY),
    ):
        store.insert_tick(tick)

    pruned = prune_control_plane(now - 30 * DAY)

    assert pruned["schedule_ticks"] == 1
    assert [tick.tick_at for tick in store.list_ticks("nightly", 9)] == [
        now - DAY,
        now - 40 * DAY,
    ]
