from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.signals import pre_save
from django.test import override_settings

from durable_django import RetryPolicy, WorkflowContext, client, workflow
from durable_django.control.actions import PERMISSION_OF, Action
from durable_django.control.bulk import BULK_WORKFLOW
from durable_django.control.permissions import Permission
from durable_django.domain.event import CODE, Actor, ActorKind
from durable_django.models import (
    BulkOperation,
    ExecutionEvent,
    StepCheckpoint,
    WorkflowExecution,
)
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import make_new_execution
from durable_django.testing.driver import DurableDriver
from tests.admin.acting import (
    LIST,
    SCRIPT,
    act_url,
    failing,
    find_inline,
    log_in,
    make_user,
    order,
    page_url,
    snapshot,
)

pytestmark = pytest.mark.django_db
BOB = Actor(kind=ActorKind.USER, id="7", name="bob")
#: The clock of the tests is not the one by which the list says "last 7 days".
EVER = "?period=all"
#: What each act's form needs besides a reason.
FIELDS: dict[str, dict[str, Any]] = {
    "cancel": {"how": "compensate"},
    "terminate": {"how": "terminate"},
    "pause": {},
    "resume": {},
    "retry": {},
    "fork": {"from_step": "", "version": "1", "input": '{"number": 1, "password": "•••"}'},
    "signal": {"name": "paid", "payload": '{"amount": 5}', "dedupe_key": ""},
    "fire_timer": {"timer": "cooling"},
}


@workflow(name="acts.sleepy")
def sleepy(ctx: WorkflowContext) -> str:
    ctx.sleep("cooling", timedelta(days=3))
    return "awake"


@workflow(name="acts.patient")
def patient(ctx: WorkflowContext) -> Any:
    return ctx.wait_signal("paid", timeout=timedelta(days=1), default="late")


@workflow(name="acts.retrying")
def retrying(ctx: WorkflowContext) -> None:
    ctx.step("flaky", _fail, retry=RetryPolicy.fixed(3, timedelta(hours=1)))


def _fail() -> None:
    raise OSError("away")


def start_in(durable: DurableDriver, state: str) -> Any:
    """Return an execution in a state, by the state's name."""
    if state in ("failed", "sleeping"):
        return durable.start({"failed": failing, "sleeping": sleepy}[state])
    if state == "pending":
        return order.options(start_at=durable.clock.now() + timedelta(hours=1)).start()
    execution = durable.start(order)
    if state == "paused":
        durable.pause(execution)
    if state == "cancelled":
        durable.cancel(execution)
    if state == "completed":
        durable.signal(execution, "paid")
    return execution


ALLOWED = {
    "pending": {"cancel", "terminate", "pause", "fork", "signal"},
    "waiting": {"cancel", "terminate", "pause", "fork", "signal"},
    "sleeping": {"cancel", "terminate", "pause", "fork", "signal", "fire_timer"},
    "paused": {"cancel", "terminate", "resume", "fork", "signal"},
    "failed": {"retry", "fork"},
    "completed": {"fork"},
    "cancelled": {"fork"},
}
MATRIX = [(state, act, act in acts) for state, acts in ALLOWED.items() for act in FIELDS]


@pytest.fixture
def operator() -> User:
    return make_user(*Permission)


def nothing(user: Any, rows: Any) -> Any:
    return rows.none()


@pytest.fixture
def empty_scope(settings: Any) -> None:
    settings.DURABLE = {"SCOPE": f"{__name__}.nothing"}


def post(
    user: User, execution: Any, act: str, reason: str = "customer asked", **fields: Any
) -> Any:
    data = {**FIELDS[act], "reason": reason, **fields}
    return log_in(user).post(act_url(execution.id, act), data)


@contextmanager
def failing_log() -> Iterator[None]:
    """Have the database refuse the admin's log, as a full disk would."""

    def refuse(**_: Any) -> None:
        raise OSError("disk full")

    pre_save.connect(refuse, sender=LogEntry)
    try:
        yield
    finally:
        pre_save.disconnect(refuse, sender=LogEntry)


