from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from durable_django import client, schedules
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.registry import default_registry
from durable_django.engine.workflow_function import workflow
from durable_django.management.schedule_arguments import instant, span
from durable_django.models import Schedule
from durable_django.runtime import schedule_keeper
from tests.management.conftest import PREFIX, Ran

Run = Callable[..., Ran]
pytestmark = pytest.mark.django_db
CREATE = ("durable_schedule", "create", "nightly", "console.sum", "--cron", "30 2 * * *")


@pytest.fixture
def nightly(engine: DurableEngine) -> str:
    schedules.create("nightly", "console.sum", cron="30 2 * * *", timezone="Europe/Berlin")
    return "nightly"


class TestList:
    def test_says_when_each_ticks_next(self, run: Run, nightly: str):
        schedules.create("often", "console.sum", every=timedelta(minutes=5))
        schedules.disable("often", reason="holidays")

        lines = run("durable_schedules").out.splitlines()

        assert [line.split()[0] for line in lines] == ["name", "nightly", "often"]
        assert "At 02:30 every day (Europe/Berlin)" in lines[1]
        assert "Every 5 minutes" in lines[2]
        assert lines[2].endswith("holidays")

    def test_document_has_five_next_runs_and_no_input(self, run: Run, nightly: str):
        [told] = json.loads(run("durable_schedules", "--json").out)["schedules"]

        assert (told["name"], told["cron"], told["overlap"]) == ("nightly", "30 2 * * *", "skip")
        assert told["explanation"] == "At 02:30 every day (Europe/Berlin)"
        assert len(told["next_runs"]) == 5
        assert told["next_runs"][0] == told["next_tick_at"]
        assert "input" not in told

    def test_source_is_a_filter(self, run: Run, nightly: str):
        assert run("durable_schedules", "--source", "code").err == "There are none.\n"

    def test_schedule_that_cannot_tick_is_listed_with_its_fault(self, run: Run, nightly: str):
        Schedule.objects.update(timezone="Mars/Olympus")

        ran = run("durable_schedules")

        assert ran.code == 0
        assert "'Mars/Olympus' is not a time zone" in ran.out


