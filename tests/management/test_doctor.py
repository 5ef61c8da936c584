from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings
from django.utils import timezone

from durable_django import client
from durable_django.domain.heartbeat import Heartbeat
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.registry import default_registry
from durable_django.engine.start_request import StartOptions
from durable_django.management import diagnosis
from durable_django.models import WorkerHeartbeat, WorkflowExecution
from durable_django.stores.orm import health
from durable_django.stores.orm.heartbeats import OrmHeartbeats
from tests.management.conftest import Ran

Run = Callable[..., Ran]
pytestmark = pytest.mark.django_db


@pytest.fixture
def worker(db: None) -> None:
    OrmHeartbeats().beat(Heartbeat(id="w1", host="host", pid=7, kind="qcluster"))


def findings(ran: Ran) -> dict[str, dict[str, Any]]:
    return {finding["subject"]: finding for finding in json.loads(ran.out)["findings"]}


def make_late(id_: UUID) -> None:
    past = timezone.now() - timedelta(minutes=5)
    WorkflowExecution.objects.filter(pk=id_).update(wake_at=past, order_at=past)


def test_healthy_installation_has_exit_code_0(
    run: Run, worker: None, monkeypatch: pytest.MonkeyPatch
):
    # What other tests have registered may have faults that the doctor tells of.
    known = {
        slot: one for slot, one in default_registry._definitions.items() if slot[0] == "console.sum"
    }
    monkeypatch.setattr(default_registry, "_definitions", known)
    client.start("console.sum")

    ran = run("durable_doctor", "--json")

    assert ran.code == 0
    assert json.loads(ran.out)["ok"] is True
    assert {finding["level"] for finding in findings(ran).values()} == {"ok"}
    assert findings(ran)["executions"]["message"] == "1 pending"
    assert findings(ran)["workers"]["message"] == "qcluster 7 on host"


def test_findings_are_lines_with_what_to_do(run: Run, worker: None):
    make_late(client.start("console.sum").id)

    ran = run("durable_doctor")

    assert "error    late: 1 in queue 'default' (background), since " in ran.out
    assert "`durable_recover`" in ran.out
    assert (ran.code, ran.error) == (1, "1 thing is wrong.")


def test_missing_worker_is_wrong_if_there_is_work(run: Run):
    idle = run("durable_doctor", "--json")
    client.start("console.sum")
    busy = run("durable_doctor", "--json")

    assert (idle.code, findings(idle)["workers"]["level"]) == (0, "warning")
    assert (busy.code, findings(busy)["workers"]["level"]) == (1, "error")


def test_silent_worker_is_counted_as_gone(run: Run, worker: None):
    WorkerHeartbeat.objects.update(beat_at=timezone.now() - timedelta(minutes=1))

    ran = run("durable_doctor", "--json")

    assert "the last was heard of at" in findings(ran)["workers"]["message"]


def test_stuck_execution_is_wrong(run: Run, engine: DurableEngine, worker: None):
    id_ = client.start("console.sleeper").id
    engine.drain()
    WorkflowExecution.objects.filter(pk=id_).update(wake_at=None, order_at=None)

    ran = run("durable_doctor", "--json")

    assert ran.code == 1
    assert str(id_) in findings(ran)["stuck"]["message"]


def test_parked_execution_is_wrong(run: Run, engine: DurableEngine, worker: None):
    client.start("console.parking")
    engine.drain()

    ran = run("durable_doctor", "--json")

    assert ran.code == 1
    assert findings(ran)["parked"]["message"] == "1 need a person."


def test_wrong_setting_is_reported_and_the_rest_is_looked_at(run: Run, worker: None):
    with override_settings(DURABLE={"LEASE_SECOND": 5}):
        ran = run("durable_doctor", "--json")

    assert ran.code == 1
    assert "Did you mean" in findings(ran)["durable_django.E003"]["message"]
    assert findings(ran)["migrations"]["level"] == "ok"


def test_unknown_alias_is_reported(run: Run):
    with override_settings(DURABLE={"DATABASE": "other"}):
        ran = run("durable_doctor", "--json")

    assert ran.code == 1
    assert findings(ran)["durable_django.E030"]["level"] == "error"


def test_warning_is_reported_and_not_wrong(run: Run, worker: None):
    with override_settings(DURABLE={"LEASE_SECONDS": 1}):
        ran = run("durable_doctor", "--json")

    assert ran.code == 0
    assert findings(ran)["durable_django.W012"]["level"] == "warning"


def test_silenced_check_is_silent(run: Run, worker: None):
    with override_settings(
        DURABLE={"LEASE_SECONDS": 1}, SILENCED_SYSTEM_CHECKS=["durable_django.W012"]
    ):
        ran = run("durable_doctor", "--json")

    assert "durable_django.W012" not in findings(ran)


def test_missing_migration_is_wrong(run: Run, worker: None):
    MigrationRecorder.Migration.objects.filter(app="durable_django").delete()

    ran = run("durable_doctor", "--json")

    assert ran.code == 1
    assert "migrate durable_django" in findings(ran)["migrations"]["hint"]


def test_database_that_is_away_is_wrong(run: Run, monkeypatch: pytest.MonkeyPatch):
    def refuse(alias: str) -> None:
        raise DatabaseError("connection refused")

    monkeypatch.setattr(health, "load_clock", refuse)

    ran = run("durable_doctor", "--json")

    assert ran.code == 1
    assert "connection refused" in findings(ran)["database"]["message"]


@pytest.mark.parametrize("hours", [-1, 1], ids=["behind", "ahead"])
def test_clocks_that_differ_are_a_warning(
    run: Run, worker: None, monkeypatch: pytest.MonkeyPatch, hours: int
):
    elsewhere = timezone.now() + timedelta(hours=hours)
    monkeypatch.setattr(health, "load_clock", lambda _: elsewhere)

    finding = diagnosis._look_at_clock("default")

    assert finding.level == "warning"
    assert finding.message == "Its clock and this machine's differ by 3600 s."


def test_unknown_workflow_is_reported(run: Run, worker: None):
    id_ = client.start("console.sum", options=StartOptions(delay=timedelta(hours=1))).id
    WorkflowExecution.objects.filter(pk=id_).update(workflow_name="console.gone")

    ran = run("durable_doctor", "--json")

    assert "'console.gone' version 1" in findings(ran)["durable_django.W023"]["message"]