class TestStates:
    @pytest.mark.parametrize(("state", "act", "may"), MATRIX)
    def test_acts_where_the_state_allows_it_and_says_why_not_elsewhere(
        self, durable: DurableDriver, operator: User, state: str, act: str, *, may: bool
    ):
        execution = start_in(durable, state)
        fields = {"input": "{}"} if state in ("failed", "sleeping") and act == "fork" else {}
        before = snapshot()

        shown = log_in(operator).get(act_url(execution.id, act))
        unchanged = snapshot()
        done = post(operator, execution, act, **fields)

        assert shown.status_code == (200 if may else 409)
        assert unchanged == before
        assert done.status_code == (302 if may else 409), done.text
        assert (snapshot() != before) is may
        assert LogEntry.objects.count() == int(may)
        if not may:
            assert "Nothing was changed" in done.text
            assert done.text.count("dw-badge") >= 1

    @pytest.mark.parametrize("act", FIELDS)
    def test_each_page_has_nothing_inline_and_one_heading(
        self, durable: DurableDriver, operator: User, act: str
    ):
        state = {"resume": "paused", "retry": "failed", "fire_timer": "sleeping"}.get(
            act, "waiting"
        )
        execution = start_in(durable, state)

        page = log_in(operator).get(act_url(execution.id, act)).text

        assert find_inline(page) == []
        assert page.count("<h1") == 1
        assert "csrfmiddlewaretoken" in page


class TestPermissions:
    @pytest.mark.parametrize("act", FIELDS)
    def test_lacking_one_is_refused_whatever_the_state(self, durable: DurableDriver, act: str):
        execution = start_in(durable, "waiting")
        own = PERMISSION_OF[Action(act)]
        # Either of the two opens the page that offers both.
        shut = (
            {Permission.CANCEL, Permission.TERMINATE} if act in ("cancel", "terminate") else {own}
        )
        user = make_user(*(set(Permission) - shut))
        before = snapshot()

        answers = [log_in(user).get(act_url(execution.id, act)), post(user, execution, act)]

        assert [answer.status_code for answer in answers] == [403, 403]
        assert snapshot() == before
        assert not LogEntry.objects.exists()

    @pytest.mark.parametrize("act", FIELDS)
    def test_who_may_not_view_may_not_act(self, durable: DurableDriver, act: str):
        execution = start_in(durable, "waiting")
        user = make_user(*(one for one in Permission if one is not Permission.VIEW))

        assert post(user, execution, act).status_code == 403

    def test_anonymous_is_sent_to_the_login(self, durable: DurableDriver, client: Any):
        execution = start_in(durable, "waiting")

        answer = client.post(act_url(execution.id, "cancel"), FIELDS["cancel"])

        assert answer.status_code == 302
        assert "/login/" in answer.url

    @pytest.mark.parametrize(
        ("mine", "other"),
        [(Permission.CANCEL, "terminate"), (Permission.TERMINATE, "compensate")],
    )
    def test_the_other_way_to_cancel_needs_its_own(
        self, durable: DurableDriver, mine: Permission, other: str
    ):
        execution = start_in(durable, "waiting")
        user = make_user(Permission.VIEW, mine)

        page = log_in(user).get(act_url(execution.id, "cancel")).text
        answer = post(user, execution, "cancel", how=other)

        assert f'value="{other}"' not in page
        assert answer.status_code == 200
        assert "not one of the available choices" in answer.text
        assert execution.refresh().execution.cancel_requested_at is None

    @pytest.mark.usefixtures("empty_scope")
    @pytest.mark.parametrize("act", FIELDS)
    def test_out_of_scope_is_not_there(self, durable: DurableDriver, operator: User, act: str):
        execution = start_in(durable, "waiting")

        assert log_in(operator).get(act_url(execution.id, act)).status_code == 404
        assert post(operator, execution, act).status_code == 404

    def test_unknown_executions_and_acts_are_not_there(
        self, durable: DurableDriver, operator: User
    ):
        execution = start_in(durable, "waiting")
        browser = log_in(operator)

        assert browser.get(act_url(uuid4(), "cancel")).status_code == 404
        assert browser.get(act_url(execution.id, "start")).status_code == 404
        assert browser.get(act_url(execution.id, "explode")).status_code == 404


