"""The people of the demo, and what they may do: they answer what workflows ask."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission

#: Emil claims expenses, and is a manager: but not of his own claims.
GROUPS = {
    "emil": ("managers",),
    "mara": ("managers",),
    "carol": ("managers", "cfo"),
    "chris": ("cfo",),
}

#: A manager for whoever watches the demo to be.
READER = "mara"


def make_people() -> None:
    """Make the users and groups that are not there yet; nobody can log in until `let_in`."""
    may_answer = Permission.objects.get(
        content_type__app_label="durable_django", codename="complete_humantask"
    )
    for name, group_names in GROUPS.items():
        user, is_new = get_user_model().objects.get_or_create(
            username=name,
            defaults={
                "is_staff": True,
                "email": f"{name}@example.com",
                "password": make_password(None),
            },
        )
        if is_new:
            groups = [Group.objects.get_or_create(name=group)[0] for group in group_names]
            for group in groups:
                group.permissions.add(may_answer)
            user.groups.set(groups)


def let_in(password: str) -> None:
    """Give all of them a password."""
    people = get_user_model().objects.filter(username__in=GROUPS)
    # Hashed once: it is slow on purpose.
    people.update(password=make_password(password))
