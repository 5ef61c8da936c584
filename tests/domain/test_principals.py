from __future__ import annotations

from types import SimpleNamespace

import pytest

from durable_django.domain.principals import principal_of, principals_of, usernames_of
from durable_django.domain.task import Principal, PrincipalKind
from durable_django.exceptions import DefinitionError

ALICE = Principal(kind=PrincipalKind.USER, name="alice")
FINANCE = Principal(kind=PrincipalKind.GROUP, name="finance")


class User:
    """As Django's, whose `name` may be anything."""

    name = "Alice Liddell"

    def __init__(self, username):
        self.username = username

    def get_username(self):
        return self.username


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        pytest.param("alice", ALICE, id="username"),
        pytest.param("group:finance", FINANCE, id="group_name"),
        pytest.param(User("alice"), ALICE, id="user"),
        pytest.param(SimpleNamespace(name="finance"), FINANCE, id="group"),
        pytest.param(FINANCE, FINANCE, id="principal"),
    ],
)
def test_text_and_objects_name_users_and_groups(given, meant):
    assert principal_of(given) == meant
    assert principal_of(str(meant)) == meant


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("", id="empty"),
        pytest.param(" alice", id="space_before"),
        pytest.param("group:", id="empty_group"),
        pytest.param("a" * 256, id="too_long"),
        pytest.param("a\nb", id="line_end"),
        pytest.param(User(""), id="anonymous"),
        pytest.param(User("group:x"), id="reads_as_a_group"),
        pytest.param(User(None), id="no_username"),
        pytest.param(7, id="number"),
        pytest.param(None, id="nothing"),
    ],
)
def test_who_is_nobody_is_refused(given):
    with pytest.raises(DefinitionError):
        principal_of(given)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        pytest.param("alice", (ALICE,), id="one_by_name"),
        pytest.param(User("alice"), (ALICE,), id="one_object"),
        pytest.param([], (), id="none"),
        pytest.param(["group:finance", "alice", User("alice")], (FINANCE, ALICE), id="several"),
        pytest.param((name for name in ["alice"]), (ALICE,), id="generator"),
    ],
)
def test_one_or_several_are_taken_each_once(given, meant):
    assert principals_of(given) == meant


def test_a_group_is_no_user():
    with pytest.raises(DefinitionError, match="not_by names users, and 'group:finance' is a group"):
        usernames_of(["alice", "group:finance"], "not_by")

    assert usernames_of(User("alice"), "not_by") == ("alice",)