class TestMethods:
    @pytest.mark.parametrize("act", FIELDS)
    def test_a_post_without_the_token_is_refused(
        self, durable: DurableDriver, operator: User, act: str
    ):
        execution = start_in(durable, "waiting")
        browser = log_in(operator, enforce_csrf_checks=True)
        before = snapshot()

        answer = browser.post(act_url(execution.id, act), FIELDS[act])

        assert answer.status_code == 403
        assert snapshot() == before

    @pytest.mark.parametrize("method", ["get", "head", "put", "delete", "patch"])
    def test_only_a_post_acts(self, durable: DurableDriver, operator: User, method: str):
        execution = start_in(durable, "waiting")
        before = snapshot()

        url = act_url(execution.id, "cancel")
        answer = getattr(log_in(operator), method)(url, FIELDS["cancel"] | {"reason": "x"})

        assert answer.status_code == (200 if method in ("get", "head") else 405)
        assert snapshot() == before


class TestAudit:
    @pytest.mark.parametrize("act", FIELDS)
    def test_log_and_event_are_both_written(self, durable: DurableDriver, operator: User, act: str):
        state = {"resume": "paused", "retry": "failed", "fire_timer": "sleeping"}.get(
            act, "waiting"
        )
        execution = start_in(durable, state)
        former = set(ExecutionEvent.objects.values_list("pk", flat=True))

        post(operator, execution, act)

        entry = LogEntry.objects.get()
        events = ExecutionEvent.objects.filter(execution_id=execution.id).exclude(pk__in=former)
        assert (entry.user, entry.object_id) == (operator, str(execution.id))
        assert "customer asked" in entry.change_message
        assert events.get().actor_name == "alice"
        if act != "signal":
            assert events.get().reason == "customer asked"

    @pytest.mark.parametrize("act", FIELDS)
    def test_if_the_log_cannot_be_written_nothing_happens(
        self, durable: DurableDriver, operator: User, act: str
    ):
        state = {"resume": "paused", "retry": "failed", "fire_timer": "sleeping"}.get(
            act, "waiting"
        )
        execution = start_in(durable, state)
        before = snapshot()

        with failing_log(), pytest.raises(OSError, match="disk full"):
            post(operator, execution, act)

        assert snapshot() == before
        assert not LogEntry.objects.exists()

    def test_a_reason_longer_than_500_is_the_fields_error(
        self, durable: DurableDriver, operator: User
    ):
        execution = start_in(durable, "waiting")

        answer = post(operator, execution, "pause", reason="x" * 501)

        assert answer.status_code == 200
        assert "at most 500 characters" in answer.text
        assert execution.refresh().status == "suspended"

    def test_success_names_the_thing_and_leads_to_it(self, durable: DurableDriver, operator: User):
        execution = durable.start(order.options(key="order-991"))
        browser = log_in(operator)

        answer = browser.post(act_url(execution.id, "pause"), {"reason": ""}, follow=True)

        assert answer.redirect_chain == [(page_url(execution.id), 302)]
        assert "Paused, at once or at its next step: acts.order order-991." in answer.text


