from __future__ import annotations

import json
from collections.abc import Callable
from uuid import UUID

import pytest

from durable_django import client
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.start_request import StartOptions
from tests.management.conftest import Ran

Run = Callable[..., Ran]
pytestmark = pytest.mark.django_db


class TestStart:
    def test_prints_the_id_alone_and_talks_on_stderr(self, run: Run):
        ran = run("durable_start", "console.order", "--input", '{"order_id": 5}')

        execution = client.get(UUID(ran.out.strip())).execution
        assert execution.workflow_name == "console.order"
        assert ran.err == f"Started console.order {execution.id}\n"

    def test_options_reach_the_execution(self, run: Run):
        ran = run(
            *("durable_start", "console.sum", "--key", "k1", "--queue", "slow"),
            *("--priority", 7, "--json"),
        )

        document = json.loads(ran.out)
        execution = client.get(document["id"]).execution
        assert document["is_new"] is True
        assert document["status"] == "pending"
        assert (execution.key, execution.queue, execution.priority) == ("k1", "slow", 7)

    def test_second_start_of_a_key_gives_the_first(self, run: Run):
        first = run("durable_start", "console.sum", "--key", "k1")

        second = run("durable_start", "console.sum", "--key", "k1")

        assert second.out == first.out
        assert "Exists already" in second.err

    def test_key_with_another_input_is_the_wrong_state(self, run: Run):
        run("durable_start", "console.sum", "--key", "k1")

        ran = run("durable_start", "console.sum", "--key", "k1", "--input", '{"a": 7}')

        assert ran.code == 4

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            pytest.param(["no.such"], 3, id="unknown workflow"),
            pytest.param(["console.sum", "--workflow-version", "9"], 3, id="unknown version"),
            pytest.param(["console.order"], 2, id="missing argument"),
            pytest.param(["console.sum", "--input", '{"c": 1}'], 2, id="unknown argument"),
            pytest.param(["console.sum", "--input", "[1]"], 2, id="no object"),
            pytest.param(["console.sum", "--input", "{"], 2, id="no JSON"),
            pytest.param(["console.sum", "--priority", "1001"], 2, id="priority too high"),
            pytest.param(["console.sum", "--key", " k"], 2, id="illegal key"),
        ],
    )
    def test_refusal_has_an_exit_code_and_prints_no_data(
        self, run: Run, arguments: list[str], code: int
    ):
        ran = run("durable_start", *arguments)

        assert ran.code == code
        assert ran.out == ""
        assert "\n" not in ran.error
        assert client.list_executions() == []

    def test_waiting_ends_with_the_time(self, run: Run):
        ran = run("durable_start", "console.sum", "--wait", 0)

        assert ran.code == 5
        assert "is still PENDING" in ran.error

    def test_waiting_prints_the_result(self, run: Run, engine: DurableEngine):
        run("durable_start", "console.sum", "--key", "k1")
        engine.drain()

        ran = run("durable_start", "console.sum", "--key", "k1", "--wait", 5)
        document = run("durable_start", "console.sum", "--key", "k1", "--wait", 5, "--json")

        assert ran.out == "3\n"
        assert json.loads(document.out)["result"] == 3
        assert json.loads(document.out)["status"] == "completed"

    def test_waiting_for_what_fails_is_an_error(self, run: Run, engine: DurableEngine):
        run("durable_start", "console.broken", "--key", "k1")
        engine.drain()

        ran = run("durable_start", "console.broken", "--key", "k1", "--wait", 5, "--json")

        assert ran.code == 1
        assert json.loads(ran.out)["status"] == "failed"
        assert "\x1b" not in ran.error + ran.out


