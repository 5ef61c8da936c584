from __future__ import annotations

import pytest

from durable_django.engine.registry import default_registry
from durable_django.engine.workflow_function import workflow
from tests.api.stories import HIDDEN, ORDER, ApiClient


def test_all_registered_workflows_are_listed_with_whether_they_can_be_started(viewer: ApiClient):
    results = viewer.get("workflows/").json()["results"]

    exposed = {one["name"]: one["is_exposed"] for one in results}
    assert (exposed[ORDER], exposed[HIDDEN]) == (True, False)
    assert list(exposed) == sorted(exposed)


def test_a_workflow_tells_what_it_takes(viewer: ApiClient):
    body = viewer.get(f"workflows/{ORDER}/").json()

    assert body["description"].startswith("Reserve, and say what was ordered.")
    assert body["input_schema"]["required"] == ["order_id"]
    assert body["input_schema"]["properties"]["order_id"]["type"] == "integer"
    assert body["versions"] == [
        {
            "version": 1,
            "is_exposed": True,
            "queue": "default",
            "ttl_seconds": None,
            "tags": ["shop"],
        }
    ]


def test_the_newest_version_is_the_one_that_is_started(viewer: ApiClient):
    @workflow(name=HIDDEN, version=12, expose=True)
    def hidden(ctx: object) -> None:
        """Do nothing."""

    body = viewer.get(f"workflows/{HIDDEN}/").json()
    default_registry.forget(HIDDEN, 12)

    assert (body["version"], body["is_exposed"]) == (12, True)
    assert [one["version"] for one in body["versions"]] == [12, 1]


@pytest.mark.parametrize("name", ["no.such", "%00", "é", "a b", "' OR 1=1", "%2F"])
def test_an_unknown_workflow_is_not_found(viewer: ApiClient, name: str):
    answer = viewer.get(f"workflows/{name}/")

    assert answer.status_code == 404
    assert answer.json()["code"] in ("unknown-workflow", "not-found")
