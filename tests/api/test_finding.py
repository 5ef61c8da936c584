from __future__ import annotations

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from durable_django.control.permissions import Permission
from durable_django.testing.driver import DurableDriver
from tests.api.stories import NAP, WAIT, ApiClient, begin, ids, insert

VIEW, PAYLOADS = Permission.VIEW, Permission.PAYLOADS


def test_it_gives_the_newest_first(durable: DurableDriver, viewer: ApiClient):
    first, second = begin(durable, WAIT), begin(durable, NAP)

    assert ids(viewer.get("executions/")) == [str(second), str(first)]


def test_pages_lead_to_each_other_and_hold_each_execution_once(
    durable: DurableDriver, viewer: ApiClient
):
    made = sorted(insert(5), reverse=True)

    first = viewer.get("executions/?page_size=2").json()
    second = viewer.get(first["next"]).json()
    third = viewer.get(second["next"]).json()
    back = viewer.get(third["previous"]).json()

    pages = [[one["id"] for one in page["results"]] for page in (first, second, third, back)]
    assert pages == [made[:2], made[2:4], made[4:], made[2:4]]
    assert first["previous"] is None
    assert third["next"] is None
    assert viewer.get(back["previous"]).json()["previous"] is None


def test_a_page_keeps_the_filter(durable: DurableDriver, viewer: ApiClient):
    wanted = insert(3, queue="slow")
    insert(2)

    page = viewer.get("executions/?queue=slow&page_size=2").json()

    assert ids(viewer.get(page["next"])) == [min(wanted)]


@pytest.mark.parametrize(
    "query",
    [
        "status=suspended",
        "status=failed&status=suspended",
        "workflow=api.wait",
        "workflow_prefix=api.w",
        "version=1",
        "key=order-1",
        "key_prefix=order-",
        "tag=eu",
        "subject=shop.order:991",
        "correlation_id=c-1",
        "queue=default",
        "created_after=2020-01-01T00:00:00Z",
        "created_before=2100-01-01T00:00:00Z",
        "has_error=false",
        "waiting_for=approved",
        "waiting_kind=signal",
    ],
)
def test_a_filter_finds_what_fulfils_it(durable: DurableDriver, alice: ApiClient, query: str):
    started = alice.post(
        "executions/",
        {
            "workflow": WAIT,
            "key": "order-1",
            "tags": ["eu"],
            "subject": "shop.order:991",
            "correlation_id": "c-1",
        },
    ).json()
    durable.drain()

    assert ids(alice.get(f"executions/?{query}")) == [started["id"]]


@pytest.mark.parametrize(
    "query",
    [
        "status=failed",
        "workflow=api",
        "version=2",
        "key=order",
        "tag=e",
        "has_error=true",
        "error_type=ValueError",
        "park_reason=poison",
        "waiting_for=paid",
        "finished_after=2020-01-01T00:00:00Z",
        "finished_before=2100-01-01T00:00:00Z",
        "created_before=2020-01-01T00:00:00Z",
        "forked_from=00000000-0000-7000-8000-000000000000",
    ],
)
def test_a_filter_passes_over_what_does_not_fulfil_it(
    durable: DurableDriver, viewer: ApiClient, query: str
):
    begin(durable, WAIT)

    assert ids(viewer.get(f"executions/?{query}")) == []


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("statu=failed", "unknown-parameter", "statu"),
        ("ordering=owner__password", "unknown-parameter", "ordering"),
        ("status__regex=(a%2B)%2B$", "unknown-parameter", "status__regex"),
        ("fields=input", "unknown-parameter", "fields"),
        ("status=lost", "invalid-parameter", "status"),
        ("status=", "invalid-parameter", "status"),
        ("version=one", "invalid-parameter", "version"),
        ("version=99999999999", "invalid-parameter", "version"),
        ("version=-1", "invalid-parameter", "version"),
        ("key=", "invalid-parameter", "key"),
        ("key=%00", "invalid-parameter", "key"),
        ("key=a&key=b", "invalid-parameter", "key"),
        (f"key={'k' * 300}", "invalid-parameter", "key"),
        ("created_after=yesterday", "invalid-parameter", "created_after"),
        ("created_after=2026-01-01T00:00:00", "invalid-parameter", "created_after"),
        ("created_after=0001-01-01T00:00:00Z", "invalid-parameter", "created_after"),
        ("forked_from=1", "invalid-parameter", "forked_from"),
        ("has_error=maybe", "invalid-parameter", "has_error"),
        ("page_size=0", "invalid-parameter", "page_size"),
        ("page_size=201", "invalid-parameter", "page_size"),
        ("page_size=²", "invalid-parameter", "page_size"),
    ],
)
def test_a_bad_query_is_refused_by_the_parameters_name(
    viewer: ApiClient, query: str, code: str, parameter: str
):
    answer = viewer.get(f"executions/?{query}")

    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert answer.json()["parameter"] == parameter


@pytest.mark.parametrize(
    "cursor", ["", "x", "%00", "YWZ0ZXI6eA", "YWZ0ZXI6", "é", "a" * 500, "=", "bGF0ZXI6MQ"]
)
def test_a_broken_cursor_is_refused(viewer: ApiClient, cursor: str):
    answer = viewer.get(f"executions/?cursor={cursor}")

    assert answer.status_code == 400
    assert answer.json()["code"] in ("invalid-cursor", "invalid-parameter")


def test_what_is_out_of_scope_is_not_in_it(durable: DurableDriver, viewer: ApiClient):
    begin(durable, WAIT)

    with override_settings(DURABLE={"SCOPE": "tests.api.doors.see_nothing"}):
        assert ids(viewer.get("executions/")) == []


@pytest.mark.parametrize("count", [1, 50])
def test_it_costs_as_many_queries_for_many_as_for_one(
    durable: DurableDriver, viewer: ApiClient, count: int
):
    insert(count)

    with CaptureQueriesContext(connection) as queries:
        answer = viewer.get("executions/")

    assert len(ids(answer)) == count
    # Session, user, two for the permissions, the page.
    assert len(queries) == 5
    assert "input" not in queries[-1]["sql"]


@pytest.mark.parametrize(
    "name", ["created_after", "created_before", "finished_after", "finished_before"]
)
@pytest.mark.parametrize("offset", ["%2B23:59", "-23:59"])
def test_an_instant_may_have_any_offset(alice: ApiClient, name: str, offset: str):
    answer = alice.get(f"executions/?{name}=2026-01-31T09:00:00{offset}")

    assert answer.status_code == 200