class TestBeingSecond:
    def test_to_cancel_is_told_who_was_first_when_and_why(
        self, durable: DurableDriver, operator: User
    ):
        execution = start_in(durable, "waiting")
        client.cancel(execution.id, reason="fraud", by=BOB)
        asked_at = ExecutionEvent.objects.get().created_at

        answers = [
            log_in(operator).get(act_url(execution.id, "cancel")),
            post(operator, execution, "cancel"),
        ]

        for answer in answers:
            assert answer.status_code == 409
            assert "bob" in answer.text
            assert "fraud" in answer.text
            assert f"{asked_at:%Y-%m-%d %H:%M:%S}" in answer.text
        assert ExecutionEvent.objects.count() == 1
        assert not LogEntry.objects.exists()

    def test_no_secret_in_the_reason_is_told(self, durable: DurableDriver, operator: User):
        execution = start_in(durable, "waiting")
        client.cancel(execution.id, reason="password=hunter2", by=BOB)

        answer = log_in(operator).get(act_url(execution.id, "cancel"))

        assert "password=" in answer.text
        assert "hunter2" not in answer.text

    def test_by_the_blink_of_an_eye_is_told_too(self, durable: DurableDriver, operator: User):
        execution = start_in(durable, "waiting")

        def let_bob_be_first(execute: Any, sql: str, *rest: Any) -> Any:
            if "SET cancel_requested_at" in sql and not ExecutionEvent.objects.exists():
                ExecutionEvent.objects.create(
                    execution_id=execution.id,
                    type="cancel_requested",
                    actor_kind="user",
                    actor_name="bob",
                    created_at=durable.clock.now(),
                )
                client.cancel(execution.id, by=CODE)
            return execute(sql, *rest)

        with connection.execute_wrapper(let_bob_be_first):
            answer = post(operator, execution, "cancel")

        assert answer.status_code == 409
        assert not LogEntry.objects.exists()
        assert not ExecutionEvent.objects.filter(actor_name="alice").exists()

    def test_to_retry_is_told_too(self, durable: DurableDriver, operator: User):
        execution = start_in(durable, "failed")
        client.retry(execution.id, by=BOB)

        answer = post(operator, execution, "retry")

        assert answer.status_code == 409
        assert "retried by" in answer.text
        assert "bob" in answer.text

    def test_to_send_a_signal_with_a_known_dedupe_key_changes_nothing(
        self, durable: DurableDriver, operator: User
    ):
        execution = start_in(durable, "waiting")
        post(operator, execution, "signal", dedupe_key="payment-7")

        answer = post(operator, execution, "signal", dedupe_key="payment-7", payload="6")

        assert answer.status_code == 200
        assert "dedupe key was used" in answer.text
        assert WorkflowExecution.objects.get(pk=execution.id).signal_count == 1


class TestCancel:
    def test_tells_what_is_undone_and_what_has_no_undo(
        self, durable: DurableDriver, operator: User
    ):
        execution = start_in(durable, "waiting")

        page = log_in(operator).get(act_url(execution.id, "cancel"))

        assert [step.key for step in page.context["undone"]] == ["reserve"]
        assert [step.key for step in page.context["left"]] == ["mail"]
        assert "acting._undo" in page.text

    @pytest.mark.parametrize(("how", "undone"), [("compensate", 1), ("terminate", 0)])
    def test_undoes_or_does_not(
        self, durable: DurableDriver, operator: User, how: str, undone: int
    ):
        execution = start_in(durable, "waiting")

        post(operator, execution, "cancel", how=how)
        durable.drain()

        assert execution.refresh().status == "cancelled"
        assert StepCheckpoint.objects.filter(kind="undo").count() == undone

    def test_the_address_of_terminate_chooses_that_way(
        self, durable: DurableDriver, operator: User
    ):
        execution = start_in(durable, "waiting")

        page = log_in(operator).get(act_url(execution.id, "terminate")).text

        assert re.search(r'value="terminate"[^>]*checked', page)


class TestRetry:
    def test_tells_what_runs_again_and_what_is_kept(self, durable: DurableDriver, operator: User):
        execution = start_in(durable, "failed")

        page = log_in(operator).get(act_url(execution.id, "retry"))

        # `reserve` was undone when it failed.
        assert [step.key for step in page.context["again"]] == ["reserve", "charge"]
        assert [step.key for step in page.context["kept"]] == ["mail"]
        assert "declined" in page.text
        assert "abc123secret" not in page.text