class TestList:
    def test_newest_come_first(self, run: Run):
        ids = [str(client.start("console.sum").id) for _ in range(3)]

        ran = run("durable_list", "--json")

        assert [e["id"] for e in json.loads(ran.out)["executions"]] == ids[::-1]

    @pytest.mark.parametrize(
        "filter_",
        [
            pytest.param(["--status", "completed"], id="status"),
            pytest.param(["--workflow", "console.sum"], id="workflow"),
            pytest.param(["--queue", "slow"], id="queue"),
            pytest.param(["--status", "completed", "--status", "failed"], id="two statuses"),
        ],
    )
    def test_filters_narrow(self, run: Run, engine: DurableEngine, filter_: list[str]):
        wanted = client.start("console.sum", options=StartOptions(queue="slow")).id
        engine.drain(["slow"])
        client.start("console.sleeper")

        ran = run("durable_list", "--json", *filter_)

        assert [e["id"] for e in json.loads(ran.out)["executions"]] == [str(wanted)]

    def test_table_says_what_each_waits_for(self, run: Run, engine: DurableEngine):
        client.start("console.order", {"order_id": 5}, options=StartOptions(key="order-5"))
        engine.drain()

        ran = run("durable_list")

        assert "signal packed" in ran.out
        assert "order-5" in ran.out
        assert "suspended" in ran.out

    def test_nothing_is_said_on_stderr(self, run: Run):
        ran = run("durable_list")

        assert ran == Ran(0, "", "There are none.\n")

    def test_limit_is_told(self, run: Run):
        for _ in range(3):
            client.start("console.sum")

        ran = run("durable_list", "--limit", 2)

        assert len(ran.out.splitlines()) == 3
        assert "--limit shows more" in ran.err

    def test_error_of_an_action_cannot_steer_the_terminal(self, run: Run, engine: DurableEngine):
        client.start("console.broken")
        engine.drain()

        ran = run("durable_list")

        assert len(ran.out.splitlines()) == 2
        assert "\x1b" not in ran.out
        assert r"\x1b[31m" in ran.out


class TestShow:
    def test_says_why_it_waits_and_what_wakes_it(self, run: Run, engine: DurableEngine):
        id_ = client.start("console.order", {"order_id": 5}).id
        engine.drain()

        ran = run("durable_show", id_)

        assert f"console.order v1  {id_}  SUSPENDED" in ran.out
        assert "It waits for signal 'packed', until " in ran.out
        assert f"`durable_signal {id_} 'packed'`" in ran.out
        assert '{"gift": false, "order_id": 5}' in ran.out
        assert "charge" in ran.out

    def test_document_has_everything_decoded(self, run: Run, engine: DurableEngine):
        id_ = client.start("console.order", {"order_id": 5}).id
        engine.drain()
        client.signal(id_, "packed", {"boxes": 2})
        client.signal(id_, "late", None)
        engine.drain()

        document = json.loads(run("durable_show", id_, "--json").out)

        assert document["execution"]["status"] == "completed"
        assert document["standing"]["wakes"] == "Nothing: it has ended."
        assert document["input"] == {"value": {"order_id": 5, "gift": False}, "problem": ""}
        assert document["output"]["value"] == {"total": 10, "gift": False}
        assert [(c["key"], c["status"]) for c in document["checkpoints"]] == [
            ("charge", "completed"),
            ("packed", "completed"),
        ]
        assert document["checkpoints"][0]["output"]["value"] == 10
        assert [(t["key"], t["status"]) for t in document["timers"]] == [("packed", "cancelled")]
        assert [(s["name"], s["status"]) for s in document["signals"]] == [
            ("packed", "delivered"),
            ("late", "dead"),
        ]

    def test_attempts_are_shown(self, run: Run, engine: DurableEngine):
        id_ = client.start("console.retrying").id
        engine.drain()

        ran = run("durable_show", id_)

        assert "An attempt of 'break' failed." in ran.out
        assert "The next attempt, at " in ran.out
        assert "\x1b" not in ran.out

    def test_traceback_is_not_shown(self, run: Run, engine: DurableEngine):
        id_ = client.start("console.broken").id
        engine.drain()

        document = json.loads(run("durable_show", id_, "--json").out)

        assert set(document["execution"]["error"]) == {"type", "message", "code"}

    @pytest.mark.parametrize(
        "id_", ["0192d3a0-0000-7000-8000-000000000000", "5"], ids=["unknown", "no id"]
    )
    def test_unknown_id_is_not_found(self, run: Run, id_: str):
        ran = run("durable_show", id_, "--json")

        assert ran == Ran(3, "", "", f"There is no execution {id_}.")
