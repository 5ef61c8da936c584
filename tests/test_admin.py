from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from durable_django import admin as durable_admin
from durable_django.domain.status import CheckpointStatus, WaitKind
from durable_django.domain.wait import Wait
from durable_django.models import WorkflowExecution
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import make_new_execution, make_outcome

pytestmark = pytest.mark.django_db
LIST = "/admin/durable_django/workflowexecution/"
SCRIPT = "<script>alert(1)</script>"
#: Session, user, capped count, page.
LIST_QUERIES = 4
#: Session, user, execution, checkpoints, timers, signals.
DETAIL_QUERIES = 6


@pytest.fixture
def store() -> OrmCheckpointStore:
    return OrmCheckpointStore()


@pytest.fixture
def staff(client: Client) -> Client:
    # Its query would belong to whichever test comes first.
    ContentType.objects.get_for_model(WorkflowExecution)
    client.force_login(User.objects.create_superuser("root"))
    return client


def insert(store: OrmCheckpointStore, **fields: Any) -> UUID:
    [(execution, _)] = store.insert_executions([make_new_execution(**fields)])
    return execution.id


def record(store: OrmCheckpointStore, id_: UUID, children: int) -> None:
    claim = store.claim_one(id_, timedelta(minutes=1), "w")
    assert claim is not None
    for position in range(children):
        store.record_outcome(
            claim,
            make_outcome(id_, f"s{position}", position=position, output=f'"{SCRIPT}"'),
        )
        store.add_signal(id_, "packed", f'"{SCRIPT}"')
    store.suspend(
        claim,
        Wait(kind=WaitKind.TIMER, name="t", key="t", after=timedelta(1), registers_timer=True),
    )


def url_of(id_: UUID) -> str:
    return f"{LIST}{id_}/change/"


@pytest.mark.parametrize("rows", [1, 60], ids=["one row", "two pages"])
def test_list_takes_the_same_queries_whatever_it_shows(
    store: OrmCheckpointStore, staff: Client, rows: int
):
    for number in range(rows):
        insert(store, key=f"order-{number}")

    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = staff.get(LIST)

    assert response.status_code == 200
    assert "order-0" in response.text or rows > 50
    assert len(queries) == LIST_QUERIES


def test_list_reads_no_payload_and_counts_no_further_than_the_cap(
    store: OrmCheckpointStore, staff: Client
):
    insert(store)

    with CaptureQueriesContext(connection) as queries:
        staff.get(LIST, {"status__exact": "pending"})

    ours = [q["sql"] for q in queries if "durable_django_workflowexecution" in q["sql"]]
    counts = [sql for sql in ours if "COUNT(" in sql]
    assert len(counts) == 1
    assert f"LIMIT {durable_admin.MAX_COUNTED + 1}" in counts[0]
    assert not [sql for sql in ours if re.search(r"\W(input|output|error)\W", sql)]


def test_paginator_stops_counting_at_the_cap(
    store: OrmCheckpointStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(durable_admin, "MAX_COUNTED", 2)
    for _ in range(5):
        insert(store)

    paginator = durable_admin.CappedPaginator(WorkflowExecution.objects.order_by("-id"), 2)

    assert paginator.count == 3


@pytest.mark.parametrize("children", [1, 30])
def test_detail_takes_the_same_queries_whatever_it_shows(
    store: OrmCheckpointStore, staff: Client, children: int
):
    id_ = insert(store)
    record(store, id_, children)

    with CaptureQueriesContext(connection) as queries:
        response = staff.get(url_of(id_))

    assert response.status_code == 200
    assert len(queries) == DETAIL_QUERIES


def test_payloads_are_escaped(store: OrmCheckpointStore, staff: Client):
    id_ = insert(store, input=f'"{SCRIPT}"', key=SCRIPT)
    record(store, id_, 1)

    pages = staff.get(url_of(id_)).text + staff.get(LIST).text

    assert SCRIPT not in pages
    assert pages.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4


def test_everything_that_was_recorded_is_shown(store: OrmCheckpointStore, staff: Client):
    id_ = insert(store)
    record(store, id_, 1)

    page = staff.get(url_of(id_)).text

    assert "s0" in page
    assert CheckpointStatus.COMPLETED.value in page
    assert "packed" in page


def test_nothing_is_changed_not_even_by_a_superuser(store: OrmCheckpointStore, staff: Client):
    id_ = insert(store)
    before = WorkflowExecution.objects.values().get()

    statuses = [
        staff.get(f"{LIST}add/").status_code,
        staff.post(f"{LIST}add/").status_code,
        staff.post(url_of(id_), {"status": "completed"}).status_code,
        staff.post(f"{LIST}{id_}/delete/", {"post": "yes"}).status_code,
    ]
    staff.post(LIST, {"action": "delete_selected", "_selected_action": [id_], "post": "yes"})

    assert statuses == [403] * 4
    assert WorkflowExecution.objects.values().get() == before


@pytest.mark.parametrize(("granted", "status"), [(False, 403), (True, 200)])
def test_staff_look_only_if_they_may_view(
    store: OrmCheckpointStore, client: Client, *, granted: bool, status: int
):
    id_ = insert(store)
    user = User.objects.create_user("staff", is_staff=True)
    if granted:
        names = [f"view_{name}" for name in ("workflowexecution", "stepcheckpoint")]
        user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)

    assert client.get(LIST).status_code == status
    assert client.get(url_of(id_)).status_code == status


def test_only_executions_have_a_page_of_their_own():
    ours = [m for m in admin.site._registry if m._meta.app_label == "durable_django"]

    assert ours == [WorkflowExecution]