class TestCreate:
    def test_makes_a_schedule_by_the_person_at_the_shell(self, run: Run, engine: DurableEngine):
        ran = run(*CREATE, "--timezone", "Europe/Berlin", "--overlap", "queue", "--tag", "a")

        schedule = schedules.get("nightly")
        assert ran.code == 0
        assert (schedule.cron, schedule.timezone) == ("30 2 * * *", "Europe/Berlin")
        assert (schedule.overlap, schedule.tags) == ("queue", ("a",))
        assert schedule.actor_name
        assert ran.out.startswith("nightly: console.sum, enabled\n  At 02:30 every day (Europe/")
        assert ran.out.count("  next: ") == 5

    def test_takes_intervals_and_every_other_option(self, run: Run, engine: DurableEngine):
        ran = run(
            *("durable_schedule", "create", "often", "console.sum", "--every", "1h30m"),
            *("--anchor", "2026-01-01T00:00:00+01:00", "--input", '{"a": 5}', "--priority", 7),
            *("--misfire", "all", "--grace", "2d", "--disable-after", 0, "--queue", "slow"),
            *("--description", "sums", "--workflow-version", 1, "--json"),
        )

        told = json.loads(ran.out)
        assert (told["every"], told["misfire_grace"]) == (5400, 172_800)
        assert told["anchor_at"] == "2025-12-31T23:00:00+00:00"
        assert (told["priority"], told["queue"], told["misfire"]) == (7, "slow", "all")
        assert (told["disable_after"], told["workflow_version"]) == (0, 1)
        schedules.trigger("often")
        engine.drain(["slow"])
        [execution] = client.list_executions()
        assert client.get(execution.id).result(timeout=0) == 7

    def test_input_becomes_what_the_annotations_ask_for(self, run: Run, engine: DurableEngine):
        @workflow(name=f"{PREFIX}dated")
        def dated(ctx: Any, day: date) -> bool:
            return isinstance(day, date)

        run(
            *("durable_schedule", "create", "dated", f"{PREFIX}dated", "--every", "1d"),
            *("--input", '{"day": "2026-01-01"}'),
        )

        handle = schedules.trigger("dated")
        engine.drain()
        assert handle.result(timeout=0) is True

    def test_again_is_the_wrong_state_unless_it_is_an_upsert(self, run: Run, nightly: str):
        assert run(*CREATE).code == 4
        assert run(*CREATE, "--upsert", "--description", "new").code == 0
        assert schedules.get("nightly").timezone == "UTC"

    @pytest.mark.parametrize(
        ("arguments", "code", "told"),
        [
            (["console.sum", "--cron", "61 * * * *"], 2, "'61' is no minute"),
            (["console.sum"], 2, "and not neither"),
            (["console.sum", "--cron", "0 0 * * *", "--every", "5m"], 2, "not both"),
            (["console.sum", "--every", "5m", "--timezone", "Mars/X"], 2, "is not a time zone"),
            (["console.none", "--every", "5m"], 3, "No workflow 'console.none'"),
            (["console.sum", "--every", "5m", "--input", "[]"], 2, "a JSON object"),
            (["console.sum", "--every", "5m", "--input", '{"x": 1}'], 2, "does not fit"),
            (["console.order", "--every", "5m"], 2, "does not fit the workflow"),
        ],
        ids=lambda value: str(value)[-40:],
    )
    def test_refusal_has_an_exit_code(
        self, run: Run, engine: DurableEngine, arguments: list[str], code: int, told: str
    ):
        ran = run("durable_schedule", "create", "it", *arguments)

        assert (ran.code, told in ran.error) == (code, True), ran.error
        assert schedules.list_schedules() == []


class TestUpdate:
    def test_changes_what_is_given(self, run: Run, nightly: str):
        ran = run("durable_schedule", "update", "nightly", "--cron", "0 4 * * *", "--input", "{}")

        schedule = schedules.get("nightly")
        assert ran.code == 0
        assert (schedule.cron, schedule.timezone) == ("0 4 * * *", "Europe/Berlin")

    def test_nothing_to_change_is_misuse(self, run: Run, nightly: str):
        assert run("durable_schedule", "update", "nightly").code == 2

    def test_schedule_of_the_code_is_the_wrong_state(self, run: Run, engine: DurableEngine):
        workflow(name=f"{PREFIX}coded", schedule="0 0 * * *")(lambda ctx: None)
        schedule_keeper().sync()

        ran = run("durable_schedule", "update", f"{PREFIX}coded", "--cron", "0 4 * * *")

        assert ran.code == 4
        assert "defined in the code" in ran.error
        default_registry.forget(f"{PREFIX}coded")


class TestEnableDisableDelete:
    def test_disabled_and_enabled_again(self, run: Run, nightly: str):
        disabled = run("durable_schedule", "disable", "nightly", "--reason", "holidays")
        enabled = run("durable_schedule", "enable", "nightly", "--json")

        assert disabled.out.startswith("nightly: console.sum, disabled: holidays\n")
        assert "next:" not in disabled.out
        assert json.loads(enabled.out)["is_enabled"] is True

    def test_deleted_when_somebody_says_yes(
        self, run: Run, nightly: str, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)

        refused = run("durable_schedule", "delete", "nightly")
        done = run("durable_schedule", "delete", "nightly", "--yes", "--json")

        assert refused.code == 2
        assert json.loads(done.out) == {"name": "nightly", "deleted": True}
        assert schedules.list_schedules() == []


