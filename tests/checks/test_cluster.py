from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.core.checks import ERROR
from django.test import modify_settings, override_settings

from durable_django.checks.cluster import check_cluster

GOOD = {
    "name": "project",
    "orm": "default",
    "timeout": 60,
    "retry": 90,
    "poll": 0.05,
    "save_limit": -1,
}


def ids_with(cluster: Any) -> list[str | None]:
    with override_settings(Q_CLUSTER=cluster):
        return [message.id for message in check_cluster()]


def test_good_cluster_is_passed_over():
    assert ids_with(GOOD) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"retry": 60}, "durable_django.W011", id="retry as long as timeout"),
        pytest.param({"retry": 30}, "durable_django.W011", id="retry shorter than timeout"),
        pytest.param({"timeout": None}, "durable_django.W011", id="no timeout"),
        pytest.param({"timeout": 12.5}, "durable_django.E011", id="timeout with a fraction"),
        pytest.param({"timeout": "60"}, "durable_django.E011", id="timeout as text"),
        pytest.param({"orm": "other"}, "durable_django.W013", id="broker elsewhere"),
        pytest.param({"save_limit": 250}, "durable_django.I033", id="results saved"),
    ],
)
def test_what_is_wrong_is_reported(changes: dict[str, Any], expected: str):
    assert ids_with({**GOOD, **changes}) == [expected]


def test_default_retry_is_known():
    without_retry = {key: value for key, value in GOOD.items() if key != "retry"}

    assert ids_with(without_retry) == ["durable_django.W011"]


def test_broker_that_is_no_database_is_passed_over():
    without_orm = {key: value for key, value in GOOD.items() if key != "orm"}

    assert ids_with({**without_orm, "redis": {"host": "localhost"}}) == []


@pytest.mark.parametrize("cluster", [None, {}], ids=["not set", "empty"])
def test_missing_cluster_is_an_error_that_says_what_to_write(cluster: Any):
    with override_settings(Q_CLUSTER=cluster):
        [message] = check_cluster()

    assert message.id == "durable_django.E002"
    assert "'retry': 90" in (message.hint or "")


class TestSync:
    def test_is_passed_over_in_tests(self):
        assert ids_with({**GOOD, "sync": True}) == []

    def test_is_reported_otherwise(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv("PYTEST_VERSION")

        assert ids_with({**GOOD, "sync": True}) == ["durable_django.W017"]

    def test_is_passed_over_by_the_test_command(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv("PYTEST_VERSION")
        monkeypatch.setattr("sys.argv", ["manage.py", "test"])

        assert ids_with({**GOOD, "sync": True}) == []


class TestDjangoQIsMissing:
    def test_is_an_error(self):
        with modify_settings(INSTALLED_APPS={"remove": "django_q"}):
            [message] = check_cluster()

        assert message.id == "durable_django.E001"
        assert message.level == ERROR

    def test_is_fine_with_another_dispatcher(self):
        null = "durable_django.dispatchers.null.NullDispatcher"
        apps = [app for app in settings.INSTALLED_APPS if app != "django_q"]

        with override_settings(INSTALLED_APPS=apps, DURABLE={"DISPATCHER": null}, Q_CLUSTER={}):
            messages = check_cluster()

        assert messages == []
