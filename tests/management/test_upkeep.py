from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db.models import F
from django.utils import timezone

from durable_django import client
from durable_django.domain.status import ExecutionStatus, Guarantee
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.start_request import StartOptions
from durable_django.models import WorkflowExecution
from tests.management.conftest import Ran

Run = Callable[..., Ran]
pytestmark = pytest.mark.django_db


def lose_with_its_worker(engine: DurableEngine, id_: UUID) -> None:
    """Leave the execution as a worker that was killed leaves it, long ago."""
    assert engine.store.claim_one(id_, timedelta(0), "lost")
    past = timezone.now() - timedelta(minutes=5)
    WorkflowExecution.objects.filter(pk=id_).update(wake_at=past, order_at=past)


class TestRecover:
    def test_document_has_three_lists(self, run: Run, engine: DurableEngine):
        resumed = client.start("console.order", {"order_id": 5}).id
        parked = client.start("console.parking").id
        expired = client.start(
            "console.sleeper", options=StartOptions(ttl=timedelta(microseconds=1))
        ).id

        ran = run("durable_recover", "--json")

        assert json.loads(ran.out) == {
            "resumed": [str(resumed)],
            "expired": [str(expired)],
            "parked": [str(parked)],
        }

    def test_lost_execution_is_taken_up_again(self, run: Run, engine: DurableEngine):
        id_ = client.start("console.sum").id
        lose_with_its_worker(engine, id_)

        ran = run("durable_recover")

        assert ran.out == f"resumed: 1\n  {id_}\nexpired: 0\nparked: 0\n"
        assert client.get(id_).status == "completed"

    def test_foreground_execution_is_taken_up_too(self, run: Run):
        options = StartOptions(guarantee=Guarantee.FOREGROUND)
        id_ = client.start("console.sum", options=options).id

        run("durable_recover")

        assert client.get(id_).status == "completed"

    def test_only_the_queue_that_is_named(self, run: Run):
        here = client.start("console.sum", options=StartOptions(queue="here")).id
        client.start("console.sum", options=StartOptions(queue="there"))

        ran = run("durable_recover", "--queue", "here", "--json")

        assert json.loads(ran.out)["resumed"] == [str(here)]

    def test_limit_is_kept(self, run: Run):
        for _ in range(3):
            client.start("console.sum")

        ran = run("durable_recover", "--limit", 2, "--json")

        assert len(json.loads(ran.out)["resumed"]) == 2

    def test_dry_run_lists_what_is_overdue_and_changes_nothing(
        self, run: Run, engine: DurableEngine
    ):
        lost = client.start("console.sum").id
        lose_with_its_worker(engine, lost)
        due = client.start("console.sum").id
        client.start("console.sum", options=StartOptions(delay=timedelta(hours=1)))

        ran = run("durable_recover", "--dry-run")
        document = run("durable_recover", "--dry-run", "--json")

        assert [e["id"] for e in json.loads(document.out)["overdue"]] == [str(lost), str(due)]
        assert ran.err == "2 overdue. Nothing was changed.\n"
        assert str(lost) in ran.out
        assert client.get(lost).status == "running"


class TestPrune:
    @pytest.fixture
    def ended(self, engine: DurableEngine) -> list[UUID]:
        """Two completed ones and a failed one, 40, 20 and 40 days ago."""
        ids = [client.start(f"console.{name}").id for name in ("sum", "sum", "broken")]
        engine.drain()
        for id_, days in zip(ids, (40, 20, 40), strict=True):
            WorkflowExecution.objects.filter(pk=id_).update(
                finished_at=F("finished_at") - timedelta(days=days)
            )
        client.start("console.sleeper")
        return ids

    def left(self) -> set[UUID]:
        return {e.id for e in client.list_executions() if e.is_terminal}

    def test_deletes_what_ended_before_the_retention(self, run: Run, ended: list[UUID]):
        ran = run("durable_prune", "--yes")

        assert ran == Ran(0, "2\n", "")
        assert self.left() == {ended[1]}

    def test_goes_on_batch_by_batch(self, run: Run, ended: list[UUID]):
        ran = run("durable_prune", "--yes", "--batch", 1, "--older-than", "10d", "--json")

        assert json.loads(ran.out) == {"deleted": 3}
        assert self.left() == set()

    def test_only_what_ended_so(self, run: Run, ended: list[UUID]):
        run("durable_prune", "--yes", "--status", "failed")

        assert self.left() == {ended[0], ended[1]}

    def test_dry_run_only_counts(self, run: Run, ended: list[UUID]):
        ran = run("durable_prune", "--dry-run", "--older-than", 0)

        assert ran.out == "3\n"
        assert self.left() == set(ended)

    def test_nobody_to_ask_is_a_refusal(
        self, run: Run, ended: list[UUID], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)

        ran = run("durable_prune")

        assert ran.code == 2
        assert "--yes" in ran.error
        assert self.left() == set(ended)

    @pytest.mark.parametrize(("answer", "left"), [("y", 1), ("", 3), ("no", 3)])
    def test_somebody_is_asked(
        self,
        run: Run,
        ended: list[UUID],
        monkeypatch: pytest.MonkeyPatch,
        answer: str,
        left: int,
    ):
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr("builtins.input", lambda _: answer)

        run("durable_prune")

        assert len(self.left()) == left

    def test_live_executions_are_never_deleted(self, run: Run, ended: list[UUID]):
        run("durable_prune", "--yes", "--older-than", 0)

        [execution] = client.list_executions()
        assert execution.status is ExecutionStatus.PENDING

    @pytest.mark.parametrize("days", ["-1", "many", "nan", "1e400"])
    def test_other_ages_are_refused(self, run: Run, days: str):
        ran = run("durable_prune", f"--older-than={days}")

        assert "--older-than" in ran.error
