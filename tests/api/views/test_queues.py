from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from durable_django import queues
from durable_django.control.permissions import Permission
from durable_django.engine.start_request import StartOptions
from durable_django.models import WorkQueue
from durable_django.runtime import engine
from durable_django.testing import DurableDriver
from tests.api.stories import NAP, WAIT, ApiClient

pytestmark = pytest.mark.django_db

ODD = ["mail", "a/b", "50% off?", "a b#c&d", "pause", "é:ü"]


@pytest.fixture(autouse=True)
def driver(durable: DurableDriver) -> DurableDriver:
    return durable


def patch(who: ApiClient, name: str, body: Any) -> Any:
    path = f"/api/durable/v1/queues/{quote(name, safe='')}/"
    return who.client.patch(path, json.dumps(body), "application/json")


def test_list_tells_what_is_in_each(alice: ApiClient, durable: DurableDriver):
    for workflow in (NAP, WAIT):
        engine().start_by_name(workflow, {}, options=StartOptions(queue="mail"))
    durable.engine.drain(["mail"])
    engine().start_by_name(WAIT, {}, options=StartOptions(queue="mail"))
    queues.configure("mail", max_running=3, rate="100/min")
    queues.pause("idle")

    told = {one["name"]: one for one in alice.get("queues/").json()["results"]}

    assert told["mail"]["figures"] == {
        "due": 1,
        "running": 0,
        "waiting": 2,
        "held_back": 0,
        "begun": 2,
    }
    assert (told["mail"]["max_running"], told["mail"]["rate"]) == (3, "100/min")
    assert (told["idle"]["mode"], told["default"]["mode"]) == ("paused", "open")


def test_what_a_shared_limit_holds_back_is_told(alice: ApiClient):
    options = StartOptions(queue="mail", limit_key="tenant-1", limit_max=1)
    for _ in range(3):
        engine().start_by_name(WAIT, {}, options=options)

    figures = alice.get("queues/mail/").json()["figures"]

    assert (figures["due"], figures["waiting"], figures["held_back"]) == (1, 2, 2)


@pytest.mark.parametrize("name", ODD)
def test_name_with_odd_characters_has_its_address(alice: ApiClient, name: str):
    there = f"queues/{quote(name, safe='')}"

    paused = alice.post(f"{there}/pause/", {"reason": "deploy"}).json()
    limited = patch(alice, name, {"max_running": 2}).json()

    assert (paused["name"], paused["mode"], paused["reason"]) == (name, "paused", "deploy")
    assert (limited["mode"], limited["max_running"]) == ("paused", 2)
    assert alice.get(limited["links"]["self"]).json() == limited
    assert alice.post(f"{there}/drain/").json()["mode"] == "draining"
    assert alice.post(f"{there}/resume/").json()["mode"] == "open"
    assert queues.get(name).control.max_running == 2


@pytest.mark.parametrize("name", [" mail", "x" * 201, "a\u200bb"])
def test_name_that_no_queue_can_have_is_not_found(alice: ApiClient, name: str):
    there = f"queues/{quote(name, safe='')}/"

    for answer in (alice.get(there), alice.post(f"{there}pause/"), patch(alice, name, {})):
        assert (answer.status_code, answer.json()["code"]) == (404, "queue-not-found")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"max_running": 0}, "/max_running"),
        ({"max_running": "3"}, "/max_running"),
        ({"rate": "often"}, "/rate"),
        ({"rate": "0/min"}, "/rate"),
        ({"rate": ""}, "/rate"),
        ({"mode": "paused"}, "/mode"),
        ({}, ""),
        ({"reason": "nothing"}, ""),
    ],
)
def test_what_is_wrong_is_pointed_at(alice: ApiClient, body: Any, pointer: str):
    answer = patch(alice, "mail", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
    assert not WorkQueue.objects.exists()


def test_null_takes_a_limit_away(alice: ApiClient):
    patch(alice, "mail", {"max_running": 3, "rate": "5/10s"})

    told = patch(alice, "mail", {"max_running": None}).json()

    assert (told["max_running"], told["rate"]) == (None, "5/10s")


def test_who_changed_it_and_why_is_told_without_secrets(alice: ApiClient):
    told = patch(alice, "mail", {"rate": "9/s", "reason": "token=hunter2"}).json()

    assert told["changed_by"].endswith("alice")
    assert "hunter2" not in told["reason"]


def test_who_may_only_look_changes_nothing():
    viewer = ApiClient(Permission.VIEW_QUEUES, name="viewer")

    assert viewer.get("queues/mail/").json()["actions"] == []
    assert viewer.post("queues/mail/pause/").status_code == 403
    assert patch(viewer, "mail", {"max_running": 1}).status_code == 403
    assert not WorkQueue.objects.exists()