class TestTrigger:
    def test_starts_now_and_prints_the_execution(
        self, run: Run, engine: DurableEngine, nightly: str
    ):
        ran = run("durable_schedule", "trigger", "nightly", "--reason", "month's end")

        engine.drain()
        id_ = ran.out.strip()
        assert client.get(id_).status == "completed"
        [event] = client.list_events(id_)
        assert (str(event.actor.kind), event.reason) == ("command", "month's end")

    def test_document_names_it(self, run: Run, nightly: str):
        told = json.loads(run("durable_schedule", "trigger", "nightly", "--json").out)

        assert (told["name"], told["status"]) == ("nightly", "pending")


class TestBackfill:
    RANGE = ("--from", "2026-03-01", "--to", "2026-03-04T00:00:00+00:00")

    def test_dry_run_only_says_which(self, run: Run, nightly: str):
        ran = run("durable_schedule", "backfill", "nightly", *self.RANGE, "--dry-run")

        assert ran.err == "3 ticks would be started.\n"
        assert ran.out.splitlines()[0] == "2026-03-01 01:30:00 UTC"
        assert client.list_executions() == []

    def test_starts_them_if_somebody_says_yes(self, run: Run, nightly: str):
        ran = run("durable_schedule", "backfill", "nightly", *self.RANGE, "--yes", "--json")

        told = json.loads(ran.out)
        assert told["ticks"][0] == "2026-03-01T01:30:00+00:00"
        assert len(told["execution_ids"]) == len(client.list_executions()) == 3

    def test_nobody_to_ask_is_a_refusal(
        self, run: Run, nightly: str, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)

        ran = run("durable_schedule", "backfill", "nightly", *self.RANGE)

        assert (ran.code, client.list_executions()) == (2, [])

    def test_future_is_refused(self, run: Run, nightly: str):
        future = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"

        ran = run("durable_schedule", "backfill", "nightly", "--from", "2026-03-01", "--to", future)

        assert ran.code == 2


class TestShow:
    def test_tells_the_latest_ticks(self, run: Run, nightly: str):
        schedules.trigger("nightly")

        ran = run("durable_schedule", "show", "nightly")
        told = json.loads(run("durable_schedule", "show", "nightly", "--json").out)

        assert "manual  started" in ran.out
        assert [tick["kind"] for tick in told["ticks"]] == ["manual"]


class TestPreview:
    def test_says_when_it_would_tick(self, run: Run, engine: DurableEngine):
        ran = run("durable_schedule", "preview", "--cron", "0 9 * * *", "--count", 3)

        assert ran.err == "At 09:00 every day (UTC)\n"
        assert [line[11:] for line in ran.out.splitlines()] == ["09:00:00 UTC"] * 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["show"],
        ["update", "--cron", "0 4 * * *"],
        ["enable"],
        ["disable"],
        ["delete", "--yes"],
        ["trigger"],
        ["backfill", *TestBackfill.RANGE],
    ],
    ids=lambda arguments: arguments[0],
)
def test_unknown_schedule_is_not_found(run: Run, arguments: list[str]):
    verb, *rest = arguments

    ran = run("durable_schedule", verb, "nightly", *rest)

    assert (ran.code, ran.error) == (3, "There is no schedule 'nightly'.")


def test_unknown_verb_is_misuse(run: Run):
    assert run("durable_schedule", "dance").code != 0


class TestArguments:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("90s", timedelta(seconds=90)),
            ("15m", timedelta(minutes=15)),
            ("1d12h", timedelta(days=1, hours=12)),
        ],
    )
    def test_span(self, text: str, expected: timedelta):
        assert span(text) == expected

    @pytest.mark.parametrize("text", ["", "5", "m", "5x", "1m1h", "-5m", "9" * 30 + "d"])
    def test_no_span(self, text: str):
        with pytest.raises(Exception, match=r"no span of time|longer than"):
            span(text)

    def test_instant_without_an_offset_is_utc(self):
        assert instant("2026-03-29") == datetime(2026, 3, 29, tzinfo=UTC)

    def test_no_instant(self):
        with pytest.raises(Exception, match="is no instant"):
            instant("tomorrow")
