from __future__ import annotations

import re
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client

from durable_django import client
from durable_django.testing import DurableDriver
from tests.admin.acting import LIST, act_url, log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return log_in(User.objects.create_superuser("root"))


@pytest.fixture
def execution_id(durable: DurableDriver) -> UUID:
    handle = client.start("acts.order", {"number": 7})
    durable.drain()
    return handle.id


@pytest.mark.parametrize(
    ("act", "given"),
    [
        ("signal", {"payload": "{"}),
        ("fork", {"version": "9", "input": "{"}),
        ("cancel", {"reason": "x" * 501}),
    ],
)
def test_fields_that_were_refused_are_described_by_one_note_each(
    browser: Client, execution_id: UUID, act: str, given: dict[str, str]
):
    page = browser.post(act_url(execution_id, act), given).text

    assert "errorlist" in page
    check_references(page)


def test_start_that_was_refused_describes_each_field_once(browser: Client, durable: DurableDriver):
    page = browser.post(f"{LIST}start/acts.order/", {"start-priority": "x"}).text

    assert "errorlist" in page
    check_references(page)


def check_references(page: str) -> None:
    ids = re.findall(r'\sid="([^"]*)"', page)
    notes = " ".join(re.findall(r'aria-describedby="([^"]*)"', page)).split()
    labelled = re.findall(r'<label[^>]*\sfor="([^"]*)"', page)
    assert sorted(set(ids)) == sorted(ids)
    assert {*notes, *labelled} <= set(ids)
