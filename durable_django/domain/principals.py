"""Whom a name stands for: a user or a group.

Authors name people by text (`"alice"`, `"group:finance"`), or by the objects that Django has for
them, which are told apart by what they can say of themselves.
"""

from __future__ import annotations

from collections.abc import Iterable

from durable_django.domain.identifiers import check_key
from durable_django.domain.task import Principal, PrincipalKind
from durable_django.exceptions import DefinitionError

_GROUP_PREFIX = "group:"


def principal_of(one: object) -> Principal:
    """Return the user or group that is meant.

    Text is a username, or `group:` and a group's name. Of objects, one with `get_username()` is a
    user, and another one with a `name` is a group.

    Raises:
        DefinitionError: It names nobody, or the name is no legal one.
    """
    if isinstance(one, Principal):
        return one
    if isinstance(one, str):
        if one.startswith(_GROUP_PREFIX):
            return _principal(PrincipalKind.GROUP, one.removeprefix(_GROUP_PREFIX))
        return _principal(PrincipalKind.USER, one)
    get_username = getattr(one, "get_username", None)
    if callable(get_username):
        return _principal(PrincipalKind.USER, get_username())
    name = getattr(one, "name", None)
    if isinstance(name, str):
        return _principal(PrincipalKind.GROUP, name)
    raise DefinitionError(
        f"{one!r:.80} is neither a user nor a group. Give a username, 'group:' and a group's "
        f"name, or the user or group itself."
    )


def principals_of(some: object) -> tuple[Principal, ...]:
    """Return the users and groups that are meant by one of them or by several, each once.

    Raises:
        DefinitionError: As `principal_of`.
    """
    is_several = isinstance(some, Iterable) and not isinstance(some, str)
    several = some if isinstance(some, Iterable) and is_several else (some,)
    return tuple(dict.fromkeys(principal_of(one) for one in several))


def usernames_of(some: object, what: str) -> tuple[str, ...]:
    """Return the usernames of one user or of several, each once.

    Raises:
        DefinitionError: As `principal_of`, or one of them is a group; `what` says of which option.
    """
    found = principals_of(some)
    for one in found:
        if one.kind is not PrincipalKind.USER:
            raise DefinitionError(f"{what} names users, and {str(one)!r} is a group.")
    return tuple(one.name for one in found)


def _principal(kind: PrincipalKind, name: object) -> Principal:
    checked = check_key(f"{kind} name", name)
    if kind is PrincipalKind.USER and checked.startswith(_GROUP_PREFIX):
        # As text it would be the group's.
        raise DefinitionError(f"{checked!r:.80} cannot be a user's name: it reads as a group.")
    return Principal(kind=kind, name=checked)
