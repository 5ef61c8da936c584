from __future__ import annotations

import gzip
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

import durable_django
from durable_django import WorkflowContext, client, workflow
from durable_django.admin.page.live import FINAL_HEADER
from durable_django.admin.page.look import Tab
from durable_django.models import WorkflowExecution
from durable_django.testing import DurableDriver

pytestmark = pytest.mark.django_db
PAGES = "/admin/durable_django/workflowexecution/"
#: Session, user, execution, version, children. The driver's clock is no query.
QUERIES_OF_304 = 5


@workflow(name="live.order")
def order(ctx: WorkflowContext) -> None:
    ctx.step("charge", lambda: "done")
    ctx.wait_signal("packed")


@pytest.fixture
def staff(client: Client) -> Client:
    # Its query would belong to whichever test comes first.
    ContentType.objects.get_for_model(WorkflowExecution)
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def waiting(durable: DurableDriver) -> UUID:
    return durable.start(order).id


def url_of(execution_id: UUID, tab: str = "timeline") -> str:
    return f"{PAGES}{execution_id}/live/?tab={tab}"


def ask(browser: Client, execution_id: UUID, tag: str = "", tab: str = "timeline") -> int:
    """Return the status of the answer to who has `tag`."""
    return browser.get(url_of(execution_id, tab), headers={"If-None-Match": tag}).status_code


def tag_of(browser: Client, execution_id: UUID, tab: str = "timeline") -> str:
    return str(browser.get(url_of(execution_id, tab))["ETag"])


@pytest.mark.parametrize("tab", list(Tab))
def test_fragment_is_what_the_page_holds(staff: Client, waiting: UUID, tab: Tab):
    fragment = staff.get(url_of(waiting, tab)).text.strip()
    page = staff.get(f"{PAGES}{waiting}/change/?tab={tab}").text

    assert fragment.startswith('<div id="dw-live"')
    assert fragment in page


def test_page_carries_the_tag_and_where_to_ask(staff: Client, waiting: UUID, settings: Any):
    settings.DURABLE = {"ADMIN_POLL_SECONDS": 7}

    page = staff.get(f"{PAGES}{waiting}/change/?tab=steps").text

    url, seconds, tag = re.findall(r'data-(?:url|seconds|tag)="([^"]*)"', page)
    assert url == url_of(waiting, "steps")
    assert seconds == "7.0"
    assert ask(staff, waiting, tag.replace("&quot;", '"'), "steps") == 304


def test_tag_is_a_strong_one(staff: Client, waiting: UUID):
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag_of(staff, waiting))


def test_nothing_new_costs_five_queries_and_no_content(staff: Client, waiting: UUID):
    tag = tag_of(staff, waiting)

    with CaptureQueriesContext(connection) as queries:
        answer = staff.get(url_of(waiting), headers={"If-None-Match": tag})

    assert answer.status_code == 304
    assert answer.content == b""
    assert answer["ETag"] == tag
    assert len(queries) == QUERIES_OF_304


def test_several_tags_and_any_tag_are_understood(staff: Client, waiting: UUID):
    tag = tag_of(staff, waiting)

    assert ask(staff, waiting, f'"other", {tag}') == 304
    assert ask(staff, waiting, f"W/{tag}") == 200
    assert ask(staff, waiting, "nonsense") == 200


def test_change_is_news(durable: DurableDriver, staff: Client, waiting: UUID):
    tag = tag_of(staff, waiting)

    client.signal(waiting, "another")

    assert ask(staff, waiting, tag) == 200


def test_minute_that_passes_is_news_while_it_lives(
    durable: DurableDriver, staff: Client, waiting: UUID
):
    tag = tag_of(staff, waiting)

    durable.clock.advance(timedelta(minutes=1))

    assert ask(staff, waiting, tag) == 200


def test_minute_that_passes_is_no_news_after_the_end(
    durable: DurableDriver, staff: Client, waiting: UUID
):
    durable.cancel(waiting)
    tag = tag_of(staff, waiting)

    durable.clock.advance(timedelta(days=1))

    assert ask(staff, waiting, tag) == 304


def test_other_tab_page_or_language_has_another_tag(staff: Client, waiting: UUID):
    tag = tag_of(staff, waiting, "steps")

    others = [
        staff.get(url_of(waiting, "timers"), headers={"If-None-Match": tag}),
        staff.get(f"{url_of(waiting, 'steps')}&page=2", headers={"If-None-Match": tag}),
    ]

    assert {answer.status_code for answer in others} == {200}


def test_what_one_user_has_is_not_what_another_may_see(client: Client, waiting: UUID):
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_workflowexecution"))
    client.force_login(user)
    tag = tag_of(client, waiting)
    user.user_permissions.add(Permission.objects.get(codename="view_payloads"))

    assert ask(client, waiting, tag) == 200


def test_end_is_final(durable: DurableDriver, staff: Client, waiting: UUID):
    before = staff.get(url_of(waiting))
    durable.signal(waiting, "packed")

    after = staff.get(url_of(waiting))
    unchanged = staff.get(url_of(waiting), headers={"If-None-Match": after["ETag"]})

    assert FINAL_HEADER not in before
    assert after[FINAL_HEADER] == "1"
    assert unchanged.status_code == 304
    assert unchanged[FINAL_HEADER] == "1"


def test_page_of_an_ended_execution_does_not_poll(
    durable: DurableDriver, staff: Client, waiting: UUID
):
    durable.signal(waiting, "packed")

    page = staff.get(f"{PAGES}{waiting}/change/").text

    assert "data-url" not in page
    assert "Refreshes itself" not in page


def test_status_is_told_to_screen_readers_apart(staff: Client, waiting: UUID):
    text = staff.get(url_of(waiting)).text

    told = re.findall(r'role="status" aria-live="polite">([^<]*)<', text)
    assert told == ["Status: Waiting"]
    assert text.count("aria-live") == 1


def test_script_is_deferred_and_small(staff: Client, waiting: UUID):
    page = staff.get(f"{PAGES}{waiting}/change/").text

    [tag] = re.findall(r"<script[^>]*live\.js[^>]*>", page)
    script = Path(durable_django.__file__).parent / "static/durable_django/live.js"
    assert " defer" in tag
    assert len(gzip.compress(script.read_bytes())) < 1024
