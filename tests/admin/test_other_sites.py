from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client

from durable_django import schedules
from durable_django.admin.page.look import Tab
from durable_django.domain.identifiers import new_id
from durable_django.domain.status import ExecutionStatus
from durable_django.models import Schedule, WorkflowExecution
from durable_django.testing import DurableDriver
from tests.admin.acting import log_in
from tests.admin.page.test_execution_page import bring_to
from tests.control.human_tasks.desk import task

pytestmark = pytest.mark.django_db
OPS = "/ops/durable_django/workflowexecution/"
TASKS = "/ops/durable_django/humantask/"
PAGES = ["", "workflows/", "workflows/page.order/", "health/", "bulk/", "start/"]
PAGES += ["start/page.order/", *(f"{{id}}/change/?tab={tab}" for tab in Tab)]
PAGES += [f"{{id}}/act/{act}/" for act in ("cancel", "pause", "retry", "fork", "signal")]


@pytest.fixture
def root(settings: Any) -> User:
    settings.ROOT_URLCONF = "tests.admin.other_sites"
    return User.objects.create_superuser("root")


@pytest.fixture
def client(root: User) -> Client:
    return log_in(root)


@pytest.fixture
def execution_id(durable: DurableDriver, root: User) -> UUID:
    execution_id = bring_to(durable, ExecutionStatus.SUSPENDED)
    WorkflowExecution.objects.update(subject=f"auth.user:{root.pk}")
    return execution_id


@pytest.mark.parametrize("path", PAGES)
def test_pages_lead_nowhere_but_to_their_own_site(client: Client, execution_id: UUID, path: str):
    page = client.get(OPS + path.format(id=execution_id))

    links = re.findall(r'(?:href|action|data-url)="(/[^"]+)"', page.text)
    assert links
    assert [one for one in links if not one.startswith(("/ops/", "/static/"))] == []


@pytest.mark.parametrize("site", ["ops", "plan"])
@pytest.mark.parametrize(
    "path",
    [
        "schedule/",
        "schedule/add/",
        "schedule/{id}/change/",
        "schedule/{id}/edit/",
        "schedule/{id}/act/trigger/",
        "workqueue/",
        "workqueue/act/pause/?queue=default",
        "humantask/",
        "humantask/{task}/change/",
    ],
)
def test_pages_of_other_things_lead_nowhere_but_to_their_own_site(
    client: Client, execution_id: UUID, site: str, path: str
):
    schedules.create("Nightly", "page.order", cron="0 3 * * *", input={"number": 1})
    schedules.trigger("Nightly")
    row = task(of=WorkflowExecution.objects.get(pk=execution_id))
    place = path.format(id=Schedule.objects.get().pk, task=row.pk)

    page = client.get(f"/{site}/durable_django/{place}")

    assert page.status_code == 200
    links = re.findall(r'(?:href|(?:form)?action)="(/[^"]+)"', page.text)
    assert [one for one in links if not one.startswith((f"/{site}/", "/static/"))] == []


@pytest.mark.parametrize(
    "path", ["", "{id}/change/", "{id}/act/cancel/", "{id}/act/link/", "{id}/history/"]
)
def test_pages_of_tasks_lead_nowhere_but_to_their_own_site(
    client: Client, durable: DurableDriver, path: str
):
    row = task()

    page = client.get(TASKS + path.format(id=row.pk))

    links = re.findall(r'(?:href|action)="(/[^"]+)"', page.text)
    assert [one for one in links if not one.startswith(("/ops/", "/static/"))] == []
    claimed = client.post(f"{TASKS}{row.pk}/act/claim/")
    assert claimed.headers["Location"] == f"{TASKS}{row.pk}/change/"


def test_act_leads_back_to_its_own_site(client: Client, execution_id: UUID):
    answer = client.post(f"{OPS}{execution_id}/act/pause/", {"reason": "to look"})

    assert answer.headers["Location"] == f"{OPS}{execution_id}/change/"


def test_execution_that_is_gone_leads_to_the_front_page_of_its_own_site(client: Client):
    answer = client.get(f"{OPS}{new_id()}/change/")

    assert answer.headers["Location"] == "/ops/"


def test_object_has_its_panel_on_a_site_with_executions(
    client: Client, root: User, execution_id: UUID
):
    page = client.get(f"/ops/auth/user/{root.pk}/change/")

    assert f"{OPS}{execution_id}/change/" in page.text


def test_object_has_no_panel_on_a_site_without_executions(
    client: Client, root: User, execution_id: UUID
):
    page = client.get(f"/shop/auth/user/{root.pk}/change/")

    assert page.status_code == 200
    assert "durable-panel" not in page.text
