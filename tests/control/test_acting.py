from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission as DjangoPermission
from django.contrib.auth.models import User
from django.db import connection, connections, transaction

from durable_django import client, runtime
from durable_django.control.acting import Acting, ActNotAllowedError, actor_of
from durable_django.control.actions import PERMISSION_OF, Action, allowed_actions, is_possible
from durable_django.control.permissions import Permission, allows
from durable_django.control.scope import find_visible, visible_executions
from durable_django.domain.identifiers import new_id
from durable_django.engine.registry import default_registry
from durable_django.engine.start_request import StartOptions
from durable_django.engine.workflow_function import workflow
from durable_django.exceptions import ExecutionNotFoundError, InvalidTransitionError
from durable_django.models import ExecutionEvent, WorkflowExecution
from durable_django.testing.driver import DurableDriver
from durable_django.testing.factories import make_execution

NAME = "acting.patient"
ACTS: dict[Action, Callable[[Acting, UUID], object]] = {
    Action.CANCEL: lambda acting, id_: acting.cancel(id_),
    Action.TERMINATE: lambda acting, id_: acting.cancel(id_, compensate=False),
    Action.PAUSE: lambda acting, id_: acting.pause(id_),
    Action.RESUME: lambda acting, id_: acting.resume(id_),
    Action.RETRY: lambda acting, id_: acting.retry(id_),
    Action.FORK: lambda acting, id_: acting.fork(id_),
    Action.SIGNAL: lambda acting, id_: acting.send_signal(id_, "paid", 1),
    Action.FIRE_TIMER: lambda acting, id_: acting.fire_timer(id_, "paid"),
    Action.START: lambda acting, _: acting.start(NAME, {}, StartOptions()),
}


@pytest.fixture(autouse=True)
def patient() -> Iterator[None]:
    @workflow(name=NAME)
    def body(ctx):
        ctx.step("begin", str, "x")
        return ctx.wait_signal("paid", timeout=timedelta(days=30))

    yield
    default_registry.forget(NAME)


@pytest.fixture
def waiting(durable: DurableDriver) -> UUID:
    id_ = client.start(NAME).id
    durable.drain()
    return id_


def user_with(*permissions: Permission, name: str = "alice") -> User:
    user = User.objects.create_user(name)
    granted = DjangoPermission.objects.filter(
        content_type__app_label="durable_django", codename__in=[str(one) for one in permissions]
    )
    user.user_permissions.set(granted)
    return User.objects.get(pk=user.pk)


def nobody_s(user: User, rows: Any) -> Any:
    return rows.none()


@pytest.mark.django_db
class TestPermissions:
    @pytest.mark.parametrize("action", Action)
    def test_act_needs_its_own_permission_and_to_see(self, waiting: UUID, action: Action) -> None:
        others = set(Permission) - {PERMISSION_OF[action]}
        acting = Acting(user_with(*others), "no right")
        before = WorkflowExecution.objects.values().get()

        with pytest.raises(ActNotAllowedError, match=PERMISSION_OF[action]):
            ACTS[action](acting, waiting)

        assert WorkflowExecution.objects.values().get() == before
        assert not ExecutionEvent.objects.exists()

    def test_a_refusal_leaves_a_line_in_the_log(
        self, waiting: UUID, caplog: pytest.LogCaptureFixture
    ) -> None:
        user = user_with(Permission.VIEW)

        with pytest.raises(ActNotAllowedError):
            Acting(user).cancel(waiting)

        [line] = [record for record in caplog.records if record.message == "Act refused"]
        told = vars(line)
        assert (told["act"], told["actor"]) == ("cancel", f"user {user.pk}")
        assert told["execution_id"] == waiting

    @pytest.mark.parametrize("action", set(Action) - {Action.START}, ids=str)
    def test_who_may_act_and_not_see_may_not_act(self, waiting: UUID, action: Action) -> None:
        acting = Acting(user_with(PERMISSION_OF[action]))

        with pytest.raises(ActNotAllowedError):
            ACTS[action](acting, waiting)

    def test_who_is_no_longer_active_may_nothing(self, db: None) -> None:
        user = User(is_superuser=True, is_active=False)

        assert not any(allows(user, permission) for permission in Permission)

    @pytest.mark.parametrize(
        "action", [Action.CANCEL, Action.TERMINATE, Action.PAUSE, Action.SIGNAL, Action.FIRE_TIMER]
    )
    def test_act_is_told_with_who_and_why(self, waiting: UUID, action: Action) -> None:
        user = user_with(Permission.VIEW, PERMISSION_OF[action])

        ACTS[action](Acting(user, "because"), waiting)

        [event] = client.list_events(waiting)
        assert (event.actor, event.reason) == (actor_of(user), "because")
        assert (event.actor.id, event.actor.name) == (str(user.pk), "alice")

    def test_start_is_told_with_who_and_why(self, durable: DurableDriver) -> None:
        handle = Acting(user_with(Permission.START), "by hand").start(NAME, {}, StartOptions())

        [event] = client.list_events(handle.id)
        assert (str(event.type), event.actor.name, event.reason) == ("started", "alice", "by hand")


