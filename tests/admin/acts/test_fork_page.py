from __future__ import annotations

from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from durable_django import client
from durable_django.admin.acts.fork_page import MAX_OFFERED
from durable_django.models import StepCheckpoint, WorkflowExecution
from durable_django.testing import DurableDriver
from tests.admin.acting import act_url, log_in

pytestmark = pytest.mark.django_db
#: Of the workflow itself.
FIRST = "reserve"


@pytest.fixture
def browser() -> Client:
    return log_in(User.objects.create_superuser("root"))


@pytest.fixture
def execution_id(durable: DurableDriver) -> UUID:
    """Return an execution with more calls than are offered."""
    execution_id = client.start("acts.order", {"number": 7}).id
    durable.drain()
    now = timezone.now()
    made = {"kind": "step", "status": "completed", "started_at": now, "completed_at": now}
    StepCheckpoint.objects.bulk_create(
        StepCheckpoint(execution_id=execution_id, key=f"s{n}", name=f"s{n}", position=n, **made)
        for n in range(10, 10 + MAX_OFFERED)
    )
    return execution_id


def test_newest_calls_are_offered_and_the_others_told_of(browser: Client, execution_id: UUID):
    page = browser.get(act_url(execution_id, "fork")).text

    assert page.count('name="from_step"') == MAX_OFFERED + 1
    assert "2 earlier calls are not listed" in page
    assert f'value="{FIRST}"' not in page


def test_earlier_call_is_offered_to_who_comes_from_it(browser: Client, execution_id: UUID):
    url = f"{act_url(execution_id, 'fork')}?key={FIRST}"

    page = browser.get(url).text
    browser.post(url, {"from_step": FIRST, "version": "1", "input": '{"number": 7}'})

    assert page.count('name="from_step"') == MAX_OFFERED + 2
    fork = WorkflowExecution.objects.get(forked_from=execution_id)
    assert not StepCheckpoint.objects.filter(execution=fork).exists()