class TestSignal:
    def test_proposes_what_it_waits_for(self, durable: DurableDriver, operator: User):
        execution = start_in(durable, "waiting")

        page = log_in(operator).get(act_url(execution.id, "signal"))

        assert page.context["form"]["name"].value() == "paid"

    def test_wakes_it_with_the_payload(self, durable: DurableDriver, operator: User):
        execution = start_in(durable, "waiting")

        post(operator, execution, "signal")
        durable.drain()

        assert durable.result(execution.refresh()) == {"amount": 5}

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            pytest.param({"payload": "{"}, "payload", id="no JSON"),
            pytest.param({"payload": '"\\u0000"'}, "NUL", id="NUL"),
            pytest.param({"payload": '"\\ud800"'}, "surrogate", id="surrogate"),
            pytest.param({"payload": "[" * 500 + "]" * 500}, "deep", id="depth"),
            pytest.param({"payload": "NaN"}, "NaN", id="NaN"),
            pytest.param({"payload": '{"a":1,"a":2}'}, "twice", id="key twice"),
            pytest.param({"payload": "1e999"}, "1e999", id="infinite"),
            pytest.param({"name": "~x"}, "not a legal signal name", id="name"),
            pytest.param({"name": ""}, "required", id="no name"),
            pytest.param({"name": "paid\0"}, "Null characters", id="name with NUL"),
            pytest.param({"dedupe_key": "a\tb"}, "not a legal dedupe key", id="dedupe key"),
        ],
    )
    def test_hostile_input_is_the_fields_error(
        self, durable: DurableDriver, operator: User, fields: dict[str, str], said: str
    ):
        execution = start_in(durable, "waiting")
        before = snapshot()

        answer = post(operator, execution, "signal", **fields)

        assert answer.status_code == 200
        assert said in answer.text
        assert snapshot() == before


class TestFireTimer:
    def test_ends_a_sleep_now(self, durable: DurableDriver, operator: User):
        execution = start_in(durable, "sleeping")

        answer = post(operator, execution, "fire_timer")
        durable.drain()

        assert answer.status_code == 302
        assert durable.result(execution.refresh()) == "awake"

    def test_ends_a_wait_as_if_no_signal_had_come_and_says_so(
        self, durable: DurableDriver, operator: User
    ):
        execution = durable.start(patient)

        page = log_in(operator).get(act_url(execution.id, "fire_timer")).text
        post(operator, execution, "fire_timer", timer="paid")
        durable.drain()

        assert "timeout of a wait for a signal" in page
        assert durable.result(execution.refresh()) == "late"

    def test_has_the_next_attempt_made_now(self, durable: DurableDriver, operator: User):
        execution = durable.start(retrying)

        page = log_in(operator).get(act_url(execution.id, "fire_timer")).text
        post(operator, execution, "fire_timer", timer="flaky")
        durable.drain()

        assert "attempt 2 of a step" in page
        assert StepCheckpoint.objects.filter(execution_id=execution.id).count() == 2

    def test_a_timer_it_does_not_have_is_the_fields_error(
        self, durable: DurableDriver, operator: User
    ):
        execution = start_in(durable, "sleeping")

        answer = post(operator, execution, "fire_timer", timer="nonsense")

        assert answer.status_code == 200
        assert "not one of the available choices" in answer.text


