from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from durable_django.domain.heartbeat import Heartbeat
from durable_django.models import WorkerHeartbeat
from durable_django.stores.orm.db_now import DBNow
from durable_django.stores.orm.heartbeats import OrmHeartbeats

pytestmark = pytest.mark.django_db

BEAT = Heartbeat(id="a", host="box", pid=7, kind="qcluster", queues=("default", "slow"))


@pytest.fixture
def heartbeats() -> OrmHeartbeats:
    return OrmHeartbeats()


def test_a_process_is_listed_as_it_last_reported_itself(heartbeats: OrmHeartbeats) -> None:
    heartbeats.beat(BEAT)
    [first] = heartbeats.list()
    heartbeats.beat(replace(BEAT, claimed=3, finished=2))
    [second] = heartbeats.list()
    assert (first.claimed, second.claimed, second.finished) == (0, 3, 2)
    assert (second.id, second.host, second.pid, second.kind) == ("a", "box", 7, "qcluster")
    assert second.queues == ("default", "slow")
    assert first.started_at == second.started_at
    assert first.beat_at is not None
    assert second.beat_at is not None
    assert first.beat_at <= second.beat_at


def test_the_one_heard_of_last_comes_first(heartbeats: OrmHeartbeats) -> None:
    heartbeats.beat(BEAT)
    heartbeats.beat(replace(BEAT, id="b"))
    WorkerHeartbeat.objects.filter(id="a").update(beat_at=DBNow(timedelta(seconds=1)))
    assert [beat.id for beat in heartbeats.list()] == ["a", "b"]


def test_who_is_silent_for_too_long_is_deleted(heartbeats: OrmHeartbeats) -> None:
    heartbeats.beat(BEAT)
    heartbeats.beat(replace(BEAT, id="b"))
    WorkerHeartbeat.objects.filter(id="a").update(beat_at=DBNow(-timedelta(seconds=61)))
    assert heartbeats.delete_stale(timedelta(seconds=60)) == 1
    assert [beat.id for beat in heartbeats.list()] == ["b"]


def test_who_ends_is_forgotten(heartbeats: OrmHeartbeats) -> None:
    heartbeats.beat(BEAT)
    heartbeats.forget("a")
    heartbeats.forget("unknown")
    assert heartbeats.list() == []
