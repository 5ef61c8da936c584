from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError
from django.test import Client, override_settings
from django.urls import reverse

from durable_django.domain.definition import WorkflowDefinition
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.identifiers import new_id
from durable_django.engine.registry import default_registry
from durable_django.models import WorkerHeartbeat, Workflow, WorkflowExecution
from durable_django.stores.orm import health as health_queries
from tests.control.past_executions import ago, insert, insert_attempt, now

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
WORKFLOWS, HEALTH = "admin:durable_django_workflows", "admin:durable_django_health"
HOSTILE = "<script>alert(1)</script>"
ERROR = ErrorRecord(type="shop.Declined", message="token=hunter2 was declined").to_text()
#: Session, user; live versions, known versions, started, sample, errors.
WORKFLOWS_QUERIES = 7
#: Session, user; the report's ten; throughput, executions, attempts, size.
HEALTH_QUERIES = 18


def body(ctx: Any, order_id: int, *, gift: bool = False) -> str:
    """Sell something.

    And send it.
    """
    return "sold"


@pytest.fixture(autouse=True)
def workflows() -> Iterator[None]:
    # Those of the examples would be on the page too.
    former = default_registry.list_definitions()
    for definition in former:
        default_registry.forget(definition.name)
    register("shop.order", version=2, expose=True)
    yield
    for definition in default_registry.list_definitions():
        default_registry.forget(definition.name)
    for definition in former:
        default_registry.register(definition)


def register(name: str, **options: Any) -> None:
    default_registry.replace(WorkflowDefinition(name=name, body=body, **{"version": 1, **options}))


@pytest.fixture
def root(client: Client) -> Client:
    # Its query would belong to whichever test comes first.
    ContentType.objects.get_for_model(WorkflowExecution)
    client.force_login(User.objects.create_superuser("root"))
    return client


def staff(client: Client, *codenames: str) -> Client:
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return client


def workflow_url(name: str = "shop.order") -> str:
    return reverse("admin:durable_django_workflow", args=[name])


def pages() -> list[str]:
    return [reverse(WORKFLOWS), workflow_url(), reverse(HEALTH), f"{reverse(HEALTH)}?live"]


def beat(id_: str, silent_for: timedelta = timedelta(0), **fields: Any) -> None:
    moment = now() - silent_for
    defaults = {"host": "web-1", "pid": 4711, "kind": "qcluster", "queues": "default"}
    WorkerHeartbeat.objects.create(id=id_, started_at=moment, beat_at=moment, **(defaults | fields))


class TestPermissions:
    def test_who_may_not_view_is_refused(self, client: Client):
        staff(client)

        assert [client.get(url).status_code for url in pages()] == [403] * 4

    def test_who_may_view_is_shown_all_of_them(self, client: Client):
        staff(client, "view_workflowexecution")

        assert [client.get(url).status_code for url in pages()] == [200] * 4

    def test_stranger_is_sent_to_the_login(self, client: Client):
        assert [client.get(url).status_code for url in pages()] == [302] * 4

    def test_pages_only_read(self, root: Client):
        assert [root.post(url).status_code for url in pages()] == [405] * 4

    def test_start_is_offered_to_those_who_may(self, client: Client):
        start = reverse("admin:durable_django_start", args=["shop.order"])

        assert start not in staff(client, "view_workflowexecution").get(reverse(WORKFLOWS)).text
        User.objects.get().user_permissions.add(Permission.objects.get(codename="start_execution"))
        assert start in client.get(reverse(WORKFLOWS)).text

    def test_what_is_out_of_scope_is_not_counted(self, root: Client):
        insert(queue="theirs", status="parked")
        insert("shop.secret", queue="theirs")
        Workflow.objects.create(id=new_id(), name="shop.secret", version=1)

        with override_settings(
            DURABLE={"SCOPE": "tests.admin.reports.test_execution_reports.only_mine"}
        ):
            text = "".join(root.get(url).text for url in pages())

        assert "shop.secret" not in text
        assert "theirs" not in text
        assert "1 needs a person" not in text


