from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from durable_django.control.human_tasks.errors import (
    FourEyesError,
    LinkNotFoundError,
    TaskActNotAllowedError,
)
from durable_django.control.human_tasks.link_acts import (
    give_link,
    revoke_visible_link,
    visible_links,
)
from durable_django.control.human_tasks.links import find_link
from durable_django.exceptions import TaskNotFoundError
from durable_django.models import ExecutionEvent
from tests.control.human_tasks.desk import DO, HOUR, SEE, STEER, person, task


def test_one_makes_a_link_for_oneself(store: Any) -> None:
    eva = person("eva", DO)

    link = give_link(task("eva").pk, expires_in=HOUR, user=eva)

    assert find_link(link.token)[0].user == "eva"
    assert ExecutionEvent.objects.get().actor_name == "eva"


def test_who_only_steers_makes_none(store: Any) -> None:
    """They would hold it, and could answer."""
    boss = person("boss", STEER, SEE)

    with pytest.raises(TaskActNotAllowedError, match="complete"):
        give_link(task("eva").pk, expires_in=HOUR, user=boss)


def test_whom_four_eyes_bar_makes_none(store: Any) -> None:
    root = person("root", is_superuser=True)

    with pytest.raises(FourEyesError):
        give_link(task("eva", not_by=["root"]).pk, expires_in=HOUR, user=root)


def test_what_is_not_seen_is_not_there(store: Any) -> None:
    row = task("eva")
    bob = person("bob", DO)

    for act in (
        lambda: give_link(row.pk, expires_in=HOUR, user=bob),
        lambda: visible_links(row.pk, user=bob),
        lambda: revoke_visible_link(row.pk, uuid4(), user=bob),
    ):
        with pytest.raises(TaskNotFoundError):
            act()


def test_ones_own_links_are_seen_and_revoked(store: Any) -> None:
    eva, bob = person("eva", DO), person("bob", DO)
    boss = person("boss", STEER, SEE)
    row = task(["eva", "bob"])
    evas = give_link(row.pk, expires_in=HOUR, user=eva)
    bobs = give_link(row.pk, expires_in=HOUR, user=bob)

    assert [one.pk for one in visible_links(row.pk, user=eva)] == [evas.id]
    assert [one.pk for one in visible_links(row.pk, user=boss)] == [bobs.id, evas.id]
    with pytest.raises(LinkNotFoundError):
        revoke_visible_link(row.pk, bobs.id, user=eva)
    assert revoke_visible_link(row.pk, bobs.id, user=boss)
    assert not revoke_visible_link(row.pk, bobs.id, user=boss)
