from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from durable_django.admin.list import capped_count
from durable_django.admin.list.filters import choice_of
from durable_django.control.figures import bounded
from durable_django.control.figures.bounded import first_id_at
from durable_django.control.finding.criteria import Criteria
from durable_django.domain.identifiers import workflow_id
from durable_django.domain.status import ExecutionStatus
from durable_django.models import StepCheckpoint, WorkflowExecution
from durable_django.testing import make_error

pytestmark = pytest.mark.django_db
LIST = "/admin/durable_django/workflowexecution/"
SCRIPT = "<script>alert(1)</script>"
SECRET = "sk_live_51HcanaryCANARYcanary"
#: Session, user, counts, ids of the page, its rows, their attempts.
LIST_QUERIES = 6
#: Of who completes tasks: their groups, and how many tasks there are for them.
INBOX_QUERIES = 2
#: And which permissions the user has, of their own and by their groups.
PERMISSION_QUERIES = 2


@pytest.fixture
def staff(client: Client) -> Client:
    # Its query would belong to whichever test comes first.
    ContentType.objects.get_for_model(WorkflowExecution)
    client.force_login(User.objects.create_superuser("root"))
    return client


def insert(ago: timedelta = timedelta(minutes=5), **fields: Any) -> WorkflowExecution:
    created = timezone.now() - ago
    # Its place among others of the same millisecond does not matter here, but it must be its own.
    id_ = UUID(int=first_id_at(created).int + WorkflowExecution.objects.count())
    facts: dict[str, Any] = {
        "id": id_,
        "workflow_name": "shop.order",
        "workflow_version": 1,
        "created_at": created,
        "updated_at": created,
        **fields,
    }
    facts["workflow_id"] = workflow_id(facts["workflow_name"], facts["workflow_version"])
    if facts.get("wake_at"):
        facts["order_at"] = facts["wake_at"]
    return WorkflowExecution.objects.create(**facts)


def attempt(execution: WorkflowExecution, key: str, number: int = 1, **fields: Any) -> None:
    facts = {"name": key, "position": 1, "kind": "step", "status": "completed", **fields}
    StepCheckpoint.objects.create(execution=execution, key=key, attempt=number, **facts)


