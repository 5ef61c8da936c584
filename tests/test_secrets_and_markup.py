"""Nothing that a stranger sent becomes markup, and no secret is shown, on any page there is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from durable_django import WorkflowContext, queues, runtime, schedules
from durable_django.domain.event import Actor, ActorKind
from durable_django.domain.task_form import Approval, Choice, Text
from durable_django.engine.registry import default_registry
from durable_django.engine.start_request import StartOptions
from durable_django.engine.workflow_function import workflow
from durable_django.exceptions import Terminal
from durable_django.models import (
    HumanTask,
    Schedule,
    StepCheckpoint,
    WorkflowExecution,
    WorkQueue,
)
from durable_django.testing.driver import DurableDriver
from tests.control.canary import CANARY, FAILED, assert_absent, planted  # noqa: F401 -- a fixture
from tests.surface import LIST, admin_addresses, all_pages, control_pages

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'</title></svg><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{7777*7}}{% debug %}",
    "\u202egnp.exe\u200b",
)
ASKING = "markup.asking"
#: What of them would do harm if it stood in a page as it is.
HARM = re.compile(
    r"<script>alert|<img src=x|<svg onload|onerror=alert\(1\)>|href=\"javascript:|\b54439\b"
)


def pages_of(execution_ids: list[UUID], workflow: str) -> dict[str, None]:
    """Return every address that shows something of one of them; what all have in common once."""
    return dict.fromkeys(
        address for execution_id in execution_ids for address in all_pages(execution_id, workflow)
    )


@pytest.fixture
def superuser(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


class TestSecrets:
    def test_no_page_and_no_answer_shows_it(
        self,
        superuser: Client,
        planted: list[UUID],  # noqa: F811
    ) -> None:
        seen = 0
        for address in pages_of(planted, FAILED):
            response = superuser.get(address)
            if not response.streaming:
                assert_absent(response.content)
                seen += 1

        # Else the tables were not gone through.
        assert seen > 150

    def test_no_page_of_a_task_shows_it(self, superuser: Client, durable: DurableDriver) -> None:
        execution_id, task_id = ask(
            f"token={CANARY}", {"order": {"apiKey": CANARY, "note": f"password={CANARY}"}}
        )
        seen = 0
        for address in [*all_pages(execution_id, ASKING), _act(task_id, "complete")]:
            assert_absent(superuser.get(address).content)
            seen += 1
        assert_absent(superuser.post(_act(task_id, "complete"), {"answer-given": "x"}).content)

        said = {"answer-given": "true", "comment": f"password={CANARY}"}
        assert superuser.post(_act(task_id, "complete"), said).status_code == 302

        for address in all_pages(execution_id, ASKING):
            response = superuser.get(address)
            if not response.streaming:
                assert_absent(response.content)
                seen += 1
        assert seen > 100

    def test_no_command_shows_it(self, planted: list[UUID]) -> None:  # noqa: F811
        for execution_id in planted:
            out = StringIO()
            call_command("durable_show", str(execution_id), stdout=out)
            call_command("durable_show", str(execution_id), "--json", stdout=out)
            call_command("durable_list", stdout=out)
            assert_absent(out.getvalue())

    def test_no_page_of_a_schedule_or_a_queue_shows_it(
        self,
        superuser: Client,
        planted: list[UUID],  # noqa: F811
    ) -> None:
        told = f"token={CANARY}"
        schedules.create("planted", FAILED, cron="0 9 * * *", input={"password": CANARY})
        schedules.disable("planted", reason=told)
        schedules.trigger("planted", reason=told)
        Schedule.objects.get(name="planted").ticks.update(detail=told)
        queues.pause("planted", reason=told)

        seen = [superuser.get(address) for address in control_pages()]

        assert len(seen) > 15
        for response in seen:
            assert_absent(response.content)

    def test_no_log_line_shows_it(
        self, caplog: pytest.LogCaptureFixture, superuser: Client, request: pytest.FixtureRequest
    ) -> None:
        with caplog.at_level(0):
            for address in pages_of(request.getfixturevalue("planted"), FAILED):
                superuser.get(address)

        lines = [str(vars(record)) for record in caplog.records if "durable" in record.name]
        assert_absent("\n".join(lines))


class TestMarkup:
    def test_no_page_of_the_admin_is_written_by_strangers(
        self, superuser: Client, hostile: list[UUID]
    ) -> None:
        seen = 0
        for address in pages_of(hostile, "markup.hostile"):
            response = superuser.get(address)
            if "text/html" in response.get("Content-Type", ""):
                text = response.text
                assert HARM.search(text) is None, (address, HARM.search(text))
                seen += 1
        assert seen > 500

    def test_what_is_escaped_is_still_there_to_be_read(
        self, superuser: Client, hostile: list[UUID]
    ) -> None:
        [address] = admin_addresses(LIST, hostile[0])

        text = unescape(superuser.get(address).text)

        for word in HOSTILE[:4]:
            assert word in text

    @pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
    def test_a_search_is_shown_as_it_was_typed(self, superuser: Client, word: str) -> None:
        [address] = admin_addresses(LIST, UUID(int=0))

        response = superuser.get(address, {"q": word})

        assert HARM.search(response.text) is None

    def test_no_page_has_a_style_or_a_script_of_its_own(
        self, superuser: Client, hostile: list[UUID]
    ) -> None:
        own = re.compile(r"<[^>]*\s(?:style|on[a-z]+)=|<script(?![^>]*\ssrc=)")
        for address in all_pages(hostile[0], "markup.hostile"):
            response = superuser.get(address)
            if "text/html" in response.get("Content-Type", ""):
                # Without the values of attributes, where what strangers sent stands escaped.
                found = own.search(re.sub(r'"[^"]*"', '""', response.text))
                assert found is None, (address, found)


@pytest.fixture
def hostile(durable: DurableDriver) -> Iterator[list[UUID]]:
    """Executions whose every free text is hostile: one failed, one waiting, one broken up."""

    @workflow(name="markup.hostile")
    def body(ctx, given, word):
        ctx.progress(1, 2, word)
        ctx.step("echo", dict, {word: [word, {word: word}]})
        ctx.wait_signal("answer")
        ctx.step("fail", _fail, word)

    ids = []
    for number, word in enumerate(HOSTILE):
        by = Actor(kind=ActorKind.USER, id="1", name=word)
        # Invisible characters are no legal key.
        key = word if word.isprintable() else f"plain-{number}"
        options = StartOptions(
            key=key, tags=(key,), subject=key, correlation_id=key, queue=key[:100]
        )
        given = {"given": {word: word}, "word": word}
        engine = runtime.engine()
        handle = engine.start_by_name("markup.hostile", given, options=options, by=by, reason=word)
        durable.engine.drain([key[:100]])
        if number % 2:
            engine.acts.send_signal(handle.id, "answer", {word: word}, reason=word, by=by)
            durable.engine.drain([key[:100]])
        else:
            engine.acts.pause(handle.id, reason=word, by=by)
        ids.append(handle.id)
    ids += [ask(word, {word: [word, {word: word}]}, word)[0] for word in HOSTILE]
    # What only somebody who writes into the tables could do.
    StepCheckpoint.objects.filter(execution_id=ids[1], name="echo").update(
        name=HOSTILE[0], key=HOSTILE[1], action=HOSTILE[2], compensation=HOSTILE[0]
    )
    WorkflowExecution.objects.filter(pk=ids[3]).update(
        workflow_name=HOSTILE[0], waiting_for=HOSTILE[1], lease_owner=HOSTILE[2]
    )
    _plant_controls()
    ids += _hostile_family(durable)
    yield ids
    for name in ("markup.hostile", "markup.family", "markup.child"):
        default_registry.forget(name)


def _hostile_family(durable: DurableDriver) -> list[UUID]:
    """Executions whose items, branches, children and events are hostile: the parent, a child."""

    @workflow(name="markup.child")
    def child(ctx, word):
        ctx.wait_signal("go")

    @workflow(name="markup.family")
    def family(ctx, words):
        ctx.map("load", _fail, words, tolerate=len(words))
        with ctx.parallel("both") as p:
            p.step("a", len, words)
        ctx.start_child("beside", child, words[0])
        ctx.map("each", child, words)

    printable = [word for word in HOSTILE if word.isprintable()]
    handle = runtime.engine().start_by_name("markup.family", {"words": printable})
    durable.drain()
    [beside] = WorkflowExecution.objects.filter(parent_key="beside")
    # What only somebody who writes into the tables could do.
    action = json.dumps(
        {
            "branches": dict.fromkeys(HOSTILE, "done"),
            "by": HOSTILE[1],
            "failed": False,
            "timed_out": False,
            "failed_calls": [],
        }
    )
    StepCheckpoint.objects.filter(execution_id=handle.id, kind="group").update(action=action)
    StepCheckpoint.objects.filter(execution_id=handle.id, kind="child").update(action=HOSTILE[2])
    WorkflowExecution.objects.filter(pk=beside.pk).update(
        parent_key=HOSTILE[1], waiting_kind="event", waiting_for=f"~event/{HOSTILE[0]}"
    )
    WorkflowExecution.objects.filter(pk=handle.id).update(
        waiting_kind="several", waiting_for="".join(f"|signal:{word}|" for word in HOSTILE)
    )
    return [handle.id, beside.pk]


def _plant_controls() -> None:
    """Write a schedule and a queue in which all free text is hostile, or carries a secret's name."""
    there = runtime.engine().store.now()
    schedule = Schedule.objects.create(
        name="hostile",
        workflow_name=HOSTILE[0],
        description=" ".join(HOSTILE),
        input=json.dumps({HOSTILE[0]: HOSTILE[1]}),
        tags=list(HOSTILE[:3]),
        queue=HOSTILE[1],
        cron="0 9 * * *",
        is_enabled=False,
        disabled_reason=" ".join(HOSTILE),
        actor_name=HOSTILE[0],
        created_at=there,
        updated_at=there,
    )
    schedule.ticks.create(
        tick_at=there, outcome="failed", detail=" ".join(HOSTILE), created_at=there
    )
    # What only somebody who writes into the tables could do.
    Schedule.objects.create(
        name="broken", workflow_name="x", cron=HOSTILE[0], timezone=HOSTILE[1],
        created_at=there, updated_at=there,
    )  # fmt: skip
    for word in HOSTILE[:5]:
        WorkQueue.objects.create(name=word, reason=word, actor_name=word, updated_at=there)


def ask(word: str, display: dict[str, Any], label: str = "It") -> tuple[UUID, UUID]:
    """Have everybody be asked, in these words; return the execution's id and the task's."""

    @workflow(name=ASKING)
    def asking(ctx: WorkflowContext) -> None:
        form = {
            "given": Approval(label=label, help=label),
            "which": Choice({label: label, "b": "b"}, label=label, required=False),
            "more": Text(label=label, help=label, required=False),
        }
        ctx.ask("approve", form, title=word, description=word, display=display)

    try:
        execution = runtime.engine().start_by_name(ASKING, {})
        runtime.engine().drain()
    finally:
        default_registry.forget(ASKING)
    return execution.id, HumanTask.objects.get(execution_id=execution.id).pk


def _act(task_id: UUID, act: str) -> str:
    return reverse("admin:durable_django_humantask_act", args=[task_id, act])


def _fail(word: str) -> None:
    raise Terminal(f"{word} {word}")
