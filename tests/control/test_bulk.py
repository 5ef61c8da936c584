from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import Permission as AuthPermission
from django.contrib.auth.models import User
from django.db import connection
from django.test import override_settings

from durable_django import WorkflowContext, client, workflow
from durable_django.control import bulk_runner
from durable_django.control.acting import ActNotAllowedError
from durable_django.control.actions import Action
from durable_django.control.bulk import (
    BULK_ACTIONS,
    BULK_WORKFLOW,
    BulkNotFoundError,
    cancel_bulk,
    count_matching,
    find_bulk,
    find_worker,
    list_bulk,
    start_bulk,
)
from durable_django.control.finding.criteria import Criteria
from durable_django.control.permissions import Permission
from durable_django.domain.event import EventType
from durable_django.domain.status import BulkStatus, ExecutionStatus
from durable_django.exceptions import DefinitionError, PayloadError
from durable_django.models import (
    BulkOperation,
    ExecutionEvent,
    WorkflowExecution,
)
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import make_new_execution
from durable_django.testing.crash import SimulatedCrash
from durable_django.testing.driver import DurableDriver

pytestmark = pytest.mark.django_db
WAITING = Criteria(workflow="bulk.waits")
HELD = "on_hold"


@workflow(name="bulk.waits")
def waits(ctx: WorkflowContext) -> Any:
    return ctx.wait_signal("go")


@workflow(name="bulk.fails")
def fails(ctx: WorkflowContext) -> None:
    ctx.step("charge", _refuse)


def _refuse() -> None:
    raise ValueError("declined")


def make_user(*permissions: Permission, name: str = "alice") -> User:
    user = User.objects.create_user(name)
    allow(user, *permissions)
    return User.objects.get(pk=user.pk)


def allow(user: User, *permissions: Permission) -> None:
    codenames = [str(one) for one in permissions]
    user.user_permissions.set(AuthPermission.objects.filter(codename__in=codenames))


@pytest.fixture
def operator() -> User:
    return make_user(*Permission)


def insert(count: int, **fields: Any) -> None:
    """Add pending executions in the background of the test: quicker than starting them."""
    given = {"workflow_name": "bulk.waits", **fields}
    OrmCheckpointStore().insert_executions([make_new_execution(**given) for _ in range(count)])


def ask(user: User, action: Action = Action.PAUSE, **given: Any) -> BulkOperation:
    criteria = given.pop("criteria", WAITING)
    return start_bulk(user, action, criteria, **{"reason": "tidy up", **given})


def finish(durable: DurableDriver) -> None:
    durable.advance(hours=1)


def statuses() -> set[str]:
    rows = WorkflowExecution.objects.exclude(workflow_name=BULK_WORKFLOW)
    return set(rows.values_list("status", flat=True))


