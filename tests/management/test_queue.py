from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from durable_django import Limit, client, queues
from durable_django.domain.status import QueueMode
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.start_request import StartOptions
from durable_django.management.commands import durable_queue
from tests.management.conftest import Ran

Run = Callable[..., Ran]
pytestmark = pytest.mark.django_db


class TestList:
    def test_every_queue_is_a_line(self, run: Run):
        queues.configure("mail", max_running=3, rate="100/min", reason="their quota")
        client.start("console.sum")

        ran = run("durable_queue")

        head, *lines = ran.out.splitlines()
        default, mail = (line for line in lines if line.split()[0] in ("default", "mail"))
        assert head.split()[:5] == ["queue", "mode", "limit", "rate", "due"]
        assert default.split() == ["default", "open", "-", "-", "1", "0", "0", "-", "-"]
        assert mail.split() == [
            *("mail", "open", "3", "100/min", "0", "0", "0"),
            *("their", "quota", "code"),
        ]

    def test_the_document(self, run: Run):
        queues.pause("mail")

        document = json.loads(run("durable_queue", "--json").out)

        [mail] = [queue for queue in document["queues"] if queue["name"] == "mail"]
        assert (mail["mode"], mail["max_running"], mail["is_drained"]) == ("paused", None, True)

    @pytest.mark.parametrize("option", ["--pause", "--wait", "--limit=3", "--rate=none"])
    def test_an_act_needs_a_name(self, run: Run, option: str):
        ran = run("durable_queue", option)

        assert (ran.code, ran.error) == (
            2,
            "Which queue? Give its name: durable_queue NAME --pause.",
        )


class TestOne:
    def test_it_is_limited_and_shown(self, run: Run):
        ran = run("durable_queue", "mail", "--limit", "3", "--rate", "5/10s", "--reason", "quota")

        assert ran.code == 0
        first, second, third = ran.out.splitlines()
        assert first == "mail: open, at most 3 at once, at most 5/10s begin"
        assert second == "  0 due, 0 running, 0 waiting"
        assert third.endswith(": quota")
        control = queues.get("mail").control
        assert (control.max_running, str(control.rate)) == (3, "5/10s")

    def test_a_limit_is_lifted_with_none(self, run: Run):
        queues.configure("mail", max_running=3, rate="5/s")

        ran = run("durable_queue", "mail", "--limit", "none", "--json")

        document = json.loads(ran.out)
        assert (document["max_running"], document["rate"]) == (None, "5/s")

    @pytest.mark.parametrize(
        ("option", "mode"),
        [("pause", QueueMode.PAUSED), ("drain", QueueMode.DRAINING), ("resume", QueueMode.OPEN)],
    )
    def test_it_is_paused_drained_and_resumed(self, run: Run, option: str, mode: QueueMode):
        queues.pause("mail", reason="before")

        ran = run("durable_queue", "mail", f"--{option}", "--reason", "deploy", "--json")

        document = json.loads(ran.out)
        assert (document["mode"], document["reason"]) == (mode, "deploy")

    def test_to_look_changes_nothing(self, run: Run):
        run("durable_queue", "mail")

        assert queues.get("mail").control.changed_at is None

    @pytest.mark.parametrize(
        "options",
        [["--limit", "0"], ["--limit", "many"], ["--rate", "fast"], ["--pause", "--drain"]],
        ids=" ".join,
    )
    def test_what_is_no_option_is_a_usage_error(self, run: Run, options: list[str]):
        ran = run("durable_queue", "mail", *options)

        assert ran.code != 0
        assert queues.get("mail").control.changed_at is None

    def test_a_name_that_is_none_is_a_usage_error(self, run: Run):
        assert run("durable_queue", " mail").code == 2


class TestWait:
    @pytest.fixture
    def begun(self, engine: DurableEngine) -> Any:
        handle = client.start("console.order", {"order_id": 5})
        engine.drain()
        client.start("console.sum")
        return handle

    def test_it_tells_what_is_left_until_nothing_is(
        self, run: Run, engine: DurableEngine, begun: Any, monkeypatch: pytest.MonkeyPatch
    ):
        looks = []

        def sleep(seconds: float) -> None:
            looks.append(seconds)
            if len(looks) == 3:
                begun.signal("packed")
                engine.drain()

        monkeypatch.setattr(durable_queue.time, "sleep", sleep)

        ran = run("durable_queue", "default", "--drain", "--wait")

        assert ran.code == 0
        assert ran.err.splitlines() == [
            "Left: 1 that have begun (1 due, 0 running, 1 waiting).",
            "Nothing that has begun is left.",
        ]
        assert ran.out.splitlines()[1] == "  1 due, 0 running, 0 waiting"

    def test_it_gives_up_after_the_timeout(
        self, run: Run, begun: Any, monkeypatch: pytest.MonkeyPatch
    ):
        now = [0.0]
        monkeypatch.setattr(durable_queue.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(durable_queue.time, "sleep", lambda s: now.__setitem__(0, now[0] + s))

        ran = run("durable_queue", "default", "--drain", "--wait", "--timeout", "3")

        assert ran.code == 5
        assert "not drained after 3 s: 1 that have begun are left" in ran.error


def test_what_a_limit_holds_back_is_shown_with_its_reason(run: Run):
    limit = StartOptions(limit=Limit(1, key="tenant-7"))
    client.start("console.sum", options=limit)
    held_back = client.start("console.sum", options=limit)

    ran = run("durable_show", held_back.id)

    assert "It is held back by the limit 'console.sum/tenant-7'" in ran.out
