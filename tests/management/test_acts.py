from __future__ import annotations

import json
from collections.abc import Callable
from uuid import UUID

import pytest

from durable_django import client
from durable_django.engine.durable_engine import DurableEngine
from tests.management.conftest import Ran

Run = Callable[..., Ran]
pytestmark = pytest.mark.django_db
UNKNOWN = "0192d3a0-0000-7000-8000-000000000000"


@pytest.fixture
def waiting(engine: DurableEngine) -> UUID:
    id_ = client.start("console.order", {"order_id": 5}).id
    engine.drain()
    return id_


class TestSignal:
    def test_is_accepted_and_wakes(self, run: Run, engine: DurableEngine, waiting: UUID):
        ran = run("durable_signal", waiting, "packed", "--payload", '{"boxes": 2}', "--json")

        engine.drain()
        assert json.loads(ran.out)["position"] == 1
        assert client.get(waiting).status == "completed"

    def test_dedupe_key_accepts_once(self, run: Run, waiting: UUID):
        first = run("durable_signal", waiting, "other", "--dedupe-key", "scan-77")

        second = run("durable_signal", waiting, "other", "--dedupe-key", "scan-77")

        assert first.out == second.out

    def test_ended_execution_takes_none(self, run: Run, engine: DurableEngine):
        id_ = client.start("console.sum").id
        engine.drain()

        assert run("durable_signal", id_, "packed").code == 4

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            pytest.param([UNKNOWN, "packed"], 3, id="unknown execution"),
            pytest.param([UNKNOWN, "no/name"], 2, id="illegal name"),
            pytest.param([UNKNOWN, "packed", "--payload", "{"], 2, id="no JSON"),
        ],
    )
    def test_refusal_has_an_exit_code(self, run: Run, arguments: list[str], code: int):
        assert run("durable_signal", *arguments).code == code


class TestCancel:
    def test_ends_the_execution(self, run: Run, engine: DurableEngine, waiting: UUID):
        ran = run("durable_cancel", waiting, "--reason", "customer", "--json")

        engine.drain()
        execution = client.get(waiting).execution
        assert json.loads(ran.out) == {"id": str(waiting), "is_new": True, "status": "suspended"}
        assert (execution.status, execution.cancel_reason) == ("cancelled", "customer")
        assert execution.cancel_compensates

    def test_may_leave_the_steps_done(self, run: Run, waiting: UUID):
        run("durable_cancel", waiting, "--no-compensate")

        assert not client.get(waiting).execution.cancel_compensates

    def test_second_request_changes_nothing(self, run: Run, waiting: UUID):
        run("durable_cancel", waiting)

        ran = run("durable_cancel", waiting)

        assert ran.err == "A cancel was requested before.\n"

    def test_ended_execution_is_the_wrong_state(self, run: Run, engine: DurableEngine):
        id_ = client.start("console.sum").id
        engine.drain()

        ran = run("durable_cancel", id_)

        assert ran.code == 4
        assert "is COMPLETED and cannot be cancelled" in ran.error


class TestPauseAndResume:
    def test_paused_execution_stands_still_until_resumed(
        self, run: Run, engine: DurableEngine, waiting: UUID
    ):
        paused = run("durable_pause", waiting)
        client.signal(waiting, "packed")
        engine.drain()
        held = client.get(waiting).status

        resumed = run("durable_resume", waiting)
        engine.drain()

        assert (paused.out, held, resumed.out) == ("paused\n", "paused", "suspended\n")
        assert client.get(waiting).status == "completed"

    def test_second_pause_changes_nothing(self, run: Run, waiting: UUID):
        run("durable_pause", waiting)

        assert json.loads(run("durable_pause", waiting, "--json").out)["is_new"] is False

    def test_only_what_is_paused_is_resumed(self, run: Run, waiting: UUID):
        assert run("durable_resume", waiting).code == 4


class TestRetry:
    def test_parked_execution_runs_again(self, run: Run, engine: DurableEngine):
        id_ = client.start("console.parking").id
        engine.drain()

        ran = run("durable_retry", id_)

        assert ran.out == "pending\n"
        assert client.get(id_).execution.epoch == 1

    def test_what_waits_is_the_wrong_state(self, run: Run, waiting: UUID):
        assert run("durable_retry", waiting).code == 4


class TestFork:
    def test_makes_a_step_again_as_another_execution(
        self, run: Run, engine: DurableEngine, waiting: UUID
    ):
        ran = run("durable_fork", waiting, "--from-step", "charge", "--input", '{"order_id": 9}')

        engine.drain()
        fork = client.get(ran.out.strip())
        assert fork.execution.forked_from == waiting
        client.signal(fork.id, "packed")
        engine.drain()
        assert client.get(fork.id).result(timeout=0) == {"total": 18, "gift": False}

    def test_dry_run_says_what_it_would_do(self, run: Run, waiting: UUID):
        ran = run("durable_fork", waiting, "--dry-run", "--json")

        assert json.loads(ran.out) == {"reused": [], "again": ["charge"], "version": 1}
        assert len(client.list_executions()) == 1

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            pytest.param(["--from-step", "ship"], 3, id="unknown step"),
            pytest.param(["--workflow-version", "9"], 3, id="unknown version"),
            pytest.param(["--input", "[]"], 2, id="no object"),
            pytest.param(["--input", '{"colour": 1}'], 2, id="no argument of it"),
        ],
    )
    def test_refusal_has_an_exit_code(
        self, run: Run, waiting: UUID, arguments: list[str], code: int
    ):
        assert run("durable_fork", waiting, *arguments).code == code


class TestFire:
    def test_sleeper_wakes(self, run: Run, engine: DurableEngine):
        id_ = client.start("console.sleeper").id
        engine.drain()

        ran = run("durable_fire", id_, "night", "--reason", "morning", "--json")

        engine.drain()
        assert json.loads(ran.out) == {"id": str(id_), "key": "night", "status": "suspended"}
        assert client.get(id_).status == "completed"

    def test_timer_that_is_not_there_is_not_found(self, run: Run, waiting: UUID):
        assert run("durable_fire", waiting, "noon").code == 3


def test_audit_tells_the_reason_and_that_it_was_a_command(run: Run, waiting: UUID):
    run("durable_pause", waiting, "--reason", "stocktaking")
    run("durable_resume", waiting, "--reason", "done")
    run("durable_cancel", waiting, "--reason", "customer")

    told = [(str(e.type), str(e.actor.kind), e.reason) for e in client.list_events(waiting)]
    assert told == [
        ("pause_requested", "command", "stocktaking"),
        ("resumed", "command", "done"),
        ("cancel_requested", "command", "customer"),
    ]


@pytest.mark.parametrize(
    "command",
    [
        "durable_fork",
        "durable_cancel",
        "durable_pause",
        "durable_resume",
        "durable_retry",
        "durable_show",
    ],
)
def test_unknown_execution_is_not_found(run: Run, command: str):
    ran = run(command, UNKNOWN)

    assert ran == Ran(3, "", "", f"There is no execution {UNKNOWN}.")
