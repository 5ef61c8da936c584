from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django.models import Doorbell
from durable_django.stores.orm.db_now import DBNow
from durable_django.stores.orm.doorbells import OrmDoorbells

pytestmark = pytest.mark.django_db

SLOT = "default:0"
TTL = timedelta(seconds=5)


@pytest.fixture
def doorbells() -> OrmDoorbells:
    return OrmDoorbells()


def let_it_run_out() -> None:
    Doorbell.objects.update(pending_until=DBNow(-timedelta(seconds=1)))


def test_the_first_ring_counts_and_the_next_does_not(doorbells: OrmDoorbells) -> None:
    assert [doorbells.ring(SLOT, TTL) for _ in range(3)] == [True, False, False]
    assert doorbells.is_unanswered(SLOT)


def test_once_answered_it_can_be_rung_again(doorbells: OrmDoorbells) -> None:
    doorbells.ring(SLOT, TTL)
    doorbells.answer(SLOT)
    assert not doorbells.is_unanswered(SLOT)
    assert doorbells.ring(SLOT, TTL)


def test_once_it_ran_out_it_can_be_rung_again_and_was_not_answered(
    doorbells: OrmDoorbells,
) -> None:
    doorbells.ring(SLOT, TTL)
    let_it_run_out()
    assert doorbells.is_unanswered(SLOT)
    assert doorbells.ring(SLOT, TTL)
    assert not doorbells.ring(SLOT, TTL)


def test_slots_are_rung_apart(doorbells: OrmDoorbells) -> None:
    assert doorbells.ring("default:0", TTL)
    assert doorbells.ring("default:1", TTL)
    assert not doorbells.is_unanswered("slow:0")


def test_an_answer_nobody_waits_for_does_nothing(doorbells: OrmDoorbells) -> None:
    doorbells.answer(SLOT)
    assert not Doorbell.objects.filter(slot=SLOT).exists()


def test_a_ring_survives_that_all_rows_are_deleted(doorbells: OrmDoorbells) -> None:
    doorbells.ring(SLOT, TTL)
    Doorbell.objects.all().delete()
    assert doorbells.ring(SLOT, TTL)


def test_a_pump_attends_until_it_says_so_no_more(doorbells: OrmDoorbells) -> None:
    assert not doorbells.is_attended("default")
    doorbells.attend("default", TTL)
    doorbells.attend("default", TTL)
    assert doorbells.is_attended("default")
    assert not doorbells.is_attended("slow")
    let_it_run_out()
    assert not doorbells.is_attended("default")


def test_who_loses_the_race_for_the_row_did_not_ring(
    doorbells: OrmDoorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    OrmDoorbells().ring(SLOT, TTL)
    monkeypatch.setattr(doorbells, "_find_pending", lambda slot: None)
    assert not doorbells.ring(SLOT, TTL)