class TestFork:
    def test_plans_from_the_step_that_the_link_names(self, durable: DurableDriver, operator: User):
        execution = start_in(durable, "completed")

        page = log_in(operator).get(act_url(execution.id, "fork") + "?key=paid")

        plan = page.context["plan"]
        assert [row.step.key for row in plan if row.is_reused] == ["reserve", "mail"]
        assert [row.step.key for row in plan if not row.is_reused] == ["paid", "ship"]

    @pytest.mark.parametrize("step", ["", "reserve", "mail", "paid", "ship"])
    def test_the_plan_that_is_shown_is_the_engines(
        self, durable: DurableDriver, operator: User, step: str
    ):
        execution = start_in(durable, "completed")

        page = log_in(operator).get(act_url(execution.id, "fork"), {"key": step})

        plan = client.plan_fork(execution.id, step or None)
        assert tuple(r.step.key for r in page.context["plan"] if r.is_reused) == plan.reused
        assert tuple(r.step.key for r in page.context["plan"] if not r.is_reused) == plan.again

    def test_previewing_is_not_forking(self, durable: DurableDriver, operator: User):
        execution = start_in(durable, "completed")

        answer = post(operator, execution, "fork", from_step="ship", _preview="1")

        assert answer.status_code == 200
        assert [r.step.key for r in answer.context["plan"] if r.is_reused][-1] == "paid"
        assert WorkflowExecution.objects.count() == 1

    def test_leads_to_the_fork_with_its_secrets_kept(self, durable: DurableDriver, operator: User):
        execution = durable.start(order, 1)

        page = log_in(operator).get(act_url(execution.id, "fork")).text
        answer = post(operator, execution, "fork", input='{"number": 2, "password": "•••"}')

        fork = WorkflowExecution.objects.get(forked_from=execution.id)
        assert "hunter2" not in page
        assert answer.url == page_url(fork.pk)
        assert '"number":2' in fork.input.replace(" ", "")
        assert "hunter2" in fork.input

    def test_untouched_input_is_the_origins(self, durable: DurableDriver, operator: User):
        execution = durable.start(order, 1)
        browser = log_in(operator)
        shown = browser.get(act_url(execution.id, "fork")).context["form"]["input"].value()

        post(operator, execution, "fork", input=shown)

        fork = WorkflowExecution.objects.get(forked_from=execution.id)
        assert fork.input == execution.execution.input

    def test_without_the_right_to_payloads_the_input_is_neither_shown_nor_changed(
        self, durable: DurableDriver
    ):
        execution = durable.start(order, 4711)
        user = make_user(*(one for one in Permission if one is not Permission.PAYLOADS))

        page = log_in(user).get(act_url(execution.id, "fork")).text
        post(user, execution, "fork", input='{"number": 2}')

        fork = WorkflowExecution.objects.get(forked_from=execution.id)
        assert "4711" not in page
        assert fork.input == execution.execution.input

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"input": '{"nonsense": 1}'}, "nonsense"),
            ({"input": "[1]"}, "must be an object"),
            ({"input": "{"}, "input"),
            ({"input": '{"number": 1, "password": "a•••"}'}, "stands for a secret"),
            ({"from_step": "nonsense"}, "not one of the available choices"),
            ({"version": "9"}, "not one of the available choices"),
        ],
        ids=["argument", "list", "no JSON", "secret", "step", "version"],
    )
    def test_what_does_not_fit_is_the_fields_error(
        self, durable: DurableDriver, operator: User, fields: dict[str, str], said: str
    ):
        execution = start_in(durable, "waiting")

        answer = post(operator, execution, "fork", **fields)

        assert answer.status_code == 200
        assert said in answer.text
        assert WorkflowExecution.objects.count() == 1

    def test_an_unregistered_workflow_is_said(self, operator: User):
        [(row, _)] = OrmCheckpointStore().insert_executions(
            [make_new_execution(workflow_name="gone.workflow")]
        )

        answer = log_in(operator).get(act_url(row.id, "fork"))

        assert answer.status_code == 409
        assert "registered here" in answer.text


class TestHostileNames:
    @pytest.mark.parametrize("act", FIELDS)
    def test_are_escaped(self, operator: User, act: str):
        store = OrmCheckpointStore()
        [(row, _)] = store.insert_executions(
            [make_new_execution(workflow_name="acts.order", key=SCRIPT, input=f'"{SCRIPT}"')]
        )
        WorkflowExecution.objects.update(
            workflow_name=f"acts.order{SCRIPT}", waiting_for=SCRIPT, waiting_kind="signal",
            subject=SCRIPT, error=SCRIPT,
        )  # fmt: skip
        client.cancel(row.id, reason=SCRIPT, by=Actor(kind=ActorKind.USER, name=SCRIPT))

        answer = log_in(operator).get(act_url(row.id, act))

        assert SCRIPT not in answer.text
        assert "&lt;script&gt;" in answer.text


