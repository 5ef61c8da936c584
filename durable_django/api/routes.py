"""What a line of the URL table is: a path, its view, and who may use which method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connections, transaction
from django.urls import URLPattern, path, register_converter
from django.urls.converters import PathConverter

from durable_django.api.http.viewset import DurableView
from durable_django.control.permissions import Permission


class AnythingConverter(PathConverter):
    """Like `path:`, and line ends as well: what is no legal value is for the view to say."""

    regex = r"[\s\S]+"


register_converter(AnythingConverter, "durable_anything")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who may use one method of one path."""

    #: All of them are needed, on top of being logged in.
    permissions: tuple[Permission, ...] = ()
    #: Any one of these is needed besides, if there are some.
    alternatives: tuple[Permission, ...] = ()
    #: Anybody may, also without logging in.
    is_public: bool = False

    def is_met(self, has: Callable[[Permission], bool]) -> bool:
        """Say whether who has these permissions has enough of them."""
        return all(map(has, self.permissions)) and (
            not self.alternatives or any(map(has, self.alternatives))
        )


#: Whoever is logged in.
AUTHENTICATED = Rule()
#: Anybody: the view itself decides what it tells, as by a token in the path.
PUBLIC = Rule(is_public=True)


def needs(*permissions: Permission) -> Rule:
    """Return the rule that somebody needs all these permissions."""
    return Rule(permissions=permissions)


def needs_any(*permissions: Permission) -> Rule:
    """Return the rule that somebody needs one of these permissions."""
    return Rule(alternatives=permissions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One line of the URL table. A method that is not named is answered 405."""

    #: Below the mount point: `v1/executions/`.
    path: str
    view: type[DurableView]
    #: Reversed as `durable-api:<name>`.
    name: str
    #: By the method in capitals; GET stands for HEAD as well.
    methods: Mapping[str, Rule]
    #: Values for the path's parameters, for whoever goes through the table, such as a test.
    example: Mapping[str, str] = field(default_factory=dict)

    def to_pattern(self) -> URLPattern:
        """Return it for `urlpatterns`."""
        return path(self.path, to_view(self.view, self.methods), name=self.name)


def to_view(view: type[DurableView], rules: Mapping[str, Rule]) -> Callable[..., Any]:
    """Return the view function, outside of `ATOMIC_REQUESTS`.

    What is answered has been committed, then; and a wait or a stream holds no transaction.
    """
    function: Callable[..., Any] = view.as_view(rules=rules)
    for alias in connections:
        function = transaction.non_atomic_requests(using=alias)(function)
    return function