def only_mine(user: Any, executions: Any) -> Any:
    return executions.filter(queue="mine")


class TestWorkflowsPage:
    def test_registered_workflow_is_described(self, root: Client):
        page = root.get(reverse(WORKFLOWS)).text

        assert "shop.order" in page
        assert "Sell something." in page
        assert "And send it." not in page
        line = body.__code__.co_firstlineno
        assert f"test_execution_reports.py:{line}" in page
        assert ">REST<" in page

    def test_last_day_is_told_and_longer_if_asked(self, root: Client):
        insert(workflow_version=2, created_at=ago(days=3), took=SECOND)
        insert(workflow_version=2, created_at=ago(hours=1), took=3 * SECOND, status="failed")

        day, ever = (root.get(reverse(WORKFLOWS), query).text for query in ({}, {"period": "all"}))

        assert "100 % failed" in day
        assert "50.0 % failed" in ever
        assert "1 s" in ever

    def test_unknown_period_is_the_usual_one(self, root: Client):
        response = root.get(reverse(WORKFLOWS), {"period": "yesterday"})

        assert response.status_code == 200
        assert response.context["period"].name == "24h"

    def test_last_failure_is_told_without_its_secrets(self, root: Client):
        failed = insert(workflow_version=2, took=SECOND, status="failed", error=ERROR)

        page = root.get(reverse(WORKFLOWS)).text

        assert "Declined" in page
        assert "hunter2" not in page
        assert str(failed.pk) in page

    def test_version_without_code_is_told_with_what_needs_it(self, root: Client):
        for _ in range(3):
            insert(workflow_version=1)

        page = root.get(reverse(WORKFLOWS)).text

        assert "3 executions need shop.order v1: not registered" in page
        assert "3 live, no code" in page

    def test_trap_in_a_body_is_counted_and_explained(self, root: Client):
        default_registry.replace(
            WorkflowDefinition(name="shop.trap", version=1, body=body_with_a_trap)
        )

        page, detail = root.get(reverse(WORKFLOWS)).text, root.get(workflow_url("shop.trap")).text

        assert "1 warning" in page
        assert "# durable: ok" in detail

    def test_empty_installation_is_told_what_to_do(self, root: Client):
        default_registry.forget("shop.order")

        assert "@workflow" in root.get(reverse(WORKFLOWS)).text

    @pytest.mark.parametrize("count", [1, 50])
    def test_queries_do_not_depend_on_the_number_of_workflows(
        self, root: Client, django_assert_num_queries: Any, count: int
    ):
        for number in range(count):
            register(f"shop.w{number}")
            insert(f"shop.w{number}", took=SECOND, status="failed", error=ERROR)

        with django_assert_num_queries(WORKFLOWS_QUERIES):
            page = root.get(reverse(WORKFLOWS)).text

        assert f"shop.w{count - 1}" in page


def body_with_a_trap(ctx: Any) -> float:
    return time.time()


class TestWorkflowPage:
    def test_versions_steps_and_failures_are_told(self, root: Client):
        failed = insert(
            workflow_version=2, key="order-7", took=SECOND, status="failed", error=ERROR
        )
        insert_attempt(failed, "charge", 2 * SECOND, status="failed")
        insert(workflow_version=1, status="suspended")

        page = root.get(workflow_url()).text

        assert "(order_id: int, *, gift: bool = False) -&gt; str" in page
        assert "not registered, and needed" in page
        assert "1 Waiting" in page
        assert "charge" in page
        assert "order-7" in page
        assert "hunter2" not in page

    def test_unknown_workflow_is_not_found(self, root: Client):
        assert root.get(workflow_url("shop.none")).status_code == 404

    def test_workflow_of_the_past_has_its_page(self, root: Client):
        insert("shop.gone")

        assert root.get(workflow_url("shop.gone")).status_code == 200

    def test_name_with_what_urls_have_is_found(self, root: Client):
        name = "a: b/c.d"
        insert(name)

        assert root.get(workflow_url(name)).status_code == 200


