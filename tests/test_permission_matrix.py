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
from durable_django.admin.human_tasks.act_kinds import TASK_ACTS
from durable_django.api.routes import Route
from durable_django.api.urls import ROUTES
from durable_django.control.actions import PERMISSION_OF, Action
from durable_django.control.permissions import Permission
from durable_django.engine.registry import default_registry
from durable_django.models import (
    ExecutionEvent,
    HumanTask,
    HumanTaskLink,
    Schedule,
    ScheduleTick,
    SignalHook,
    WorkflowExecution,
    WorkflowSignal,
    WorkQueue,
)
from tests.browser import gallery
from tests.surface import admin_addresses, admin_patterns, api_address

pytestmark = pytest.mark.django_db

VIEW = Permission.VIEW
#: Whom the groups of `durable_setup_groups` let do what.
SEE_SCHEDULES, SEE_QUEUES = Permission.VIEW_SCHEDULES, Permission.VIEW_QUEUES
VIEWER = {VIEW, Permission.VIEW_TASKS, SEE_SCHEDULES, SEE_QUEUES}
OPERATOR = set(Permission) - {
    Permission.TERMINATE,
    Permission.COMPLETE_TASKS,
    Permission.ADD_SCHEDULES,
    Permission.CHANGE_SCHEDULES,
    Permission.DELETE_SCHEDULES,
}
TASK_WORKER = {Permission.COMPLETE_TASKS}
ROLES: dict[str, set[Permission]] = {
    "anonymous": set(),
    "staff": set(),
    "viewer": VIEWER,
    "operator": OPERATOR,
    "worker": TASK_WORKER,
    "superuser": set(Permission),
}
#: Either lets somebody at the tasks that they may see.
TASKS = (Permission.VIEW_TASKS, Permission.COMPLETE_TASKS)
#: Who may open a page of the admin: with all of a set, with one of a tuple; None is nobody.
PAGES: dict[str, set[Permission] | tuple[Permission, ...] | None] = {
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
    "durable_django_humantask_changelist": TASKS,
    "durable_django_humantask_change": TASKS,
    "durable_django_humantask_history": TASKS,
    "durable_django_humantask_add": None,
    "durable_django_humantask_delete": None,
    "durable_django_humantask_act": set(),  # by the act: see TASK_ACTS
    "durable_django_schedule_changelist": {SEE_SCHEDULES},
    "durable_django_schedule_change": {SEE_SCHEDULES},
    "durable_django_schedule_history": {SEE_SCHEDULES},
    "durable_django_schedule_add": {SEE_SCHEDULES, Permission.ADD_SCHEDULES},
    "durable_django_schedule_edit": {SEE_SCHEDULES, Permission.CHANGE_SCHEDULES},
    "durable_django_schedule_delete": {SEE_SCHEDULES, Permission.DELETE_SCHEDULES},
    # The act is to trigger it; tests/admin/schedules has the others.
    "durable_django_schedule_act": {SEE_SCHEDULES, Permission.RUN_SCHEDULES},
    "durable_django_schedule_selected": {SEE_SCHEDULES, Permission.RUN_SCHEDULES},
    "durable_django_workqueue_changelist": {SEE_QUEUES},
    "durable_django_workqueue_act": {SEE_QUEUES, Permission.CHANGE_QUEUES},
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
_DO, _STEER = Permission.COMPLETE_TASKS, Permission.REASSIGN_TASKS
#: With one of which permissions an act on a task may be done; all need that the task is seen.
TASK_RULES = {
    "claim": (_DO,),
    "complete": (_DO,),
    "release": (_DO, _STEER),
    "delegate": (_DO,),
    "reassign": (_STEER,),
    "cancel": (_STEER,),
    "link": (_DO,),
    "revoke": (_DO, _STEER),
}
BY_THE_ACT = {"durable_django_execution_act", "durable_django_humantask_act"}
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
    users["worker"].groups.add(Group.objects.get(name="Durable task workers"))
    clients = {"anonymous": Client()}
    for role, user in users.items():
        clients[role] = Client()
        clients[role].force_login(user)
    return clients


def test_groups_have_exactly_the_permissions_of_the_matrix(clients: dict[str, Client]) -> None:
    for role in ("viewer", "operator", "worker"):
        user = User.objects.get(username=role)
        held = {name.removeprefix("durable_django.") for name in user.get_all_permissions()}
        assert held == {str(permission) for permission in ROLES[role]}


class TestAdmin:
    def test_every_page_has_a_rule(self) -> None:
        assert {pattern.name for pattern in admin_patterns()} == set(PAGES)

    @pytest.mark.parametrize("name", sorted(set(PAGES) - BY_THE_ACT))
    def test_page_is_for_whom_the_rule_says(
        self, executions: dict[str, UUID], clients: dict[str, Client], name: str
    ) -> None:
        needed = PAGES[name]
        for address in admin_addresses(name, executions["waiting"]):
            for role, client in clients.items():
                may = _is_met(needed, ROLES[role])
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

    @pytest.mark.parametrize("act", TASK_RULES)
    def test_act_on_a_task_is_for_whom_its_rule_says(
        self, executions: dict[str, UUID], clients: dict[str, Client], act: str
    ) -> None:
        task = HumanTask.objects.get(execution_id=executions["asking"])
        address = reverse("admin:durable_django_humantask_act", args=[task.pk, act])
        before = _fingerprint()

        for role, client in clients.items():
            may = all(_is_met(rule, ROLES[role]) for rule in (TASKS, TASK_RULES[act]))
            asked = client.get(address).status_code
            # 302: a button without a page; 409: it cannot be done to this task now.
            assert asked in ((200, 302, 409) if may or role == "anonymous" else (403,)), role
            if not may:
                status = client.post(address, {"to": "bob", "reason": "no right"}).status_code
                assert status in ((302,) if role == "anonymous" else (403,)), (role, status)

        assert _fingerprint() == before

    def test_every_act_on_a_task_is_in_the_matrix(self) -> None:
        assert set(TASK_RULES) == set(TASK_ACTS)

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
                        role != "anonymous" and rule.is_met(ROLES[role].__contains__)
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


def _is_met(needed: set[Permission] | tuple[Permission, ...] | None, held: Any) -> bool:
    if isinstance(needed, tuple):
        return any(one in held for one in needed)
    return needed is not None and needed <= held


def _is_as_expected(role: str, status: int, *, may: bool) -> bool:
    if role == "anonymous":
        return status == 302
    return status == 200 if may else status == 403


def _fingerprint() -> list[Any]:
    """Return what an act would change."""
    executions = WorkflowExecution.objects.order_by("pk").values_list(
        "pk", "status", "epoch", "cancel_requested_at", "pause_requested_at", "signal_count"
    )
    tables = (ExecutionEvent, WorkflowSignal, SignalHook, HumanTask, HumanTaskLink)
    tables += (Schedule, ScheduleTick, WorkQueue)
    tasks = HumanTask.objects.order_by("pk").values_list("pk", "status", "assignee")
    return [*executions, *tasks, *(table.objects.count() for table in tables)]
