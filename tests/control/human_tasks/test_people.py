from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import connection

from durable_django.control.human_tasks.errors import NoSuchUserError
from durable_django.control.human_tasks.people import NOBODY, find_group, find_user, person_of
from tests.control.human_tasks.desk import DO, SEE, person


def test_a_person_has_a_name_groups_and_rights() -> None:
    user = person("eva", DO, SEE, groups=["finance"])

    who = person_of(User.objects.get(pk=user.pk))

    assert (who.name, who.groups) == ("eva", frozenset({"finance"}))
    assert (who.completes, who.sees_all, who.reassigns) == (True, True, False)


def test_who_is_not_logged_in_is_nobody() -> None:
    assert person_of(AnonymousUser()) == NOBODY


def test_who_is_not_active_may_do_nothing() -> None:
    user = person("eva", DO, is_active=False)

    assert not person_of(user).completes


@pytest.mark.parametrize("name", ["", "nobody", "EVA", "Eva", "eva ", "\0", "x" * 1000])
def test_only_the_very_name_finds_somebody(name: str) -> None:
    person("eva")

    with pytest.raises(NoSuchUserError):
        find_user(name)


def test_who_is_not_active_is_not_found() -> None:
    person("eva", is_active=False)

    with pytest.raises(NoSuchUserError):
        find_user("eva")


@pytest.mark.parametrize("name", ["Finance", "nothing", "\0"])
def test_only_the_very_name_finds_a_group(name: str) -> None:
    Group.objects.create(name="finance")

    assert find_group("finance").name == "finance"
    with pytest.raises(NoSuchUserError, match="group:"):
        find_group(name)
    assert connection.is_usable()
