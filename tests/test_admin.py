from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from durable_django.models import WorkflowExecution
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import make_new_execution

pytestmark = pytest.mark.django_db
LIST = "/admin/durable_django/workflowexecution/"


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


def url_of(id_: UUID) -> str:
    return f"{LIST}{id_}/change/"


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


def test_what_people_look_for_has_a_page_of_its_own():
    ours = [m for m in admin.site._registry if m._meta.app_label == "durable_django"]

    assert {model.__name__ for model in ours} == {
        "HumanTask",
        "Schedule",
        "WorkQueue",
        "WorkflowExecution",
    }
