from __future__ import annotations

from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from durable_django import queues
from durable_django.control.permissions import Permission
from durable_django.models import WorkQueue
from durable_django.testing import DurableDriver
from tests.admin.acting import SCRIPT, find_inline, log_in, make_user

pytestmark = pytest.mark.django_db

LIST = "/admin/durable_django/workqueue/"
ACTS = ("pause", "drain", "limit", "rate")


@pytest.fixture
def root(db: None, durable: DurableDriver) -> Client:
    return log_in(User.objects.create_superuser("root"))


def act_url(action: str, queue: str) -> str:
    return f"{LIST}act/{action}/?queue={quote(queue, safe='')}"


def act(client: Client, action: str, queue: str = "mail", **data: str) -> Any:
    return client.post(act_url(action, queue), {"reason": "deploy", **data})


def test_table_tells_how_each_is_controlled(root: Client):
    queues.configure("mail", max_running=3, rate="100/min", reason="token=hunter2")
    queues.pause("a/b & c", reason=SCRIPT)

    text = root.get(LIST).text

    assert "/ 3" in text
    assert "100/min" in text
    assert "default" in text
    assert act_url("resume", "a/b & c").replace("&", "&amp;") in text
    assert SCRIPT not in text
    assert "hunter2" not in text
    assert find_inline(text) == []


@pytest.mark.parametrize("count", [1, 100])
def test_queries_do_not_grow(root: Client, django_assert_num_queries: Any, count: int):
    for number in range(count):
        queues.configure(f"q-{number:03}", max_running=1)
    root.get(LIST)

    with django_assert_num_queries(5):
        text = root.get(LIST).text

    assert text.count('dw-name">q-') == count


@pytest.mark.parametrize("name", ["mail", "a/b", "50% off?", "a b#c&d", SCRIPT])
def test_each_act_asks_and_is_done(root: Client, name: str):
    for action in ACTS:
        page = root.get(act_url(action, name))
        assert name in unescape(page.text)
        assert find_inline(page.text.replace("&lt;", "")) == []
    assert not WorkQueue.objects.exists()

    act(root, "pause", name)
    assert queues.get(name).control.mode == "paused"
    act(root, "drain", name)
    assert queues.get(name).control.mode == "draining"
    act(root, "resume", name)
    act(root, "limit", name, max_running="2")
    act(root, "rate", name, rate="5/10s")

    control = queues.get(name).control
    assert (control.mode, control.max_running, str(control.rate)) == ("open", 2, "5/10s")
    assert (control.reason, control.changed_by[-4:]) == ("deploy", "root")
    assert LogEntry.objects.count() == 5


def test_empty_takes_a_limit_away(root: Client):
    queues.configure("mail", max_running=3, rate="5/min")

    act(root, "limit")

    assert queues.get("mail").control.max_running is None
    assert str(queues.get("mail").control.rate) == "5/min"


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("limit", {"max_running": "0"}),
        ("limit", {"max_running": "x"}),
        ("rate", {"rate": "often"}),
        ("rate", {"rate": "0/min"}),
    ],
)
def test_what_is_wrong_stands_at_its_field(root: Client, action: str, data: dict[str, str]):
    answer = act(root, action, **data)

    assert list(answer.context["form"].errors) == list(data)
    assert not WorkQueue.objects.exists()


def test_act_that_changes_nothing_says_so(root: Client):
    assert act(root, "resume").status_code == 409
    queues.pause("mail")
    assert act(root, "pause").status_code == 409


def test_name_that_no_queue_can_have_is_not_found(root: Client):
    for name in ("", " mail", "x" * 201, "a\0b"):
        assert root.get(act_url("pause", name)).status_code == 404
    assert root.get(act_url("nonsense", "mail")).status_code == 404


def test_who_may_only_look_changes_nothing(durable: DurableDriver):
    viewer = log_in(make_user(Permission.VIEW_QUEUES))

    text = viewer.get(LIST).text

    assert "/act/" not in text
    assert [act(viewer, action).status_code for action in ACTS] == [403] * 4
    assert log_in(make_user(name="bob")).get(LIST).status_code == 403
    assert not WorkQueue.objects.exists()
