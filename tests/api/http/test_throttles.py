from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client, override_settings

from durable_django.models import WorkflowExecution
from tests.api.doors import V1
from tests.api.stories import ALL, WAIT, ApiClient


def codes(answers: list[Any]) -> list[int]:
    return [answer.status_code for answer in answers]


def test_reading_is_limited_for_each_user(alice: ApiClient):
    bob = ApiClient(*ALL, name="bob")

    with override_settings(DURABLE={"REST_READ_RATE": "2/min"}):
        answers = [alice.get("executions/") for _ in range(3)]
        others = bob.get("executions/")

    assert codes(answers) == [200, 200, 429]
    assert answers[-1].json()["code"] == "throttled"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert others.status_code == 200


def test_writing_is_limited_apart_from_reading(alice: ApiClient):
    with override_settings(DURABLE={"REST_WRITE_RATE": "1/min"}):
        answers = [alice.post("executions/", {"workflow": WAIT}) for _ in range(2)]
        read = alice.get("executions/")

    assert codes(answers) == [201, 429]
    assert read.status_code == 200
    assert WorkflowExecution.objects.count() == 1


def test_an_empty_rate_is_no_limit(alice: ApiClient):
    with override_settings(DURABLE={"REST_READ_RATE": ""}):
        answers = [alice.get("executions/") for _ in range(5)]

    assert codes(answers) == [200] * 5


def test_the_projects_rates_are_not_ours(alice: ApiClient):
    rates = {"DEFAULT_THROTTLE_RATES": {"user": "1/day", "durable-read": "1/day"}}

    with override_settings(REST_FRAMEWORK=rates):
        answers = [alice.get("executions/") for _ in range(3)]

    assert codes(answers) == [200] * 3


def test_whoever_is_refused_spends_nothing(db: None, alice: ApiClient):
    nobody = ApiClient(name="nobody")

    with override_settings(DURABLE={"REST_READ_RATE": "1/min"}):
        answers = [nobody.get("executions/") for _ in range(3)]

    assert codes(answers) == [403] * 3


@pytest.mark.parametrize("address", ["x" * 4000, "\x01\x7f", "é"], ids=["long", "control", "latin"])
def test_what_a_stranger_says_of_their_address_is_no_part_of_a_key(db: None, address: str):
    Client().get(f"{V1}/health/", headers={"X-Forwarded-For": address})

    keys = list(caches["default"]._cache)
    assert len(keys) == 1
    assert keys[0].isascii()
    assert keys[0].isprintable()
    assert len(keys[0]) < 200


def test_behind_a_unix_socket_there_is_no_address(db: None):
    assert Client(REMOTE_ADDR=None).get(f"{V1}/hooks/x/").status_code == 404
