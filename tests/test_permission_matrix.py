"""Who may open what: every page, act and endpoint, for every kind of user.

The lines come from the URL tables themselves, so that a new one without a rule fails here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from durable_django import runtime
from durable_django.api.routes import Route
from durable_django.api.urls import ROUTES
from durable_django.control.actions import PERMISSION_OF, Action
from durable_django.control.permissions import Permission
from durable_django.engine.registry import default_registry
from durable_django.models import ExecutionEvent, SignalHook, WorkflowExecution, WorkflowSignal
from tests.browser import gallery
from tests.surface import admin_addresses, admin_patterns, api_address

pytestmark = pytest.mark.django_db

VIEW = Permission.VIEW
#: Whom the groups of `durable_setup_groups` let do what.
VIEWER = {VIEW}
OPERATOR = set(Permission) - {Permission.TERMINATE}
ROLES: dict[str, set[Permission]] = {
    "anonymous": set(),
    "staff": set(),
    "viewer": VIEWER,
    "operator": OPERATOR,
    "superuser": set(Permission),
}
#: Who may open a page of the admin; None is nobody.
PAGES: dict[str, set[Permission] | None] = {
    "durable_django_workflowexecution_changelist": {VIEW},
    "durable_django_workflowexecution_change": {VIEW},
    "durable_django_workflowexecution_history": {VIEW},
    "durable_django_workflowexecution_add": None,
    "durable_django_workflowexecution_delete": None,
    "durable_django_execution_live": {VIEW},
    "durable_django_execution_payload": {VIEW, Permission.PAYLOADS},
    "durable_django_execution_act": set(),  # by the act: see ACTS
    "durable_django_start": {Permission.START},
    "durable_django_bulk": {VIEW, Permission.BULK},
    "durable_django_bulk_live": {VIEW, Permission.BULK},
    "durable_django_workflows": {VIEW},
    "durable_django_workflow": {VIEW},
    "durable_django_health": {VIEW},
}
#: An act, and an execution of the gallery that allows it.
ACTS = {
    Action.CANCEL: "waiting",
    Action.TERMINATE: "waiting",
    Action.PAUSE: "waiting",
    Action.RESUME: "paused",
    Action.RETRY: "failed",
    Action.FORK: "completed",
    Action.SIGNAL: "waiting",
    Action.FIRE_TIMER: "sleeping",
}
UNKNOWN = "00000000-0000-7000-8000-000000000000"
FORBIDDEN = (401, 403)


@pytest.fixture
def executions(db: None) -> Iterator[dict[str, UUID]]:
    gallery.register(default_registry)
    engine = gallery.new_engine()
    former = runtime.use_engine(engine)
    yield gallery.fill(engine)
    runtime.use_engine(former)
    engine.dispose()
    for definition in default_registry.list_definitions():
        if definition.name.startswith("shop."):
            default_registry.forget(definition.name, definition.version)


@pytest.fixture
def clients(db: None) -> dict[str, Client]:
    call_command("durable_setup_groups", verbosity=0)
    users = {
        role: User.objects.create_user(role, is_staff=True, is_superuser=role == "superuser")
        for role in ROLES
        if role != "anonymous"
    }
    users["viewer"].groups.add(Group.objects.get(name="Durable viewers"))
    users["operator"].groups.add(Group.objects.get(name="Durable operators"))
    clients = {"anonymous": Client()}
    for role, user in users.items():
        clients[role] = Client()
        clients[role].force_login(user)
    return clients


def test_groups_have_exactly_the_permissions_of_the_matrix(clients: dict[str, Client]) -> None:
    for role in ("viewer", "operator"):
        user = User.objects.get(username=role)
        held = {name.removeprefix("durable_django.") for name in user.get_all_permissions()}
        assert held == {str(permission) for permission in ROLES[role]}


class TestAdmin:
    def test_every_page_has_a_rule(self) -> None:
        assert {pattern.name for pattern in admin_patterns()} == set(PAGES)

    @pytest.mark.parametrize("name", sorted(set(PAGES) - {"durable_django_execution_act"}))
    def test_page_is_for_whom_the_rule_says(
        self, executions: dict[str, UUID], clients: dict[str, Client], name: str
    ) -> None:
        needed = PAGES[name]
        for address in admin_addresses(name, executions["waiting"]):
            for role, client in clients.items():
                may = needed is not None and needed <= ROLES[role]
                status = client.get(address).status_code
                assert _is_as_expected(role, status, may=may), (role, address, status)

    @pytest.mark.parametrize("action", ACTS)
    def test_act_is_for_whom_its_permission_says(
        self, executions: dict[str, UUID], clients: dict[str, Client], action: Action
    ) -> None:
        address = reverse(
            "admin:durable_django_execution_act", args=[executions[ACTS[action]], str(action)]
        )
        before = _fingerprint()

        for role, client in clients.items():
            may = {VIEW, PERMISSION_OF[action]} <= ROLES[role]
            asked = client.get(address).status_code
            assert _is_as_expected(role, asked, may=may), (role, asked)
            if not may:
                status = client.post(address, {"reason": "no right"}).status_code
                assert status in ((302,) if role == "anonymous" else (403,)), (role, status)

        assert _fingerprint() == before

    def test_every_act_is_in_the_matrix(self) -> None:
        assert set(ACTS) == set(Action) - {Action.START}

    def test_who_is_not_staff_comes_no_further_than_the_login(
        self, executions: dict[str, UUID]
    ) -> None:
        client = Client()
        client.force_login(User.objects.create_user("customer", is_superuser=True))
        for name in PAGES:
            for address in admin_addresses(name, executions["waiting"]):
                assert client.get(address).status_code == 302, address

    def test_no_row_is_edited_by_posting_its_fields(
        self, executions: dict[str, UUID], clients: dict[str, Client]
    ) -> None:
        address = reverse(
            "admin:durable_django_workflowexecution_change", args=[executions["waiting"]]
        )
        before = _fingerprint()

        clients["superuser"].post(address, {"status": "completed", "fence": "99", "_save": "1"})

        assert _fingerprint() == before


class TestApi:
    @pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
    def test_every_line_has_a_rule_for_every_method(self, route: Route) -> None:
        offered = {m.upper() for m in route.view.http_method_names if hasattr(route.view, m)}
        assert offered - {"OPTIONS", "HEAD"} == set(route.methods)

    @pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
    def test_endpoint_is_for_whom_the_rule_says(
        self, executions: dict[str, UUID], clients: dict[str, Client], route: Route
    ) -> None:
        for method, rule in route.methods.items():
            for execution_id in (str(executions["waiting"]), UNKNOWN):
                address = api_address(route, execution_id)
                for role, client in clients.items():
                    may = rule.is_public or (
                        role != "anonymous" and set(rule.permissions) <= ROLES[role]
                    )
                    before = _fingerprint()
                    # A body that nobody takes: this is about who may ask.
                    status = client.generic(
                        method, address, b'{"x": 1}', content_type="application/json"
                    ).status_code
                    # 503 is how health says that it is not well.
                    assert status < 500 or (route.name, status) == ("health", 503)
                    if status >= 400:
                        assert _fingerprint() == before
                    assert (status not in FORBIDDEN) == may, (role, method, address, status)

    @pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
    def test_project_without_settings_for_rest_is_closed(
        self, executions: dict[str, UUID], settings: Any, route: Route
    ) -> None:
        settings.REST_FRAMEWORK = {}
        for method, rule in route.methods.items():
            status = Client().generic(method, api_address(route, UNKNOWN)).status_code
            assert (status in FORBIDDEN) != rule.is_public


def _is_as_expected(role: str, status: int, *, may: bool) -> bool:
    if role == "anonymous":
        return status == 302
    return status == 200 if may else status == 403


def _fingerprint() -> list[Any]:
    """Return what an act would change."""
    executions = WorkflowExecution.objects.order_by("pk").values_list(
        "pk", "status", "epoch", "cancel_requested_at", "pause_requested_at", "signal_count"
    )
    tables = (ExecutionEvent, WorkflowSignal, SignalHook)
    return [*executions, *(table.objects.count() for table in tables)]