def shown(page: str) -> str:
    """Return the text of the table's body, without its markup."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


def but_of_tasks(queries: Any) -> list[dict[str, str]]:
    """Leave out what the link to the inbox asks."""
    return [q for q in queries if "durable_django_humantask" not in q["sql"]]


def keys_of(response: Any) -> list[str]:
    return [row.key for row in response.context["cl"].result_list]


class TestQueries:
    @pytest.mark.parametrize("rows", [1, 100], ids=["one row", "two pages"])
    def test_their_number_does_not_grow_with_the_rows(self, staff: Client, rows: int):
        for number in range(rows):
            execution = insert(status="failed", error=make_error().to_text())
            attempt(execution, f"step{number}")

        with CaptureQueriesContext(connection) as queries:
            response = staff.get(LIST)

        assert response.status_code == 200
        assert len(response.context["cl"].result_list) == min(rows, 50)
        assert len(queries) == LIST_QUERIES + INBOX_QUERIES

    def test_looking_as_an_ordinary_user_adds_only_the_permissions(self, client: Client):
        insert()
        client.force_login(make_viewer())

        with CaptureQueriesContext(connection) as queries:
            client.get(LIST)

        assert len(queries) == LIST_QUERIES + PERMISSION_QUERIES

    def test_nothing_is_counted_beyond_the_cap(self, staff: Client):
        insert()

        with CaptureQueriesContext(connection) as queries:
            staff.get(LIST, {"status__exact": "pending"})

        counting = [q["sql"] for q in but_of_tasks(queries) if "COUNT(" in q["sql"]]
        assert len(counting) == 2  # the figures; the attempts of the page's rows
        figures = counting[0]
        assert figures.count("COUNT(") == len(ExecutionStatus) + 1
        assert figures.count(f"LIMIT {bounded.MAX_COUNTED + 1}") == figures.count("COUNT(")

    def test_no_payload_is_read_and_of_the_error_only_the_beginning(self, staff: Client):
        insert()

        with CaptureQueriesContext(connection) as queries:
            staff.get(LIST)

        ours = [q["sql"] for q in queries if "durable_django_workflowexecution" in q["sql"]]
        assert not [sql for sql in ours if re.search(r"\W(input|output)\W", sql)]
        errors = [found for sql in ours for found in re.findall(r"\w*\(?\S*\berror\b\S*", sql)]
        assert errors
        assert all("SUBSTR" in found for found in errors)

    def test_no_query_is_made_for_a_search_that_is_not_understood(self, staff: Client):
        with CaptureQueriesContext(connection) as queries:
            staff.get(LIST, {"q": "status:bogus"})

        assert not [q for q in but_of_tasks(queries) if "durable_django" in q["sql"]]


class TestFiguresAndPages:
    def test_count_stops_at_the_cap_and_says_so(
        self, staff: Client, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(capped_count, "MAX_COUNTED", 2)
        for _ in range(5):
            insert(status="failed")

        response = staff.get(LIST)

        assert response.context["cl"].paginator.count == 3
        assert "2+ executions" in response.text
        assert "<b>2+</b> failed" in response.text

    def test_count_below_the_cap_is_exact(self):
        capped, exact = capped_count.CappedCount.of(10_001), capped_count.CappedCount.of(1234)

        assert (str(capped), capped.is_capped) == ("10,000+", True)
        assert (str(exact), exact.is_capped) == ("1,234", False)

    def test_figures_are_those_of_the_period_and_lead_to_their_list(self, staff: Client):
        for status in ("failed", "failed", "completed"):
            insert(status=status)
        insert(timedelta(days=8), status="failed")

        page = staff.get(LIST).text

        assert f'href="?period=7d&amp;{"status__exact"}=failed"' in page
        assert re.search(r"<b>2</b> failed", page)
        assert re.search(r"<b>1</b> completed", page)
        assert re.search(r"<b>0</b> parked", page)
        assert "3 executions" in page

    def test_second_page_goes_on_where_the_first_ended(self, staff: Client):
        for number in range(60):
            insert(timedelta(minutes=number), key=f"k{number:02}")

        first, second = staff.get(LIST), staff.get(LIST, {"p": 2})

        assert keys_of(first) + keys_of(second) == [f"k{number:02}" for number in range(60)]


class TestPeriod:
    @pytest.fixture(autouse=True)
    def rows(self) -> None:
        for name, ago in (
            ("now", timedelta(minutes=1)),
            ("hour", timedelta(minutes=50)),
            ("day", timedelta(hours=20)),
            ("week", timedelta(days=6)),
            ("old", timedelta(days=400)),
        ):
            insert(ago, key=name, subject=f"app.model:{name}")

    @pytest.mark.parametrize(
        ("chosen", "keys"),
        [
            ("15m", ["now"]),
            ("1h", ["now", "hour"]),
            ("24h", ["now", "hour", "day"]),
            ("30d", ["now", "hour", "day", "week"]),
            ("all", ["now", "hour", "day", "week", "old"]),
        ],
    )
    def test_list_looks_as_far_back_as_was_chosen(
        self, staff: Client, chosen: str, keys: list[str]
    ):
        assert keys_of(staff.get(LIST, {"period": chosen})) == keys

    def test_it_is_a_week_unless_chosen_and_the_page_says_so(self, staff: Client):
        response = staff.get(LIST)

        assert keys_of(response) == ["now", "hour", "day", "week"]
        assert "Last 7 days" in response.text
        assert 'href="?period=all">show all' in response.text

    def test_default_is_a_setting(self, staff: Client, settings: Any):
        settings.DURABLE = {"ADMIN_DEFAULT_PERIOD_DAYS": 1}

        assert keys_of(staff.get(LIST)) == ["now", "hour", "day"]

    def test_default_may_be_for_ever(self, staff: Client, settings: Any):
        settings.DURABLE = {"ADMIN_DEFAULT_PERIOD_DAYS": 0}

        assert len(keys_of(staff.get(LIST))) == 5

    @pytest.mark.parametrize("search", ["key:old", "old", "object:app.model:old"])
    def test_what_is_asked_for_by_name_is_found_however_old(self, staff: Client, search: str):
        assert keys_of(staff.get(LIST, {"q": search})) == ["old"]

    def test_a_search_that_says_since_when_is_not_cut_short(self, staff: Client):
        long_ago = (timezone.now() - timedelta(days=500)).strftime("%Y-%m-%d")

        assert len(keys_of(staff.get(LIST, {"q": f"after:{long_ago}"}))) == 5

    def test_an_empty_list_offers_to_look_further_back(self, staff: Client):
        page = staff.get(LIST, {"status__exact": "parked"}).text

        assert "No such execution in the last 7 days." in page
        assert 'href="?period=all&amp;status__exact=parked">Look at all time' in page

    @pytest.mark.parametrize("nonsense", ["7", "0d", "99999d", "-1h", "d", "٣d", "week"])
    def test_a_period_that_is_none_shows_nothing_and_says_why(self, staff: Client, nonsense: str):
        response = staff.get(LIST, {"period": nonsense})

        assert keys_of(response) == []
        assert "Period: It is a number" in response.text


class TestSearchAndFilters:
    def test_qualifiers_and_filters_narrow_together(self, staff: Client):
        insert(key="a", status="failed", workflow_name="shop.order", queue="mail")
        insert(key="b", status="failed", workflow_name="shop.order")
        insert(key="c", status="failed", workflow_name="hr.onboard", queue="mail")
        insert(key="d", status="running", workflow_name="shop.order", queue="mail")

        response = staff.get(
            LIST, {"q": "queue:mail workflow:shop.", "status__exact": "failed", "period": "1h"}
        )

        assert keys_of(response) == ["a"]

    def test_children_and_those_without_a_parent_are_filters(self, staff: Client):
        parent = insert(key="root")
        insert(key="child", parent_id=parent.pk, parent_key="pay", depth=1)

        assert keys_of(staff.get(LIST, {"family": "root"})) == ["root"]
        assert keys_of(staff.get(LIST, {"family": "child"})) == ["child"]
        assert keys_of(staff.get(LIST, {"q": f"parent:{parent.pk}"})) == ["child"]
        assert keys_of(staff.get(LIST, {"q": "is:root"})) == ["root"]

    def test_a_child_is_marked_with_its_call(self, staff: Client):
        parent = insert()
        insert(parent_id=parent.pk, parent_key="<i>pay</i>", depth=1)

        page = staff.get(LIST).text

        assert page.count("↳") == 1
        assert "child, called &lt;i&gt;pay&lt;/i&gt;" in page

    def test_workflow_and_version_are_filters(self, staff: Client):
        insert(key="v1")
        insert(key="v2", workflow_version=2)
        chosen = {"workflow_name__exact": "shop.order", "workflow_version__exact": "2"}

        assert keys_of(staff.get(LIST, chosen)) == ["v2"]

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"q": "status:bogus"}, "is none of: pending"),
            ({"q": "colour:red"}, "There is no such qualifier"),
            ({"q": 'key:"a'}, "not closed"),
            ({"q": "x" * 201}, "at most 200 characters"),
            ({"q": "a\x00b"}, "printable"),
            ({"q": "status:failed", "status__exact": "parked"}, "None is both failed and parked"),
            ({"status__exact": "bogus"}, "is none of: pending"),
            ({"workflow_version__exact": "x"}, "whole number"),
            ({"family": "uncle"}, "root or child"),
            ({"family": "root", "q": "is:child"}, "both"),
        ],
        ids=ascii,
    )
    def test_what_is_not_understood_shows_nothing_and_says_why(
        self, staff: Client, parameters: dict[str, str], message: str
    ):
        insert()

        response = staff.get(LIST, parameters)

        assert response.status_code == 200
        assert keys_of(response) == []
        assert message in next(str(one) for one in response.context["messages"])
        assert "the search was not understood" in response.text

    @pytest.mark.parametrize(
        "lookup",
        [
            "input__contains",
            "output__startswith",
            "error__regex",
            "checkpoints__output__contains",
            "signals__payload__contains",
            "lease_owner",
            "input",
        ],
    )
    def test_no_other_column_can_be_asked_after(self, staff: Client, lookup: str):
        insert(input='{"card": 4242}')

        assert staff.get(LIST, {lookup: "4"}).status_code == 400

    def test_order_of_other_columns_is_not_for_the_asking(self, staff: Client):
        with CaptureQueriesContext(connection) as queries:
            response = staff.get(LIST, {"o": "2.-4.5"})

        assert response.status_code == 200
        ordered = [q["sql"] for q in queries if "ORDER BY" in q["sql"]]
        assert ordered
        assert all(re.search(r"ORDER BY \S+\Wid\W? DESC( LIMIT|$)", sql) for sql in ordered)

    def test_filters_offer_what_is_registered_and_what_is_chosen(self, staff: Client):
        page = staff.get(LIST, {"workflow_name__exact": "of.the.past"}).text

        assert "testapp.ledger" in page
        assert "of.the.past" in page

    def test_list_can_be_had_as_criteria(self, staff: Client):
        response = staff.get(LIST, {"q": "queue:mail", "status__exact": "failed"})

        criteria = choice_of(response.wsgi_request).to_criteria()

        week_ago = timezone.now() - timedelta(days=7)
        assert criteria.created_after is not None
        assert abs(criteria.created_after - week_ago) < timedelta(minutes=1)
        assert criteria == Criteria(
            queue="mail",
            statuses=(ExecutionStatus.FAILED,),
            created_after=criteria.created_after,
        )


class TestRows:
    def test_row_names_id_workflow_version_status_and_key(self, staff: Client):
        execution = insert(key="order-991", status="completed")

        page = staff.get(LIST).text

        assert f"{LIST}{execution.pk}/change/" in page
        assert str(execution.pk)[-12:] in shown(page)
        assert "shop.order v1" in shown(page)
        assert "Completed order-991" in shown(page)

    def test_waiting_for_a_signal_says_which_and_until_when(self, staff: Client):
        until = timezone.now() + timedelta(days=3)
        insert(status="suspended", waiting_kind="signal", waiting_for="paid", wake_at=until)

        row = shown(staff.get(LIST).text)

        assert f"signal paid until {until.day} {until:%b %H:%M}" in row

    def test_waiting_for_a_signal_may_be_for_ever(self, staff: Client):
        insert(status="suspended", waiting_kind="signal", waiting_for="paid")

        assert "signal paid for ever" in shown(staff.get(LIST).text)

    def test_a_retry_says_what_failed_how_often_and_when_it_goes_on(self, staff: Client):
        soon = timezone.now() + timedelta(seconds=50, milliseconds=900)
        execution = insert(
            status="suspended", waiting_kind="retry", waiting_for="charge", wake_at=soon
        )
        for number in (1, 2):
            attempt(execution, "charge", number, status="failed")

        row = shown(staff.get(LIST).text)

        assert "Retrying" in row
        assert re.search(r"charge attempt 2 failed next in \d\d s", row)
        assert "2 1 again" in row

    def test_a_running_one_says_its_step_and_its_progress(self, staff: Client):
        lease = timezone.now() + timedelta(minutes=1)
        execution = insert(status="running", wake_at=lease, progress={"done": 48, "total": 100})
        attempt(execution, "reserve")
        attempt(execution, "charge", 3, status="intent")

        row = shown(staff.get(LIST).text)

        assert "charge attempt 3 48 of 100" in row

    def test_one_that_was_lost_with_its_worker_is_not_said_to_run(self, staff: Client):
        insert(status="running", wake_at=timezone.now() - timedelta(seconds=1))

        assert "lost with its worker" in shown(staff.get(LIST).text)

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({}, "waits for a worker"),
            ({"status": "paused"}, "until somebody resumes it"),
            ({"status": "parked", "park_reason": "nondeterminism"}, "its code changed under it"),
            ({"status": "cancelled", "cancel_reason": "customer withdrew"}, "customer withdrew"),
            ({"status": "compensating", "ending": "cancelled"}, "because it was cancelled"),
            (
                {"status": "suspended", "waiting_kind": "deferred", "waiting_for": "~unknown"},
                "no worker knows shop.order v1",
            ),
            *(
                ({"status": "suspended", "waiting_kind": kind, "waiting_for": name}, said)
                for kind, name, said in [
                    ("child", "pay", "child pay"),
                    ("map", "load", "items of load"),
                    ("event", "~event/off/1f", "event off"),
                    ("poll", "arrived", "check arrived"),
                    ("task", "approve", "task approve"),
                    ("several", "|signal:a||timer:b|", "several things"),
                ]
            ),
        ],
        ids=[
            *("pending", "paused", "parked", "cancelled", "compensating", "deferred"),
            *("child", "map", "event", "poll", "task", "several"),
        ],
    )
    def test_every_other_state_says_why_it_is_there(
        self, staff: Client, fields: dict[str, Any], said: str
    ):
        insert(**fields)

        assert said in shown(staff.get(LIST).text)

    def test_a_request_that_has_not_taken_effect_is_told(self, staff: Client):
        insert(status="running", cancel_requested_at=timezone.now())

        assert "cancel requested" in shown(staff.get(LIST).text)

    def test_a_failed_one_says_step_class_and_message(self, staff: Client):
        insert(status="failed", error=make_error(call="charge").to_text())

        assert "charge CardDeclined: The card was declined." in shown(staff.get(LIST).text)

    def test_a_huge_error_is_cut_and_still_read(self, staff: Client):
        error = make_error(message="é" * 1000, traceback="x" * 16_000, call="charge")
        insert(status="failed", error=error.to_text())

        row = shown(staff.get(LIST).text)

        assert "CardDeclined: ééé" in row
        assert "é" * 200 not in row

    def test_secrets_in_messages_are_hidden(self, staff: Client):
        error = make_error(message=f"refused: token={SECRET}")
        insert(status="failed", error=error.to_text())
        insert(status="cancelled", cancel_reason=f"password={SECRET}")

        page = staff.get(LIST).text

        assert SECRET not in page
        assert "refused: token=•••" in page

    def test_everything_is_escaped(self, staff: Client):
        hostile = {"key": SCRIPT, "workflow_name": SCRIPT}
        failed = insert(
            status="failed",
            error=make_error(type=SCRIPT, message=SCRIPT, call=SCRIPT).to_text(),
            **hostile,
        )
        attempt(failed, SCRIPT)
        insert(status="parked", park_reason="poison", error=SCRIPT)
        insert(status="cancelled", cancel_reason=SCRIPT)
        waiting = insert(status="suspended", waiting_kind="retry", waiting_for=SCRIPT)
        attempt(waiting, SCRIPT, status="failed")
        running = insert(status="running", progress={"done": 1, "total": 2, "message": SCRIPT})
        attempt(running, SCRIPT, status="intent")

        pages = [
            staff.get(LIST).text,
            staff.get(LIST, {"q": SCRIPT}).text,
            staff.get(LIST, {"q": f"status:{SCRIPT}"}).text,
            staff.get(LIST, {"workflow_name__exact": SCRIPT}).text,
            staff.get(LIST, {"workflow_version__exact": SCRIPT}).text,
            staff.get(LIST, {"period": SCRIPT}).text,
        ]

        assert all(SCRIPT not in page for page in pages)
        assert pages[0].count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 7

    def test_no_markup_needs_more_than_the_strictest_policy(self, staff: Client):
        insert(key="a")

        page = staff.get(LIST).text

        assert not re.search(r"\sstyle=|<style|\son\w+=|<script>", page)

    def test_instants_say_exactly_when(self, staff: Client):
        execution = insert()

        page = staff.get(LIST).text

        assert f'<time datetime="{execution.created_at:%Y-%m-%dT%H:%M:%S}+00:00"' in page
        assert ">5 min ago</time>" in page


class TestRights:
    @pytest.mark.parametrize(("granted", "status"), [(False, 403), (True, 200)])
    def test_staff_see_the_list_only_if_they_may_view(
        self, client: Client, *, granted: bool, status: int
    ):
        insert()
        user = make_viewer() if granted else User.objects.create_user("clerk", is_staff=True)
        client.force_login(user)

        assert client.get(LIST).status_code == status

    def test_strangers_are_asked_to_log_in(self, client: Client):
        assert client.get(LIST).status_code == 302

    def test_what_is_out_of_scope_is_neither_listed_nor_counted_nor_found(
        self, staff: Client, settings: Any
    ):
        settings.DURABLE = {"SCOPE": f"{__name__}.only_ours"}
        insert(key="theirs", queue="theirs", status="failed")
        insert(key="ours", queue="ours", status="failed")

        response = staff.get(LIST)
        searched = staff.get(LIST, {"q": "theirs"})

        assert keys_of(response) == ["ours"]
        assert re.search(r"<b>1</b> failed", response.text)
        assert keys_of(searched) == []

    def test_links_to_other_pages_are_for_those_who_may_go_there(self, client: Client):
        client.force_login(make_viewer())
        viewer = client.get(LIST).context["durable_tools"]
        client.force_login(User.objects.create_superuser("root"))
        root = client.get(LIST).context["durable_tools"]

        assert [str(tool.label) for tool in viewer] == ["Workflows", "Health"]
        assert [str(tool.label) for tool in root][2:] == [
            "Bulk operations",
            "Start a workflow",
            "Task inbox (0)",
        ]


def only_ours(user: User, rows: QuerySet[WorkflowExecution]) -> QuerySet[WorkflowExecution]:
    return rows.filter(queue="ours")


def make_viewer() -> User:
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_workflowexecution"))
    return user
