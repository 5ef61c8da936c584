"""Who somebody is to human tasks: their name, their groups, and what they may do with tasks.

Tasks name users by what they log in with (`get_username()`), and groups by their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import DataError

from durable_django.control.human_tasks.errors import NoSuchUserError
from durable_django.control.permissions import Permission, allows


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user as tasks know them."""

    name: str
    groups: frozenset[str]
    #: Sees every task, whoever it is for.
    sees_all: bool
    #: May complete the tasks that are for them.
    completes: bool
    #: May hand on, release and cancel the tasks of others.
    reassigns: bool
    #: Sees payloads, whatever they are of.
    sees_payloads: bool


NOBODY = Person(
    name="",
    groups=frozenset(),
    sees_all=False,
    completes=False,
    reassigns=False,
    sees_payloads=False,
)


def person_of(user: Any) -> Person:
    """Return who the user is to tasks; at most three queries, however many tasks are looked at."""
    groups = getattr(user, "groups", None)
    names = groups.values_list("name", flat=True) if groups is not None else ()
    return Person(
        name=user.get_username(),
        groups=frozenset(names),
        sees_all=allows(user, Permission.VIEW_TASKS),
        completes=allows(user, Permission.COMPLETE_TASKS),
        reassigns=allows(user, Permission.REASSIGN_TASKS),
        sees_payloads=allows(user, Permission.PAYLOADS),
    )


def find_user(name: str) -> Any:
    """Return the active user of this name.

    Raises:
        NoSuchUserError: Nobody is called so, or they are not active.
    """
    model = get_user_model()
    if "\0" in name:  # PostgreSQL takes no NUL, not even to look for
        raise NoSuchUserError(name)
    try:
        user = model._default_manager.get_by_natural_key(name)  # noqa: SLF001 -- documented by Django
    except (model.DoesNotExist, DataError):
        raise NoSuchUserError(name) from None
    # Some databases find "Alice" for "alice"; tasks tell them apart.
    if user.get_username() != name or not user.is_active:
        raise NoSuchUserError(name)
    return user


def find_group(name: str) -> Any:
    """Return the group of this name.

    Raises:
        NoSuchUserError: There is none.
    """
    groups = apps.get_model("auth", "Group")._default_manager  # noqa: SLF001 -- documented by Django
    group = None if "\0" in name else groups.filter(name=name).first()
    if group is None or group.name != name:
        raise NoSuchUserError(f"group:{name}")
    return group
