from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from durable_django.admin.page.look import Tab
from durable_django.admin.page.rows import MAX_ROWS
from durable_django.models import StepCheckpoint
from durable_django.testing import DurableDriver
from tests.admin.acting import log_in
from tests.admin.page.test_execution_page import secretive, url_of

pytestmark = pytest.mark.django_db
NOTE = "these are the newest 2000"


@pytest.fixture
def execution_id(durable: DurableDriver) -> Any:
    return durable.start(secretive, "x").id


def add_attempts(execution_id: Any, count: int) -> None:
    now = StepCheckpoint.objects.latest("pk").started_at
    made = {"kind": "step", "status": "completed", "started_at": now, "completed_at": now}
    StepCheckpoint.objects.bulk_create(
        (
            StepCheckpoint(execution_id=execution_id, key=f"s{n}", name=f"s{n}", position=n, **made)
            for n in range(100, 100 + count)
        ),
        batch_size=500,
    )


@pytest.mark.parametrize("tab", [Tab.TIMELINE, Tab.GRAPH, Tab.HISTORY])
def test_what_leaves_attempts_out_says_so(durable: DurableDriver, execution_id: Any, tab: Tab):
    add_attempts(execution_id, MAX_ROWS)
    browser: Client = log_in(User.objects.create_superuser("root"))

    assert NOTE in browser.get(url_of(execution_id, tab)).text


@pytest.mark.parametrize("tab", [Tab.TIMELINE, Tab.GRAPH, Tab.HISTORY])
def test_what_shows_all_attempts_does_not(durable: DurableDriver, execution_id: Any, tab: Tab):
    browser: Client = log_in(User.objects.create_superuser("root"))

    assert NOTE not in browser.get(url_of(execution_id, tab)).text