class TestHealthPage:
    def test_living_and_lost_workers_are_told_apart(self, root: Client):
        beat("w1")
        beat("w2", timedelta(minutes=14), host="web-2", pid=311)
        end = now() + timedelta(seconds=40)
        held = insert(
            workflow_version=2, status="running", lease_owner="w2", wake_at=end, order_at=end
        )

        page = root.get(reverse(HEALTH)).text

        assert (page.count("Alive"), page.count("Lost")) == (1, 1)
        assert "It still holds:" in page
        assert str(held.pk) in page
        assert "14 min ago" in page

    def test_what_is_wrong_is_told_with_what_to_do(self, root: Client):
        insert(workflow_version=2, created_at=ago(minutes=9), queue="reports")

        page = root.get(reverse(HEALTH)).text

        assert "2 things are wrong" in page
        assert "which no living worker serves" in page
        assert "durable_recover" in page
        assert "manage.py qcluster" in page

    def test_healthy_installation_is_told_so(self, root: Client):
        beat("w1")

        assert "Everything is fine" in root.get(reverse(HEALTH)).text

    def test_throughput_is_drawn_in_attributes(self, root: Client):
        insert(workflow_version=2, created_at=ago(minutes=5), took=SECOND)

        page = root.get(reverse(HEALTH)).text

        assert "✓ 1 completed" in page
        assert re.search(r'<rect class="dw-fill dw-completed" x="[\d.]+" y="0', page)

    def test_answer_to_the_polling_is_the_living_part_alone(self, root: Client):
        beat("w1")

        page, part = root.get(reverse(HEALTH)).text, root.get(f"{reverse(HEALTH)}?live").text

        assert "live.js" in page
        assert f'data-url="{reverse(HEALTH)}?live"' in page
        assert part.startswith('<div id="dw-live"')
        assert "<html" not in part

    def test_database_that_is_away_is_told(self, root: Client, monkeypatch: pytest.MonkeyPatch):
        def refuse(alias: str) -> None:
            raise DatabaseError("connection refused")

        monkeypatch.setattr(health_queries, "load_clock", refuse)

        response = root.get(reverse(HEALTH))

        assert response.status_code == 200
        assert "connection refused" in response.text

    @pytest.mark.parametrize("count", [1, 50])
    def test_queries_do_not_depend_on_how_much_there_is(
        self, root: Client, django_assert_num_queries: Any, count: int
    ):
        beat("w1")
        for number in range(count):
            insert_attempt(insert(f"shop.w{number}", took=SECOND), "charge", SECOND)

        with django_assert_num_queries(HEALTH_QUERIES):
            assert root.get(reverse(HEALTH)).status_code == 200


def test_hostile_names_are_text_and_the_pages_bear_the_strictest_policy(root: Client):
    beat("w1", timedelta(minutes=14), host=HOSTILE, kind=HOSTILE, queues=HOSTILE)
    error = ErrorRecord(type=HOSTILE, message=HOSTILE).to_text()
    execution = insert(HOSTILE, took=SECOND, status="failed", error=error, key=HOSTILE)
    insert_attempt(execution, HOSTILE, SECOND, status="failed")
    insert(HOSTILE, queue=HOSTILE, created_at=ago(minutes=5))

    texts = [root.get(url).text for url in [*pages(), workflow_url(HOSTILE)]]

    for text in texts:
        assert HOSTILE not in text
        assert not re.search(r"\sstyle\s*=", text)
        assert not re.search(r"<script(?![^>]*\ssrc=)", text)
        assert not re.search(r"\son\w+\s*=", text)
    assert sum(text.count("&lt;script&gt;alert(1)") for text in texts) > 10
