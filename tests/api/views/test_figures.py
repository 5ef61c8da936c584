from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from durable_django import runtime
from durable_django.control.permissions import Permission
from durable_django.engine.durable_engine import DurableEngine, EngineOptions
from durable_django.engine.registry import default_registry
from durable_django.engine.workflow_function import workflow
from tests.api.doors import V1, client_of, durable_settings

NAME = "api.figures"


@pytest.fixture
def engine(db: None) -> Iterator[DurableEngine]:
    """An engine by the real clock: figures are of ids, and these hold the real time."""
    engine = runtime.build_engine(dispatcher=None, options=EngineOptions(renews_leases=False))
    former = runtime.use_engine(engine)
    yield engine
    runtime.use_engine(former)
    engine.dispose()


@pytest.fixture
def ended(engine: DurableEngine) -> Iterator[None]:
    """Two that completed, and one that failed."""

    @workflow(name=NAME)
    def count(ctx: Any, to: int) -> float:
        return 1 / to

    for to in (1, 2, 0):
        count.start(to)
    engine.drain(["default"])
    yield
    default_registry.forget(NAME)


@pytest.fixture
def client(db: None) -> Client:
    return client_of(Permission.VIEW)


def figures(client: Client, **query: str) -> Any:
    return client.get(f"{V1}/stats/", query).json()


def test_by_workflow(ended: None, client: Client) -> None:
    told = figures(client, period="1h", group_by="workflow")

    [ours] = [one for one in told["results"] if one["workflow"] == NAME]
    assert (ours["started"], ours["completed"], ours["failed"], ours["cancelled"]) == (3, 2, 1, 0)
    assert ours["failure_rate"] == pytest.approx(1 / 3)
    assert 0 <= ours["p50_seconds"] <= ours["p95_seconds"]
    assert (told["period"], told["group_by"]) == ("1h", "workflow")


def test_by_status(ended: None, client: Client) -> None:
    told = figures(client, group_by="status")

    counts = {one["status"]: one["count"] for one in told["results"]}
    assert (counts["completed"], counts["failed"], counts["running"]) == (2, 1, 0)
    assert told["period"] == "24h"


def test_ungrouped(ended: None, client: Client) -> None:
    told = figures(client, period="7d")

    assert told["results"] == [
        {"started": 3, "completed": 2, "failed": 1, "cancelled": 0, "is_capped": False}
    ]


def test_what_is_out_of_scope_is_not_counted(ended: None, client: Client) -> None:
    with durable_settings(SCOPE="tests.api.doors.see_nothing"):
        told = [figures(client, group_by=group)["results"] for group in ("none", "workflow")]

    assert told[0][0]["started"] == 0
    assert {one["started"] for one in told[1]} == {0}


@pytest.mark.parametrize(
    "query",
    [
        {"period": "1y"},
        {"group_by": "owner"},
        {"period": ""},
        {"since": "2026"},
        {"group_by": "\0"},
    ],
    ids=str,
)
def test_a_parameter_that_is_not_right_is_400(client: Client, query: dict[str, str]) -> None:
    assert client.get(f"{V1}/stats/", query).status_code == 400


def test_since_says_how_far_it_looks_back(engine: DurableEngine, client: Client) -> None:
    before = engine.store.now() - timedelta(hours=1)

    since = figures(client, period="1h")["since"]

    assert since >= before.isoformat().replace("+00:00", "Z")[:19]
