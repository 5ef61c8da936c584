from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from durable_django.admin.page.look import Tab
from durable_django.domain.status import ExecutionStatus
from durable_django.models import WorkflowExecution
from durable_django.testing import DurableDriver
from tests.admin.acting import LIST, find_broken_numbers, log_in
from tests.admin.page.test_execution_page import bring_to, order

pytestmark = pytest.mark.django_db
VERSION = 20260101
TABS = [f"{{id}}/change/?tab={tab}" for tab in Tab]
ACTS = [f"{{id}}/act/{act}/" for act in ("cancel", "fork", "signal", "fire_timer")]
REPORTS = ["", "workflows/", "workflows/page.order/", "health/", "start/", "start/page.order/"]


# Before `durable`, whose engine ends when the settings change.
@pytest.fixture(params=["de", "fr"])
def language(request: pytest.FixtureRequest, settings: Any) -> str:
    """Have numbers written as 1.234,5 (de) or 1 234,5 (fr)."""
    settings.USE_THOUSAND_SEPARATOR = True
    settings.TIME_ZONE = "Asia/Kolkata"
    settings.LANGUAGE_CODE = str(request.param)
    return str(request.param)


@pytest.fixture
def client(language: str, durable: DurableDriver) -> Client:
    return log_in(User.objects.create_superuser("root"))


@pytest.mark.parametrize("path", [*REPORTS, *TABS, *ACTS])
def test_attributes_hold_numbers_that_html_understands(
    durable: DurableDriver, client: Client, path: str
):
    execution_id = bring_to(durable, ExecutionStatus.SUSPENDED)

    page = client.get(LIST + path.format(id=execution_id))

    assert page.status_code == 200
    assert find_broken_numbers(page.text) == []


@pytest.mark.parametrize(
    "path",
    ["", "workflows/", "workflows/page.order/", TABS[0], "{id}/change/?tab=related", ACTS[0]],
)
def test_versions_are_names_and_not_grouped(durable: DurableDriver, client: Client, path: str):
    execution_id = bring_to(durable, ExecutionStatus.SUSPENDED)
    durable.start(order, "991")
    WorkflowExecution.objects.update(workflow_version=VERSION, subject="auth.user:1")

    page = client.get(LIST + path.format(id=execution_id))

    assert f"{VERSION}" in page.text
    assert not re.search(r"20\D260\D101", page.text)
