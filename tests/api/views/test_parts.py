from __future__ import annotations

from durable_django.control.permissions import Permission
from durable_django.models import WorkflowExecution
from durable_django.runtime import engine
from durable_django.testing.driver import DurableDriver
from tests.api.stories import NAP, ORDER, WAIT, ApiClient, begin

VIEW, PAYLOADS = Permission.VIEW, Permission.PAYLOADS


def test_steps_are_told_attempt_by_attempt(durable: DurableDriver, viewer: ApiClient):
    execution_id = begin(durable, ORDER, order_id=7)

    [step] = viewer.get(f"executions/{execution_id}/steps/").json()["results"]

    assert (step["key"], step["kind"], step["status"]) == ("reserve", "step", "completed")
    assert step["attempt"] == 1
    assert step["completed_at"].endswith("Z")


def test_timers_are_told(durable: DurableDriver, viewer: ApiClient):
    execution_id = begin(durable, NAP)

    [timer] = viewer.get(f"executions/{execution_id}/timers/").json()["results"]

    assert (timer["key"], timer["status"]) == ("rest", "pending")


def test_parts_come_in_pages(durable: DurableDriver, viewer: ApiClient):
    execution_id = begin(durable, WAIT)
    for number in range(3):
        engine().send_signal(WorkflowExecution.objects.get().pk, "other", number)

    first = viewer.get(f"executions/{execution_id}/signals/?page_size=2").json()
    second = viewer.get(first["next"]).json()

    assert [one["position"] for one in first["results"]] == [1, 2]
    assert [one["position"] for one in second["results"]] == [3]
    assert [one["payload"] for one in first["results"]] == [{"hidden": True}] * 2


def test_the_history_tells_what_happened_and_who_acted(durable: DurableDriver, alice: ApiClient):
    execution_id = begin(durable, WAIT)
    alice.post(f"executions/{execution_id}/pause/", {"reason": "password=hunter2"})

    answer = alice.get(f"executions/{execution_id}/history/")

    entries = answer.json()["results"]
    assert entries[0]["type"] == "created"
    [act] = [one for one in entries if one["type"] == "act"]
    assert (act["actor"], act["reason"]) == ("alice", "password=•••")


def test_the_history_comes_in_pages(durable: DurableDriver, viewer: ApiClient):
    execution_id = begin(durable, WAIT)
    whole = viewer.get(f"executions/{execution_id}/history/").json()["results"]

    first = viewer.get(f"executions/{execution_id}/history/?page_size=2").json()
    second = viewer.get(first["next"]).json()
    back = viewer.get(second["previous"]).json()

    assert first["results"] + second["results"] == whole[:4]
    assert back["results"] == first["results"]
    assert first["previous"] is None
