from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, connections, transaction
from django.test import Client

from durable_django import client as durable_client
from durable_django import runtime
from durable_django.control.hooks import mint_hook, use_hook
from durable_django.control.permissions import Permission
from durable_django.domain.event import Actor, ActorKind
from durable_django.engine.durable_engine import EngineOptions
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.testing.driver import DurableDriver
from tests.api.doors import client_of, durable_settings, path_of, waiting_workflow

ALICE = Actor(kind=ActorKind.USER, id="7", name="alice")


@pytest.fixture(autouse=True)
def no_throttles_spent() -> None:
    cache.clear()


@pytest.fixture
def execution(durable: DurableDriver) -> Iterator[ExecutionHandle[Any]]:
    with waiting_workflow("api.feed") as waiting:
        yield durable.start(waiting)


@pytest.fixture
def client(db: None) -> Client:
    return client_of(Permission.VIEW)


def follow(client: Client, execution_id: Any, **query: Any) -> Any:
    return client.get(path_of(execution_id, "events"), query).json()


def test_acts_are_told_oldest_first(execution: ExecutionHandle[Any], client: Client) -> None:
    durable_client.pause(execution.id, reason="token=abc123 lunch", by=ALICE)
    durable_client.resume(execution.id, by=ALICE)

    feed = follow(client, execution.id)

    first, second = feed["results"]
    assert (first["type"], second["type"]) == ("pause_requested", "resumed")
    assert first["actor"] == {"kind": "user", "id": "7", "name": "alice"}
    assert first["at"] == "2026-01-01T00:00:00Z"
    assert "abc123" not in first["reason"]
    assert feed["next_after_seq"] == second["seq"]
    assert (feed["status"], feed["is_terminal"]) == ("suspended", False)


def test_following_misses_none_and_repeats_none(
    execution: ExecutionHandle[Any], client: Client
) -> None:
    for _ in range(3):
        durable_client.pause(execution.id, by=ALICE)
        durable_client.resume(execution.id, by=ALICE)

    seqs, after = [], 0
    while page := follow(client, execution.id, after_seq=after, limit=2)["results"]:
        seqs += [event["seq"] for event in page]
        after = page[-1]["seq"]

    assert len(seqs) == 6
    assert seqs == sorted(set(seqs))


def test_where_nothing_is_new_the_number_stays(
    execution: ExecutionHandle[Any], client: Client
) -> None:
    feed = follow(client, execution.id, after_seq=77)

    assert (feed["results"], feed["next_after_seq"]) == ([], 77)


def test_a_link_is_named_as_the_actor(
    durable: DurableDriver, execution: ExecutionHandle[Any], client: Client
) -> None:
    hook = mint_hook(execution.id, "approved", expires_in=timedelta(hours=1))
    use_hook(hook.token)
    durable.drain()

    feed = follow(client, execution.id)

    assert [event["actor"]["kind"] for event in feed["results"]] == ["hook"]
    assert (feed["status"], feed["is_terminal"]) == ("completed", True)


@pytest.mark.parametrize(
    "query",
    [
        {"after_seq": "-1"},
        {"after_seq": "x"},
        {"after_seq": str(2**63)},
        {"after_seq": "1.5"},
        {"after_seq": "\0"},
        {"limit": "0"},
        {"limit": "201"},
        {"order": "desc"},
        {"after_seq": ["1", "2"]},
    ],
    ids=str,
)
def test_a_parameter_that_is_not_right_is_400(
    execution: ExecutionHandle[Any], client: Client, query: dict[str, Any]
) -> None:
    answer = client.get(path_of(execution.id, "events"), query)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("execution_id", ["00000000-0000-7000-8000-000000000000", "x"])
def test_an_unknown_execution_is_404(client: Client, execution_id: str) -> None:
    assert client.get(path_of(execution_id, "events")).status_code == 404


def test_what_is_out_of_scope_is_404(execution: ExecutionHandle[Any], client: Client) -> None:
    with durable_settings(SCOPE="tests.api.doors.see_nothing"):
        answer = client.get(path_of(execution.id, "events"))

    assert answer.status_code == 404


@pytest.mark.django_db(transaction=True)
def test_an_act_that_commits_late_is_not_passed_over() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time; the test is about two.")
    engine = runtime.build_engine(dispatcher=None, options=EngineOptions(renews_leases=False))
    former = runtime.use_engine(engine)
    try:
        with waiting_workflow("api.feed") as waiting:
            check_late_commit(waiting.start().id)
    finally:
        runtime.use_engine(former)
        engine.dispose()


def check_late_commit(execution_id: Any) -> None:
    """Have two act: the first holds its act back, and nobody sees the second before it."""
    reader = client_of(Permission.VIEW)
    has_acted, may_commit = Event(), Event()

    def act_and_wait() -> None:
        with transaction.atomic():
            durable_client.signal(execution_id, "approved", 1, by=ALICE)
            has_acted.set()
            may_commit.wait(20)
        connections.close_all()

    def act() -> None:
        durable_client.signal(execution_id, "approved", 2, by=ALICE)
        connections.close_all()

    early, late = Thread(target=act_and_wait), Thread(target=act)
    early.start()
    assert has_acted.wait(20)
    late.start()
    late.join(0.3)
    held_back = follow(reader, execution_id)["results"]
    may_commit.set()
    early.join(20)
    late.join(20)
    told = follow(reader, execution_id)["results"]

    assert held_back == []
    assert [event["details"]["position"] for event in told] == [1, 2]
    assert told[0]["seq"] < told[1]["seq"]
