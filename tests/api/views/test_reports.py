from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from durable_django.control.permissions import Permission
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.engine.registry import default_registry
from durable_django.engine.workflow_function import WorkflowFunction, workflow
from durable_django.exceptions import Terminal
from durable_django.testing.driver import DurableDriver
from tests.api.doors import client_of, durable_settings, path_of

REPORTS = ["timeline", "graph"]


def fail() -> None:
    raise Terminal("refused with token=abc123")


@pytest.fixture
def order() -> Iterator[WorkflowFunction[Any, Any]]:
    @workflow(name="api.reports")
    def order(ctx: Any) -> None:
        ctx.step("charge", lambda: 1, compensate=lambda _: None)
        ctx.step("ship", fail)

    yield order
    default_registry.forget("api.reports")


@pytest.fixture
def execution(durable: DurableDriver, order: WorkflowFunction[Any, Any]) -> ExecutionHandle[Any]:
    return durable.start(order)


@pytest.fixture
def client(db: None) -> Client:
    return client_of(Permission.VIEW)


def test_the_timeline_has_a_row_per_call(execution: ExecutionHandle[Any], client: Client) -> None:
    answer = client.get(path_of(execution.id, "timeline"))

    told = answer.json()
    assert answer.status_code == 200
    assert {"charge", "ship"} <= {row["key"] for row in told["rows"]}
    assert told["now"] is None
    assert "abc123" not in answer.content.decode()


def test_the_graph_is_a_chain(execution: ExecutionHandle[Any], client: Client) -> None:
    told = client.get(path_of(execution.id, "graph")).json()

    status_of = {node["key"]: node["status"] for node in told["nodes"]}
    assert (status_of["charge"], status_of["ship"]) == ("compensated", "failed")
    assert [told["nodes"][end]["kind"] for end in (0, -1)] == ["start", "end"]
    assert len(told["edges"]) == 4


def test_the_graph_is_a_mermaid_flowchart_too(
    execution: ExecutionHandle[Any], client: Client
) -> None:
    answer = client.get(
        path_of(execution.id, "graph"), {"format": "mermaid"}, headers={"accept": "text/plain"}
    )

    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer.content.decode().startswith("flowchart TD\n")


@pytest.mark.parametrize("form", ["svg", "JSON", "", "\0"])
def test_another_format_is_400(execution: ExecutionHandle[Any], client: Client, form: str) -> None:
    answer = client.get(path_of(execution.id, "graph"), {"format": form})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-parameter")


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("execution_id", ["00000000-0000-7000-8000-000000000000", "x"])
def test_an_unknown_execution_is_404(client: Client, report: str, execution_id: str) -> None:
    answer = client.get(path_of(execution_id, report))

    assert (answer.status_code, answer.json()["code"]) == (404, "execution-not-found")


@pytest.mark.parametrize("report", REPORTS)
def test_what_is_out_of_scope_is_404(
    execution: ExecutionHandle[Any], client: Client, report: str
) -> None:
    with durable_settings(SCOPE="tests.api.doors.see_nothing"):
        assert client.get(path_of(execution.id, report)).status_code == 404


@pytest.mark.parametrize("report", REPORTS)
def test_nobody_looks_without_the_permission(execution: ExecutionHandle[Any], report: str) -> None:
    assert client_of().get(path_of(execution.id, report)).status_code == 403
