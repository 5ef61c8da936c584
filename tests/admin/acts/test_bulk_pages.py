from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from durable_django import client
from durable_django.admin.acts.bulk_pages import Progress
from durable_django.control import bulk_runner
from durable_django.control.actions import Action
from durable_django.control.bulk import MAX_TOTAL, find_worker, start_bulk
from durable_django.control.finding.criteria import Criteria
from durable_django.control.permissions import Permission
from durable_django.domain.status import BulkStatus
from durable_django.models import BulkOperation
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import make_new_execution
from durable_django.testing.driver import DurableDriver
from tests.admin.acting import SCRIPT, find_inline, log_in, make_user, page_url

pytestmark = pytest.mark.django_db
LIST = "/admin/durable_django/workflowexecution/bulk/"


@pytest.fixture
def operator() -> User:
    return make_user(*Permission)


def ask(user: User, action: Action = Action.PAUSE, reason: str = "tidy up") -> BulkOperation:
    OrmCheckpointStore().insert_executions(
        [make_new_execution(workflow_name="bulk.page") for _ in range(3)]
    )
    return start_bulk(user, action, Criteria(workflow="bulk.page"), reason=reason)


def url_of(operation: BulkOperation, name: str = "durable_django_bulk") -> str:
    return reverse(f"admin:{name}", args=[operation.pk])


class TestList:
    def test_shows_who_what_why_and_how_far(self, durable: DurableDriver, operator: User):
        operation = ask(operator)
        durable.drain()

        page = log_in(operator).get(LIST)

        assert page.status_code == 200
        for text in ("alice", "tidy up", "pause", "Completed", url_of(operation)):
            assert text in page.text
        assert find_inline(page.text) == []

    @pytest.mark.parametrize("lacking", [Permission.VIEW, Permission.BULK])
    def test_and_all_pages_need_both_permissions(
        self, durable: DurableDriver, operator: User, lacking: Permission
    ):
        operation = ask(operator)
        user = make_user(*(one for one in Permission if one is not lacking), name="bob")
        browser = log_in(user)

        urls = [LIST, url_of(operation), url_of(operation, "durable_django_bulk_live")]
        statuses = [browser.get(url).status_code for url in urls]
        statuses.append(browser.post(url_of(operation)).status_code)

        operation.refresh_from_db()
        assert statuses == [403] * 4
        assert not operation.cancel_requested

    def test_takes_the_same_queries_for_many(self, durable: DurableDriver, operator: User):
        browser = log_in(operator)
        counts = []
        for _ in range(2):
            for _ in range(4):
                ask(operator)
            with CaptureQueriesContext(connection) as queries:
                browser.get(LIST)
            counts.append(len(queries))

        assert counts[0] == counts[1]


