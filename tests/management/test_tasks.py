from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from durable_django.engine.durable_engine import DurableEngine
from tests.control.human_tasks.desk import over, task
from tests.management.conftest import Ran

Run = Callable[..., Ran]
pytestmark = pytest.mark.django_db


def test_the_most_urgent_comes_first_with_who_and_due(run: Run, engine: DurableEngine):
    now = engine.store.now()
    task(["bob", "group:hr"], title="Hire Ada")
    task(assignee="eva", title="Pay", due_at=now - timedelta(hours=2, minutes=1))

    lines = run("durable_tasks").out.splitlines()

    assert lines[0].split() == ["id", "task", "status", "who", "due", "workflow", "key"]
    assert [word for word in ("Pay", "claimed", "eva", "overdue 2 h") if word in lines[1]] == [
        "Pay",
        "claimed",
        "eva",
        "overdue 2 h",
    ]
    assert "hr, bob" in lines[2]


def test_what_is_over_is_asked_for(run: Run, engine: DurableEngine):
    over(task(title="Paid"))

    assert "Paid" not in run("durable_tasks").out
    assert "Paid" in run("durable_tasks", "--state", "done").out


def test_only_of_one_user_or_workflow(run: Run, engine: DurableEngine):
    task(assignee="eva")
    task(assignee="bob")

    listed = json.loads(run("durable_tasks", "--json", "--assignee", "eva").out)["tasks"]
    others = json.loads(run("durable_tasks", "--json", "--workflow", "no.such").out)["tasks"]

    assert [one["assignee"] for one in listed] == ["eva"]
    assert others == []


def test_json_names_the_candidates(run: Run, engine: DurableEngine):
    row = task("group:hr", title="token=hunter2")

    [told] = json.loads(run("durable_tasks", "--json").out)["tasks"]

    assert told["id"] == str(row.pk)
    assert (told["candidates"], told["title"]) == (["group:hr"], "token=•••")


def test_none_is_said(run: Run, engine: DurableEngine):
    ran: Any = run("durable_tasks")

    assert (ran.code, ran.out) == (0, "")
    assert "none" in ran.err
