"""Who may do what over REST: closed unless the URL table says otherwise."""

from __future__ import annotations

from functools import partial
from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from durable_django.control.permissions import allows


class DurablePermission(BasePermission):
    """Asks the rule that the view's line of the URL table gives for the method.

    A method without a rule is nobody's, whatever the view can do.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Say whether the user may use this method of this path at all, whatever the row."""
        method = "GET" if request.method == "HEAD" else str(request.method)
        rule = view.rules.get(method)
        if rule is None:
            return _is_for_all(view, request) and not _can(view, method)
        if rule.is_public:
            return True
        return _is_logged_in(request) and rule.is_met(partial(allows, request.user))


def _is_for_all(view: Any, request: Request) -> bool:
    """Say whether the user may know that the path has no such method: 405 tells that."""
    rules = view.rules.values()
    return _is_logged_in(request) or bool(rules and all(rule.is_public for rule in rules))


def _is_logged_in(request: Request) -> bool:
    user: Any = request.user
    return bool(user and user.is_authenticated and user.is_active)


def _can(view: Any, method: str) -> bool:
    name = method.lower()
    return name in view.http_method_names and hasattr(view, name)