class TestPage:
    def test_tells_filter_person_reason_and_progress(
        self, durable: DurableDriver, operator: User, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(bulk_runner, "BATCH", 2)
        operation = ask(operator)
        bulk_runner.run_batch(str(operation.pk))

        page = log_in(operator).get(url_of(operation)).text

        assert 'max="3" value="2"' in page
        assert "workflow: bulk.page" in page
        assert "tidy up" in page
        assert "2 done" in page
        assert find_inline(page) == []

    def test_links_each_refusal_to_its_execution(self, durable: DurableDriver, operator: User):
        operation = ask(operator, Action.RETRY)
        durable.engine.run_one(find_worker(operation).id)

        page = log_in(operator).get(url_of(operation)).text

        operation.refresh_from_db()
        assert len(operation.refusals) == 3
        for refusal in operation.refusals:
            assert page_url(refusal["id"]) in page
        assert "cannot be retried" in page

    def test_says_that_nobody_goes_on_with_it(self, durable: DurableDriver, operator: User):
        operation = ask(operator)
        worker = find_worker(operation)
        client.pause(worker.id)

        page = log_in(operator).get(url_of(operation)).text

        assert "Nobody goes on with it" in page
        assert page_url(worker.id) in page

    def test_escapes_what_people_wrote(self, durable: DurableDriver, operator: User):
        operation = ask(operator, reason=SCRIPT)
        BulkOperation.objects.update(
            actor_name=SCRIPT,
            criteria={SCRIPT: [SCRIPT]},
            refusals=[{"id": None, "detail": SCRIPT}],
            arguments={"name": SCRIPT},
        )
        browser = log_in(User.objects.create_superuser("root"))

        pages = browser.get(url_of(operation)).text + browser.get(LIST).text

        assert SCRIPT not in pages
        assert pages.count("&lt;script&gt;") >= 6

    def test_of_an_unknown_one_is_not_there(self, operator: User):
        browser = log_in(operator)

        assert browser.get(f"{LIST}{uuid4()}/").status_code == 404
        assert browser.post(f"{LIST}{uuid4()}/").status_code == 404

    def test_of_another_is_not_there_where_a_scope_keeps_users_apart(
        self, settings: Any, operator: User
    ):
        settings.DURABLE = {"SCOPE": f"{__name__}.show_all"}
        operation = ask(operator)
        other = make_user(*Permission, name="bob")

        assert log_in(other).get(url_of(operation)).status_code == 404
        assert log_in(operator).get(url_of(operation)).status_code == 200


def show_all(user: Any, rows: Any) -> Any:
    return rows


class TestLive:
    def test_is_asked_while_it_goes_on_and_says_when_it_is_over(
        self, durable: DurableDriver, operator: User
    ):
        operation = ask(operator)
        browser = log_in(operator)
        url = url_of(operation, "durable_django_bulk_live")
        shown = browser.get(url_of(operation)).text

        first = browser.get(url)
        again = browser.get(url, headers={"If-None-Match": first["ETag"]})
        durable.drain()
        last = browser.get(url, headers={"If-None-Match": first["ETag"]})

        assert f'data-url="{url}"' in shown
        assert "X-Durable-Final" not in first
        assert again.status_code == 304
        assert last.status_code == 200
        assert last["X-Durable-Final"] == "1"
        assert 'id="dw-live"' in last.text
        assert "data-url" not in last.text


class TestStopping:
    def test_is_a_post_with_an_entry_in_the_log(self, durable: DurableDriver, operator: User):
        operation = ask(operator)
        browser = log_in(operator)

        browser.get(url_of(operation))
        before = BulkOperation.objects.get().status
        answer = browser.post(url_of(operation))

        assert before == BulkStatus.PENDING
        assert answer.url == url_of(operation)
        assert BulkOperation.objects.get().status == BulkStatus.CANCELLED
        assert LogEntry.objects.get().object_id == str(operation.pk)

    def test_needs_the_token(self, durable: DurableDriver, operator: User):
        operation = ask(operator)

        answer = log_in(operator, enforce_csrf_checks=True).post(url_of(operation))

        assert answer.status_code == 403
        assert BulkOperation.objects.get().status == BulkStatus.PENDING

    def test_what_is_over_changes_nothing_and_logs_nothing(
        self, durable: DurableDriver, operator: User
    ):
        operation = ask(operator)
        durable.drain()

        answer = log_in(operator).post(url_of(operation))

        assert answer.status_code == 302
        assert BulkOperation.objects.get().status == BulkStatus.COMPLETED
        assert not LogEntry.objects.exists()


class TestProgress:
    def test_counts_what_no_longer_matched(self):
        row = BulkOperation(status=BulkStatus.COMPLETED.value, total=10, succeeded=6, refused=1)

        assert (Progress(row).handled, Progress(row).gone) == (7, 3)

    def test_does_not_where_the_total_was_not_counted_out(self):
        row = BulkOperation(status=BulkStatus.COMPLETED.value, total=MAX_TOTAL, succeeded=6)

        assert Progress(row).gone == 0

    def test_tells_how_many_refusals_are_not_listed(self):
        row = BulkOperation(refused=52, refusals=[{"id": "x", "detail": ""}] * 50)

        assert Progress(row).more_refusals == 2
