from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.control.past_executions import insert

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client: Client, settings: Any) -> str:
    settings.TIME_ZONE = "Asia/Kolkata"
    insert(took=timedelta(milliseconds=1))
    client.force_login(User.objects.create_superuser("root"))
    return client.get(reverse("admin:durable_django_health")).text


def test_bars_are_told_in_the_zone_of_their_axis(page: str):
    told = re.findall(r"<title>(\d\d:\d\d) (\w+): \d+ started</title>", page)

    [axis] = re.findall(r"dw-spark-axis[^>]*><span>([^<]*)<", page)
    assert len(told) == 60
    assert told[0] == (axis, "IST")
    assert axis != f"{timezone.localtime(datetime.now(UTC), UTC) - timedelta(minutes=59):%H:%M}"


def test_verdict_is_a_heading_that_is_announced_when_it_changes(page: str):
    assert re.search(r'<div role="status"><h2>', page)