@pytest.mark.django_db
class TestScope:
    @pytest.mark.parametrize("action", set(Action) - {Action.START}, ids=str)
    def test_what_is_out_of_scope_does_not_exist(
        self, waiting: UUID, settings: Any, durable: DurableDriver, action: Action
    ) -> None:
        user = user_with(*Permission)
        settings.DURABLE = {"SCOPE": f"{__name__}.nobody_s"}
        runtime.use_engine(durable.engine)  # the change of DURABLE disposed of it

        with pytest.raises(ExecutionNotFoundError):
            ACTS[action](Acting(user), waiting)

        assert not ExecutionEvent.objects.exists()

    def test_unknown_and_hidden_are_told_alike(self, waiting: UUID, settings: Any) -> None:
        settings.DURABLE = {"SCOPE": f"{__name__}.nobody_s"}
        unknown = new_id()

        with pytest.raises(ExecutionNotFoundError) as hidden:
            find_visible(User(), waiting)
        with pytest.raises(ExecutionNotFoundError) as absent:
            find_visible(User(), unknown)

        assert str(hidden.value).replace(str(waiting), "") == str(absent.value).replace(
            str(unknown), ""
        )

    def test_without_a_hook_all_are_visible(self, waiting: UUID) -> None:
        assert [row.pk for row in visible_executions(User())] == [waiting]


class TestPossible:
    """What is offered agrees with what the store does."""

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        "action", [Action.CANCEL, Action.PAUSE, Action.RESUME, Action.RETRY, Action.SIGNAL]
    )
    @pytest.mark.parametrize("prepare", ["waiting", "paused", "cancelled", "completed"])
    def test_what_is_offered_changes_something_and_what_is_not_nothing(
        self, waiting: UUID, durable: DurableDriver, prepare: str, action: Action
    ) -> None:
        if prepare == "paused":
            client.pause(waiting)
        elif prepare == "cancelled":
            client.cancel(waiting)
            durable.drain()
        elif prepare == "completed":
            client.signal(waiting, "paid")
            durable.drain()
        row, before = WorkflowExecution.objects.get(), WorkflowExecution.objects.values().get()
        acting = Acting(user_with(*Permission))

        offered = is_possible(action, row)
        with suppress(InvalidTransitionError):
            ACTS[action](acting, waiting)

        changed = WorkflowExecution.objects.values().get() != before
        assert changed is offered

    def test_only_what_is_permitted_is_offered(self) -> None:
        class Viewer:
            is_active = True

            def has_perm(self, name: str) -> bool:
                return name.endswith((Permission.RETRY, Permission.VIEW))

        offered = allowed_actions(Viewer(), make_execution())

        assert offered == [Action.PAUSE]


