from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client

from durable_django.control.health import report as health
from durable_django.control.permissions import Permission
from durable_django.testing.driver import DurableDriver
from tests.api.doors import V1, client_of, waiting_workflow

HEALTH = f"{V1}/health/"


def break_down(*_: object, **__: object) -> Any:
    raise OperationalError("password=hunter2 is wrong")


@pytest.mark.django_db
class TestHealth:
    @pytest.mark.parametrize("held", [None, ()], ids=["anonymous", "no permission"])
    def test_who_may_not_view_learns_one_word(self, held: tuple[Permission, ...] | None) -> None:
        client = Client() if held is None else client_of(*held)

        answer = client.get(HEALTH)

        assert answer.status_code == (200 if answer.json()["status"] == "ok" else 503)
        assert set(answer.json()) == {"status"}

    def test_who_may_view_learns_what_was_looked_at(self) -> None:
        told = client_of(Permission.VIEW).get(HEALTH).json()

        assert {"workers", "database"} & {check["name"] for check in told["checks"]}
        assert all(check["ok"] == (check["level"] == "ok") for check in told["checks"])

    def test_work_that_nobody_does_is_503(self, durable: DurableDriver) -> None:
        with waiting_workflow("api.health") as waiting:
            durable.start(waiting)

            answer = Client().get(HEALTH)

        assert (answer.status_code, answer.json()) == (503, {"status": "degraded"})

    def test_a_database_that_is_away_is_503_and_says_no_more(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(health, "look_at_clock", break_down)

        answer = Client().get(HEALTH)

        assert (answer.status_code, answer.json()) == (503, {"status": "degraded"})

    def test_so_it_is_for_who_is_logged_in_and_cannot_be_looked_up(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = client_of(Permission.VIEW)
        monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", break_down)

        answer = client.get(HEALTH)

        assert (answer.status_code, answer.json()) == (503, {"status": "degraded"})

    def test_it_is_not_kept(self) -> None:
        assert Client().get(HEALTH)["Cache-Control"] == "no-store"


class TestLive:
    def test_it_answers_without_a_database_or_a_cache(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Without the `db` fixture, pytest refuses every query.
        monkeypatch.setattr(type(cache._connections["default"]), "get", break_down)

        answer = Client().get(f"{HEALTH}live/")

        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