@contextmanager
def dying_at_write(number: int) -> Iterator[list[str]]:
    """Have the process die at the n-th statement that cancels or pauses; once."""
    seen: list[str] = []

    def count(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        result = execute(sql, *rest)
        if "SET pause_requested_at" in sql or "SET cancel_requested_at" in sql:
            seen.append(sql)
            if len(seen) == number:
                raise SimulatedCrash("in the midst of an act")
        return result

    with connection.execute_wrapper(count):
        yield seen


@contextmanager
def meanwhile_at_first_act(act: Callable[[], Any]) -> Iterator[None]:
    """Have somebody act right after the first statement that cancels."""
    to_do = [act]

    def look(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        result = execute(sql, *rest)
        if "SET cancel_requested_at" in sql and to_do:
            to_do.pop()()
        return result

    with connection.execute_wrapper(look):
        yield


class TestWorkingOff:
    def test_acts_on_all_that_match_and_on_nothing_else(
        self, durable: DurableDriver, operator: User
    ):
        insert(3)
        insert(2, workflow_name="bulk.other")

        operation = ask(operator)
        finish(durable)

        operation.refresh_from_db()
        rows = WorkflowExecution.objects.filter(status="paused")
        assert (operation.total, operation.succeeded, operation.refused) == (3, 3, 0)
        assert operation.status == BulkStatus.COMPLETED
        assert operation.finished_at is not None
        assert {row.workflow_name for row in rows} == {"bulk.waits"}

    def test_each_act_has_an_event_with_who_and_why(self, durable: DurableDriver, operator: User):
        insert(2)

        ask(operator)
        finish(durable)

        events = ExecutionEvent.objects.filter(type=EventType.PAUSE_REQUESTED.value)
        told = set(events.values_list("actor_kind", "actor_id", "actor_name", "reason"))
        assert told == {("user", str(operator.pk), "alice", "tidy up")}
        assert events.count() == 2

    def test_goes_through_several_batches_and_pauses_for_breath(
        self, durable: DurableDriver, operator: User, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(bulk_runner, "BATCH", 2)
        insert(105)

        operation = ask(operator)
        finish(durable)

        operation.refresh_from_db()
        worker = find_worker(operation)
        assert worker is not None
        assert operation.succeeded == 105
        assert "breath#2" in durable.steps(worker)
        assert worker.execution.progress["done"] == 105

    @pytest.mark.one_database
    def test_counts_2500_exactly(self, durable: DurableDriver, operator: User):
        insert(2500)

        operation = ask(operator)
        finish(durable)

        operation.refresh_from_db()
        assert (operation.total, operation.succeeded, operation.refused) == (2500, 2500, 0)
        assert WorkflowExecution.objects.filter(status="paused").count() == 2500

    def test_what_starts_later_is_left_alone(self, durable: DurableDriver, operator: User):
        insert(2)
        operation = ask(operator)
        insert(3)

        finish(durable)

        operation.refresh_from_db()
        assert operation.succeeded == 2
        assert WorkflowExecution.objects.filter(status="paused").count() == 2

    def test_what_no_longer_matches_is_neither_done_nor_refused(
        self, durable: DurableDriver, operator: User
    ):
        insert(3)
        pending = Criteria(workflow="bulk.waits", statuses=(ExecutionStatus.PENDING,))
        operation = ask(operator, criteria=pending)
        first = WorkflowExecution.objects.filter(workflow_name="bulk.waits").first()
        client.pause(first.pk)

        durable.engine.run_one(find_worker(operation).id)

        operation.refresh_from_db()
        assert (operation.total, operation.succeeded, operation.refused) == (3, 2, 0)

    def test_what_changes_while_its_batch_is_worked_off_is_left_alone(
        self, durable: DurableDriver, operator: User
    ):
        insert(3)
        pending = Criteria(workflow="bulk.waits", statuses=(ExecutionStatus.PENDING,))
        operation = ask(operator, Action.TERMINATE, criteria=pending)
        oldest = WorkflowExecution.objects.filter(workflow_name="bulk.waits").earliest("pk")

        with meanwhile_at_first_act(lambda: client.pause(oldest.pk)):
            durable.engine.run_one(find_worker(operation).id)

        operation.refresh_from_db()
        oldest.refresh_from_db()
        assert (operation.total, operation.succeeded, operation.refused) == (3, 2, 0)
        assert (oldest.status, oldest.cancel_requested_at) == ("paused", None)

    def test_refusals_are_counted_and_the_first_are_kept_with_their_reasons(
        self, durable: DurableDriver, operator: User, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(bulk_runner, "MAX_REFUSALS", 2)
        insert(3)

        operation = ask(operator, Action.RETRY)
        durable.engine.run_one(find_worker(operation).id)

        operation.refresh_from_db()
        assert (operation.succeeded, operation.refused) == (0, 3)
        assert len(operation.refusals) == 2
        assert "is PENDING and cannot be retried" in operation.refusals[0]["detail"]
        newest = WorkflowExecution.objects.filter(workflow_name="bulk.waits").order_by("-id")
        assert operation.refusals[0]["id"] == str(newest[0].pk)

    def test_never_acts_on_the_executions_that_work_such_operations_off(
        self, durable: DurableDriver, operator: User
    ):
        insert(1)
        first = ask(operator, Action.RESUME)
        second = ask(operator, Action.CANCEL, criteria=Criteria())

        finish(durable)

        for operation in (first, second):
            operation.refresh_from_db()
            assert operation.status == BulkStatus.COMPLETED
        assert second.total == 1

    def test_nothing_that_matches_is_a_completed_operation(
        self, durable: DurableDriver, operator: User
    ):
        operation = ask(operator)

        finish(durable)

        operation.refresh_from_db()
        assert (operation.status, operation.total) == (BulkStatus.COMPLETED, 0)

    @pytest.mark.parametrize(
        ("action", "status"), [(Action.CANCEL, "cancelled"), (Action.TERMINATE, "cancelled")]
    )
    def test_cancels(self, durable: DurableDriver, operator: User, action: Action, status: str):
        execution = durable.start(waits)

        ask(operator, action)
        finish(durable)

        assert execution.refresh().status == status
        assert execution.execution.cancel_compensates is (action is Action.CANCEL)

    def test_resumes(self, durable: DurableDriver, operator: User):
        execution = durable.start(waits)
        durable.pause(execution)

        ask(operator, Action.RESUME)
        finish(durable)

        assert execution.refresh().status == "suspended"

    def test_retries(self, durable: DurableDriver, operator: User):
        execution = durable.start(fails)

        ask(operator, Action.RETRY, criteria=Criteria(workflow="bulk.fails"))
        finish(durable)

        assert execution.refresh().execution.epoch == 1

    def test_signals_with_a_payload_that_is_stored_as_payloads_are(
        self, durable: DurableDriver, operator: User
    ):
        execution = durable.start(waits)

        operation = ask(operator, Action.SIGNAL, arguments={"name": "go", "payload": {"ok": [1]}})
        finish(durable)

        assert durable.result(execution.refresh()) == {"ok": [1]}
        assert isinstance(operation.arguments["payload"], str)


class TestDying:
    @pytest.mark.parametrize("number", [1, 3, 5])
    def test_in_the_midst_of_a_batch_loses_and_repeats_nothing(
        self, durable: DurableDriver, operator: User, number: int
    ):
        insert(5)
        operation = ask(operator)

        with dying_at_write(number) as written:
            finish(durable)

        operation.refresh_from_db()
        events = ExecutionEvent.objects.filter(type=EventType.PAUSE_REQUESTED.value)
        assert durable.crashes == 1
        assert len(written) == 6
        assert (operation.succeeded, operation.refused) == (5, 0)
        assert events.count() == 5

    def test_at_every_write_of_the_worker_ends_with_the_same_counts(
        self, durable: DurableDriver, operator: User, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(bulk_runner, "BATCH", 2)
        insert(3)

        def story(driver: DurableDriver) -> Any:
            operation = ask(operator, Action.CANCEL)
            finish(driver)
            return find_worker(operation)

        def counts() -> Any:
            row = BulkOperation.objects.get()
            events = ExecutionEvent.objects.filter(type=EventType.CANCEL_REQUESTED.value)
            return row.status, row.succeeded, row.refused, events.count()

        survived = durable.crash_everywhere(story, same=counts)

        assert survived >= 10

    def test_a_worker_that_was_overtaken_acts_no_more(self, durable: DurableDriver, operator: User):
        insert(3)
        operation = ask(operator)
        BulkOperation.objects.update(status=BulkStatus.RUNNING.value)
        stale = BulkOperation.objects.get()
        bulk_runner.run_batch(str(operation.pk))

        bulk_runner._advance(stale)

        operation.refresh_from_db()
        assert (operation.succeeded, operation.refused) == (3, 0)

    @pytest.mark.usefixtures("breakable_scope")
    def test_a_batch_that_fails_for_good_parks_and_goes_on_by_a_retry(
        self, durable: DurableDriver, operator: User
    ):
        insert(2)
        operation = ask(operator)
        BROKEN.append("the tenant service")
        durable.advance(hours=1)
        parked = find_worker(operation).status

        BROKEN.clear()
        client.retry(find_worker(operation).id)
        finish(durable)

        operation.refresh_from_db()
        assert parked == "parked"
        assert (operation.status, operation.succeeded) == (BulkStatus.COMPLETED, 2)


#: What of the world is away now.
BROKEN: list[str] = []


@pytest.fixture
def breakable_scope(settings: Any) -> Iterator[None]:
    settings.DURABLE = {"SCOPE": f"{__name__}.all_unless_broken"}
    yield
    BROKEN.clear()


def all_unless_broken(user: Any, rows: Any) -> Any:
    if BROKEN:
        raise RuntimeError(f"{BROKEN} is away")
    return rows


def only_kept(user: Any, rows: Any) -> Any:
    return rows.filter(queue=HELD)


class TestWhoAsked:
    @pytest.mark.parametrize("lacking", [Permission.BULK, Permission.RETRY])
    def test_needs_both_permissions(self, lacking: Permission):
        user = make_user(*(one for one in Permission if one is not lacking))

        with pytest.raises(ActNotAllowedError, match=f"durable_django.{lacking}"):
            ask(user)

        assert not BulkOperation.objects.exists()
        assert not WorkflowExecution.objects.exists()

    @pytest.mark.parametrize("loss", ["permission", "bulk", "active", "deleted"])
    def test_loses_the_right_midway_and_it_stops(
        self,
        durable: DurableDriver,
        operator: User,
        monkeypatch: pytest.MonkeyPatch,
        loss: str,
    ):
        monkeypatch.setattr(bulk_runner, "BATCH", 2)
        insert(5)
        operation = ask(operator)
        bulk_runner.run_batch(str(operation.pk))

        {
            "permission": lambda: allow(operator, Permission.VIEW, Permission.BULK),
            "bulk": lambda: allow(operator, Permission.VIEW, Permission.RETRY),
            "active": lambda: User.objects.update(is_active=False),
            "deleted": operator.delete,
        }[loss]()
        finish(durable)

        operation.refresh_from_db()
        assert (operation.status, operation.succeeded) == (BulkStatus.CANCELLED, 2)
        assert operation.refusals[-1]["id"] is None
        assert "alice" in operation.refusals[-1]["detail"]
        assert WorkflowExecution.objects.filter(status="paused").count() == 2

    def test_reaches_only_what_is_in_scope(self, operator: User):
        insert(2)
        insert(1, queue=HELD)

        with override_settings(DURABLE={"SCOPE": f"{__name__}.only_kept"}):
            operation = ask(operator)
            bulk_runner.run_batch(str(operation.pk))

        operation.refresh_from_db()
        assert (operation.total, operation.succeeded) == (1, 1)
        assert WorkflowExecution.objects.get(status="paused").queue == HELD


class TestAskingBadly:
    @pytest.mark.parametrize("action", [a for a in Action if a not in BULK_ACTIONS])
    def test_an_act_for_one_at_a_time_is_refused(self, operator: User, action: Action):
        with pytest.raises(DefinitionError, match="not for many"):
            ask(operator, action)

    @pytest.mark.parametrize(
        ("action", "arguments", "error"),
        [
            pytest.param(Action.PAUSE, {"name": "go"}, DefinitionError, id="argument of another"),
            pytest.param(Action.SIGNAL, {}, DefinitionError, id="no name"),
            pytest.param(Action.SIGNAL, {"name": "~undo"}, DefinitionError, id="reserved name"),
            pytest.param(Action.SIGNAL, {"name": "go", "key": 1}, DefinitionError, id="unknown"),
            pytest.param(
                Action.SIGNAL,
                {"name": "go", "payload": "\0"},
                PayloadError,
                id="payload with NUL",
            ),
        ],
    )
    def test_arguments_that_do_not_fit_are_refused(
        self, operator: User, action: Action, arguments: dict[str, Any], error: type[Exception]
    ):
        with pytest.raises(error):
            ask(operator, action, arguments=arguments)

        assert not BulkOperation.objects.exists()

    def test_a_reason_longer_than_500_is_refused(self, operator: User):
        with pytest.raises(DefinitionError, match="500"):
            ask(operator, reason="x" * 501)


class TestStopping:
    def test_before_it_began_does_nothing(self, durable: DurableDriver, operator: User):
        insert(2)
        operation = ask(operator)

        stopped = cancel_bulk(operator, operation.pk)
        finish(durable)

        operation.refresh_from_db()
        assert stopped.status == operation.status == BulkStatus.CANCELLED
        assert operation.succeeded == 0
        assert "paused" not in statuses()

    def test_midway_keeps_what_was_done(
        self, durable: DurableDriver, operator: User, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(bulk_runner, "BATCH", 2)
        insert(5)
        operation = ask(operator)
        bulk_runner.run_batch(str(operation.pk))

        asked = cancel_bulk(operator, operation.pk)
        finish(durable)

        operation.refresh_from_db()
        assert (asked.status, asked.cancel_requested) == (BulkStatus.RUNNING, True)
        assert (operation.status, operation.succeeded) == (BulkStatus.CANCELLED, 2)
        assert operation.finished_at is not None

    def test_of_one_that_stands_still_ends_it_and_its_worker(
        self, durable: DurableDriver, operator: User
    ):
        insert(2)
        operation = ask(operator)
        BulkOperation.objects.update(status=BulkStatus.RUNNING.value)
        worker = find_worker(operation)
        client.pause(worker.id)

        stopped = cancel_bulk(operator, operation.pk)
        finish(durable)

        assert stopped.status == BulkStatus.CANCELLED
        assert worker.refresh().status == "cancelled"

    def test_after_its_end_changes_nothing(self, durable: DurableDriver, operator: User):
        insert(1)
        operation = ask(operator)
        finish(durable)

        stopped = cancel_bulk(operator, operation.pk)

        assert (stopped.status, stopped.cancel_requested) == (BulkStatus.COMPLETED, False)

    def test_needs_the_permission(self, durable: DurableDriver, operator: User):
        operation = ask(operator)
        allow(operator, Permission.VIEW)
        powerless = User.objects.get(pk=operator.pk)

        with pytest.raises(ActNotAllowedError, match="bulk_execution"):
            cancel_bulk(powerless, operation.pk)


class TestLooking:
    def test_those_of_others_are_seen_by_who_may_run_some(self, operator: User):
        other = make_user(*Permission, name="bob")
        operation = ask(operator)

        assert list(list_bulk(other)) == [operation]
        assert find_bulk(other, operation.pk) == operation

    def test_those_of_others_are_hidden_where_a_scope_keeps_users_apart(self, operator: User):
        other = make_user(*Permission, name="bob")
        root = User.objects.create_superuser("root")
        operation = ask(operator)

        with override_settings(DURABLE={"SCOPE": f"{__name__}.only_kept"}):
            assert list(list_bulk(other)) == []
            assert list(list_bulk(operator)) == list(list_bulk(root)) == [operation]
            with pytest.raises(BulkNotFoundError):
                find_bulk(other, operation.pk)

    def test_counts_no_further_than_the_limit(self, operator: User):
        insert(5)

        assert count_matching(operator, WAITING) == 5
        assert count_matching(operator, WAITING, limit=3) == 3