# --- the list's menu ---


def select(user: User, act: str, rows: Any = (), query: str = "", **fields: Any) -> Any:
    data = {"action": f"{act}_selected", "index": "0", "select_across": "0", **fields}
    data["_selected_action"] = [str(row.id) for row in rows]
    return log_in(user).post(f"{LIST}{query}", data)


def confirm(user: User, act: str, rows: Any = (), query: str = "", **fields: Any) -> Any:
    """Ask, then send the page that asks as it stands."""
    page = select(user, act, rows, query, **fields)
    form = page.context["form"]
    given = {field.html_name: field.value() for field in form if field.value() is not None} | {
        "reason": "tidy up",
        "_confirmed": "1",
    }
    return select(user, act, rows, query, **{**fields, **given, **fields})


def insert_three() -> list[Any]:
    new = [make_new_execution(workflow_name="acts.order") for _ in range(3)]
    return [row for row, _ in OrmCheckpointStore().insert_executions(new)]


class TestMenu:
    def test_a_viewer_sees_none_and_can_send_none(self, durable: DurableDriver):
        execution = durable.start(order)
        viewer = make_user(Permission.VIEW)

        page = log_in(viewer).get(LIST)
        select(viewer, "cancel", [execution], _confirmed="1")

        assert page.context["action_form"] is None
        assert execution.refresh().execution.cancel_requested_at is None
        assert not LogEntry.objects.exists()

    @pytest.mark.parametrize("act", ["cancel", "terminate", "pause", "resume", "retry", "signal"])
    def test_each_entry_needs_its_own_permission(self, durable: DurableDriver, act: str):
        durable.start(order)
        own = make_user(Permission.VIEW, PERMISSION_OF[Action(act)], name="own")
        other = make_user(*(set(Permission) - {PERMISSION_OF[Action(act)]}), name="other")

        assert f"{act}_selected" in log_in(own).get(LIST).text
        assert f"{act}_selected" not in log_in(other).get(LIST).text

    def test_asks_first_with_count_samples_and_what_will_happen(
        self, durable: DurableDriver, operator: User
    ):
        executions = [durable.start(order) for _ in range(3)]
        before = snapshot()

        page = select(operator, "cancel", executions[:2])

        assert snapshot() == before
        assert page.context["selection"].count == 2
        assert len(page.context["samples"]) == 2
        assert "cannot be taken back" in page.text
        assert find_inline(page.text) == []
        for execution in executions[:2]:
            assert page.text.count(f'name="_selected_action" value="{execution.id}"') == 1

    def test_acts_on_what_is_ticked_each_with_its_log_and_event(
        self, durable: DurableDriver, operator: User
    ):
        executions = [durable.start(order) for _ in range(3)]

        answer = confirm(operator, "pause", executions[:2])

        assert answer.status_code == 302
        assert [e.refresh().status for e in executions] == ["paused", "paused", "suspended"]
        assert LogEntry.objects.count() == ExecutionEvent.objects.count() == 2
        assert set(ExecutionEvent.objects.values_list("reason", flat=True)) == {"tidy up"}

    def test_summary_tells_what_was_refused_and_why(self, durable: DurableDriver, operator: User):
        executions = [durable.start(order), start_in(durable, "completed")]

        answer = confirm(operator, "cancel", executions)

        page = log_in(operator).get(answer.url)
        told = [str(message) for message in answer.wsgi_request._messages]
        assert page.status_code == 200
        assert "done for 1" in told[0]
        assert "1 was refused" in told[1]
        assert "is COMPLETED and cannot be cancelled" in told[1]

    def test_across_reaches_what_the_filter_shows_and_nothing_else(
        self, durable: DurableDriver, operator: User
    ):
        waiting = [durable.start(order) for _ in range(3)]
        other = durable.start(sleepy)

        answer = confirm(
            operator,
            "pause",
            waiting[:1],
            f"{EVER}&workflow_name__exact=acts.order",
            select_across="1",
        )

        assert answer.status_code == 302
        assert {e.refresh().status for e in waiting} == {"paused"}
        assert other.refresh().status == "suspended"

    def test_across_leaves_alone_what_started_after_the_page_was_shown(
        self, durable: DurableDriver, operator: User
    ):
        early = durable.start(order)
        page = select(operator, "pause", [early], EVER, select_across="1")
        late = durable.start(order)

        given = {f.html_name: f.value() for f in page.context["form"] if f.value() is not None}
        select(operator, "pause", [early], EVER, select_across="1", _confirmed="1", **given)

        assert late.refresh().status == "suspended"
        assert WorkflowExecution.objects.filter(status="paused").count() == 1

    def test_a_page_that_is_sent_twice_signals_once(self, durable: DurableDriver, operator: User):
        execution = durable.start(order)
        once = str(uuid4())
        given = {"name": "later", "payload": "1", "once": once, "newest": str(execution.id)}

        for _ in range(2):
            select(operator, "signal", [execution], _confirmed="1", reason="", **given)

        assert WorkflowExecution.objects.get().signal_count == 1

    @override_settings(DURABLE={"ADMIN_BULK_LIMIT": 2})
    def test_above_the_limit_it_is_left_to_a_bulk_operation(self, operator: User):
        rows = insert_three()

        answer = confirm(operator, "cancel", rows[:1], "?q=workflow:acts.order", select_across="1")

        operation = BulkOperation.objects.get()
        assert answer.url.endswith(f"/bulk/{operation.pk}/")
        assert (operation.total, operation.action, operation.reason) == (3, "cancel", "tidy up")
        assert operation.criteria["workflow"] == "acts.order"
        assert LogEntry.objects.get().object_id == str(operation.pk)
        assert WorkflowExecution.objects.filter(cancel_requested_at__isnull=False).count() == 0

    @override_settings(DURABLE={"ADMIN_BULK_LIMIT": 2})
    def test_above_the_limit_the_permission_for_bulk_is_needed(self):
        rows = insert_three()
        user = make_user(Permission.VIEW, Permission.CANCEL)

        page = select(user, "cancel", rows, select_across="1")
        answer = confirm(user, "cancel", rows, select_across="1")

        assert "durable_django.bulk_execution" in page.text
        assert 'type="submit" class="dw-button' not in page.text
        assert answer.status_code == 403
        assert not BulkOperation.objects.exists()

    @pytest.mark.usefixtures("empty_scope")
    def test_out_of_scope_is_not_reached_by_its_id(self, durable: DurableDriver, operator: User):
        execution = durable.start(order)

        given = {"once": str(uuid4()), "newest": str(execution.id), "reason": ""}
        select(operator, "pause", [execution], _confirmed="1", **given)

        assert execution.refresh().status == "suspended"

    def test_what_works_off_a_bulk_operation_is_refused(
        self, durable: DurableDriver, operator: User
    ):
        [(row, _)] = OrmCheckpointStore().insert_executions(
            [make_new_execution(workflow_name=BULK_WORKFLOW)]
        )

        confirm(operator, "pause", [row])

        assert WorkflowExecution.objects.get(pk=row.id).status == "pending"

    @pytest.mark.parametrize("field", ["newest", "once"])
    def test_a_mangled_page_asks_again(self, durable: DurableDriver, operator: User, field: str):
        execution = durable.start(order)
        given = {"newest": str(execution.id), "once": str(uuid4()), "reason": "", field: "x'"}

        answer = select(operator, "pause", [execution], _confirmed="1", **given)

        assert answer.status_code == 200
        assert execution.refresh().status == "suspended"