@pytest.mark.django_db
class TestOwnWorkflows:
    """A bulk operation is steered by its own page, and by who may act on many."""

    @pytest.fixture
    def working(self, durable: DurableDriver) -> Iterator[UUID]:
        @workflow(name="durable.test")
        def body(ctx):
            ctx.wait_signal("paid", timeout=timedelta(days=30))

        id_ = client.start("durable.test").id
        durable.drain()
        yield id_
        default_registry.forget("durable.test")

    @pytest.mark.parametrize(
        "action", [Action.CANCEL, Action.TERMINATE, Action.FORK, Action.SIGNAL, Action.FIRE_TIMER]
    )
    def test_nobody_ends_it_or_feeds_it(self, working: UUID, action: Action) -> None:
        acting = Acting(user_with(*Permission))

        with pytest.raises(ActNotAllowedError, match="stop the operation instead"):
            ACTS[action](acting, working)

        assert not is_possible(action, WorkflowExecution.objects.get())

    @pytest.mark.parametrize("is_allowed", [False, True])
    def test_who_may_act_on_many_may_pause_it(self, working: UUID, *, is_allowed: bool) -> None:
        more = {Permission.BULK} if is_allowed else set()
        acting = Acting(user_with(Permission.VIEW, Permission.RETRY, *more))

        with nullcontext() if is_allowed else pytest.raises(ActNotAllowedError):
            acting.pause(working)

        assert (client.get(working).status == "paused") is is_allowed


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_of_many_who_cancel_at_once_one_does(self) -> None:
        if connection.vendor == "sqlite":
            pytest.skip("It has one writer at a time.")
        engine = runtime.build_engine(dispatcher=None)
        former = runtime.use_engine(engine)
        execution_id = client.start(NAME).id
        engine.drain()
        users = [User.objects.create_superuser(f"user-{number}") for number in range(8)]
        barrier = Barrier(len(users))

        def cancel(user: User) -> bool:
            barrier.wait()
            try:
                return Acting(user, f"by {user.username}").cancel(execution_id)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(users)) as pool:
            answers = list(pool.map(cancel, users))

        runtime.use_engine(former)
        engine.dispose()
        assert sorted(answers) == [False] * 7 + [True]
        [event] = ExecutionEvent.objects.filter(execution_id=execution_id)
        winner = users[answers.index(True)]
        assert (event.actor_name, event.reason) == (winner.username, f"by {winner.username}")
        reason = WorkflowExecution.objects.get().cancel_reason
        assert reason == event.reason

    def test_an_act_vanishes_with_the_caller_s_transaction(self) -> None:
        engine = runtime.build_engine(dispatcher=None)
        former = runtime.use_engine(engine)
        execution_id = client.start(NAME).id
        user = User.objects.create_superuser("alice")

        with transaction.atomic():
            Acting(user).pause(execution_id)
            transaction.set_rollback(True)

        status = client.get(execution_id).status
        runtime.use_engine(former)
        engine.dispose()
        assert (status, ExecutionEvent.objects.count()) == ("pending", 0)


class TestBroadcasts:
    """A broadcast reaches those that the user may see, and nobody else."""

    @pytest.fixture(autouse=True)
    def listeners(self, durable: DurableDriver) -> Iterator[list[UUID]]:
        @workflow(name="acting.listener")
        def body(ctx):
            return ctx.wait_event("price-changed")

        ids = [client.start("acting.listener").id for _ in range(3)]
        durable.drain()
        yield ids
        default_registry.forget("acting.listener")

    def test_all_are_told_by_whom_and_why(self, listeners: list[UUID]):
        user = user_with(Permission.VIEW, Permission.SIGNAL)

        assert Acting(user, "the market").broadcast("price-changed", {"to": 3}) == 3

        events = ExecutionEvent.objects.filter(execution_id__in=listeners)
        assert {(e.actor_id, e.reason) for e in events} == {(str(user.pk), "the market")}

    @pytest.mark.parametrize("missing", [Permission.VIEW, Permission.SIGNAL])
    def test_without_a_permission_nobody_is_told(self, missing: Permission):
        user = user_with(*{Permission.VIEW, Permission.SIGNAL} - {missing})

        with pytest.raises(ActNotAllowedError):
            Acting(user).broadcast("price-changed", None)

        assert ExecutionEvent.objects.count() == 0
