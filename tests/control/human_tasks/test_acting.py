from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction

from durable_django.control import human_tasks
from durable_django.control.human_tasks.errors import (
    FourEyesError,
    NoSuchUserError,
    NotAssigneeError,
    NotCandidateError,
    TaskActNotAllowedError,
    UnfitUserError,
)
from durable_django.domain.event import EventType
from durable_django.domain.status import TaskStatus
from durable_django.exceptions import (
    FieldErrors,
    TaskClaimedError,
    TaskNotFoundError,
    TaskOverError,
)
from durable_django.models import ExecutionEvent, HumanTask, HumanTaskCandidate, WorkflowExecution
from durable_django.runtime import engine
from tests.api.doors import durable_settings, see_nothing
from tests.control.human_tasks.desk import DO, SEE, STEER, fresh, over, person, task

YES = {"approved": True}
ACTS: dict[str, Callable[[HumanTask, User], Any]] = {
    "claim": lambda row, user: human_tasks.claim(row.pk, user=user),
    "complete": lambda row, user: human_tasks.complete(row.pk, YES, user=user),
    "release": lambda row, user: human_tasks.release(row.pk, user=user),
    "delegate": lambda row, user: human_tasks.delegate(row.pk, "bob", user=user),
}


@pytest.fixture
def eva(store: Any) -> User:
    return person("eva", DO, groups=["finance"])


@pytest.fixture
def bob(store: Any) -> User:
    return person("bob", DO, groups=["finance"])


@pytest.fixture
def boss(store: Any) -> User:
    return person("boss", STEER, SEE)


def told(row: HumanTask) -> list[tuple[str, str, str]]:
    events = ExecutionEvent.objects.filter(execution=row.execution_id).order_by("id")
    return list(events.values_list("type", "actor_kind", "actor_name"))


def wakes_at(row: HumanTask) -> Any:
    return WorkflowExecution.objects.get(pk=row.execution_id).wake_at


class TestClaiming:
    def test_a_candidate_has_it_then(self, eva: User) -> None:
        row = task("group:finance")

        claimed = human_tasks.claim(row.pk, user=eva)

        assert (claimed.assignee, claimed.status) == ("eva", TaskStatus.CLAIMED)
        assert told(row) == [("task_claimed", "user", "eva")]

    def test_of_two_one_has_it(self, eva: User, bob: User) -> None:
        row = task("group:finance")
        human_tasks.claim(str(row.pk), user=eva)

        with pytest.raises(TaskClaimedError) as caught:
            human_tasks.claim(row.pk, user=bob)

        assert (caught.value.by, caught.value.at) == ("eva", fresh(row).claimed_at)
        assert fresh(row).assignee == "eva"

    def test_a_second_time_changes_nothing(self, eva: User) -> None:
        row = task()
        human_tasks.claim(row.pk, user=eva)

        human_tasks.claim(row.pk, user=eva)

        assert len(told(row)) == 1

    def test_what_is_seen_is_not_what_is_for_one(self, store: Any) -> None:
        row = task("group:hr")

        with pytest.raises(NotCandidateError):
            human_tasks.claim(row.pk, user=person("vic", SEE, DO))

    def test_superusers_are_candidates_like_others(self, store: Any) -> None:
        row = task("group:hr")

        with pytest.raises(NotCandidateError):
            human_tasks.claim(row.pk, user=person("root", is_superuser=True))

    def test_the_permission_is_needed(self, store: Any) -> None:
        row = task()

        with pytest.raises(TaskActNotAllowedError, match="complete_humantask"):
            human_tasks.claim(row.pk, user=person("vic", SEE))

    @pytest.mark.parametrize("task_id", ["", "x", "\0", None])
    def test_an_id_that_nobody_has_is_not_found(self, eva: User, task_id: Any) -> None:
        with pytest.raises(TaskNotFoundError):
            human_tasks.claim(task_id or uuid4(), user=eva)


@pytest.mark.parametrize("is_superuser", [False, True])
class TestFourEyes:
    @pytest.mark.parametrize(
        "act",
        [
            lambda row, user: human_tasks.claim(row.pk, user=user),
            lambda row, user: human_tasks.complete(row.pk, YES, user=user),
        ],
        ids=["claim", "complete"],
    )
    def test_who_is_barred_does_not_do_it(
        self,
        store: Any,
        act: Callable[..., Any],
        is_superuser: bool,  # noqa: FBT001
    ) -> None:
        user = person("eva", DO, is_superuser=is_superuser)
        row = task("eva", not_by=["eva"])

        with pytest.raises(FourEyesError):
            act(row, user)

        assert fresh(row).status == "open"
        assert not told(row)

    def test_nor_is_it_given_to_them(self, boss: User, is_superuser: bool) -> None:  # noqa: FBT001
        person("eva", DO, is_superuser=is_superuser)
        row = task(not_by=["eva"])

        with pytest.raises(UnfitUserError, match="second pair of eyes"):
            human_tasks.reassign(row.pk, "eva", user=boss)


class TestReleasing:
    def test_others_can_claim_it_then(self, eva: User, bob: User) -> None:
        row = task("group:finance", assignee="eva")

        human_tasks.release(row.pk, user=eva)

        assert human_tasks.claim(row.pk, user=bob).assignee == "bob"

    def test_others_do_not_release_it(self, bob: User) -> None:
        row = task("group:finance", assignee="eva")

        with pytest.raises(NotAssigneeError):
            human_tasks.release(row.pk, user=bob)

    def test_who_reassigns_releases_for_others(self, boss: User) -> None:
        row = task("group:finance", assignee="eva")

        human_tasks.release(row.pk, user=boss, reason="on leave")

        assert fresh(row).assignee == ""
        assert ExecutionEvent.objects.get().reason == "on leave"

    def test_what_nobody_has_is_nobodys_to_release(self, eva: User, boss: User) -> None:
        row = task("group:finance")

        for user in (eva, boss):
            with pytest.raises(NotAssigneeError):
                human_tasks.release(row.pk, user=user)

    def test_who_only_looks_does_not(self, store: Any) -> None:
        row = task(assignee="vic")

        with pytest.raises(TaskActNotAllowedError):
            human_tasks.release(row.pk, user=person("vic", SEE))


class TestDelegating:
    def test_who_delegates_stays_the_owner(self, eva: User, bob: User) -> None:
        row = task("group:finance", assignee="eva")

        human_tasks.delegate(row.pk, "bob", user=eva, reason="holiday")

        assert (fresh(row).assignee, fresh(row).owner) == ("bob", "eva")
        assert told(row) == [("task_delegated", "user", "eva")]
        assert human_tasks.complete(row.pk, YES, user=bob).status is TaskStatus.COMPLETED

    @pytest.mark.parametrize(
        "to", ["eva", "hanna", "vic", "lazy", "barred", "nobody", "Bob", "", "a\0", "group:finance"]
    )
    def test_who_may_not_have_it_and_who_is_not_there_are_told_alike(
        self, eva: User, bob: User, to: str
    ) -> None:
        person("hanna", DO)
        person("vic", SEE, groups=["finance"])
        person("lazy", DO, groups=["finance"], is_active=False)
        person("barred", DO, groups=["finance"])
        row = task("group:finance", assignee="eva", not_by=["barred"])

        with pytest.raises(UnfitUserError) as caught:
            human_tasks.delegate(row.pk, to, user=eva)

        known = f"Task {row.pk} cannot be given to {to!r}: a task goes to another active user"
        assert str(caught.value).startswith(known)
        assert fresh(row).assignee == "eva"
        assert not told(row)

    def test_a_group_called_like_its_assignee_is_others(self) -> None:
        namesake = person("finance", DO, groups=["finance"])
        person("hanna", DO)
        row = task("group:finance", assignee="finance")

        with pytest.raises(UnfitUserError):
            human_tasks.delegate(row.pk, "hanna", user=namesake)

    def test_what_is_ones_own_alone_or_everybodys_to_anybody(self, eva: User) -> None:
        person("hanna", DO)
        own, everybodys = task(assignee="eva"), task()
        human_tasks.claim(everybodys.pk, user=eva)

        for row in (own, everybodys):
            assert human_tasks.delegate(row.pk, "hanna", user=eva).assignee == "hanna"

    def test_what_one_does_not_have_is_not_delegated(self, eva: User, bob: User) -> None:
        for row in (task("group:finance"), task("group:finance", assignee="bob")):
            with pytest.raises(NotAssigneeError):
                human_tasks.delegate(row.pk, "bob", user=eva)


class TestReassigning:
    def test_to_whoever_completes_tasks(self, boss: User) -> None:
        hanna = person("hanna", DO)
        row = task("group:finance", assignee="eva", owner="bob")

        human_tasks.reassign(row.pk, "hanna", user=boss, reason="knows more")

        assert (fresh(row).assignee, fresh(row).owner) == ("hanna", "")
        assert told(row) == [("task_reassigned", "user", "boss")]
        assert human_tasks.complete(row.pk, YES, user=hanna).assignee == "hanna"

    def test_to_a_group_it_is_offered_to_that_alone(self, boss: User, eva: User) -> None:
        row = task(["bob", "group:hr"], assignee="bob")

        human_tasks.reassign(row.pk, "group:finance", user=boss)

        assert list(HumanTaskCandidate.objects.values_list("kind", "name")) == [
            ("group", "finance")
        ]
        assert human_tasks.claim(row.pk, user=eva).assignee == "eva"

    @pytest.mark.parametrize("to", ["nobody", "Eva", "group:nothing", "", "a\0", "lazy"])
    def test_nobody_gets_none(self, boss: User, eva: User, to: str) -> None:
        person("lazy", DO, is_active=False)
        row = task()

        with pytest.raises(NoSuchUserError):
            human_tasks.reassign(row.pk, to, user=boss)

    def test_who_completes_no_tasks_gets_none(self, boss: User) -> None:
        person("vic", SEE)

        with pytest.raises(UnfitUserError, match="complete_humantask"):
            human_tasks.reassign(task().pk, "vic", user=boss)

    def test_who_does_not_see_the_execution_gets_none(self, boss: User, eva: User) -> None:
        row = task()

        with (
            durable_settings(SCOPE=f"{__name__}.boss_only"),
            pytest.raises(UnfitUserError, match="scope"),
        ):
            human_tasks.reassign(row.pk, "eva", user=boss)

    @pytest.mark.parametrize("act", ["reassign", "cancel"])
    def test_the_permission_is_needed(self, eva: User, act: str) -> None:
        row = task(assignee="eva")
        arguments = ("eva",) if act == "reassign" else ()

        with pytest.raises(TaskActNotAllowedError, match="reassign_humantask"):
            getattr(human_tasks, act)(row.pk, *arguments, user=eva)

        assert not told(row)


class TestCompleting:
    @pytest.mark.parametrize("fields", [{}, {"assignee": "eva"}])
    def test_the_answer_is_stored_and_the_execution_woken(self, eva: User, fields: Any) -> None:
        row = task("group:finance", **fields)

        human_tasks.complete(row.pk, YES, user=eva, comment="as agreed")

        done = fresh(row)
        assert (done.status, done.assignee, done.comment) == ("completed", "eva", "as agreed")
        assert engine().payloads.decode(done.data or "", "It") == {"approved": True}
        assert (done.actor_kind, done.actor_id, done.actor_name) == ("user", str(eva.pk), "eva")
        assert told(row) == [("task_completed", "user", "eva")]
        assert wakes_at(row) is not None

    def test_an_answer_that_is_not_valid_changes_nothing(self, eva: User) -> None:
        row = task()

        with pytest.raises(FieldErrors) as caught:
            human_tasks.complete(row.pk, {"approved": "perhaps"}, user=eva)

        assert list(caught.value.errors) == ["approved"]
        assert fresh(row).status == "open"
        assert wakes_at(row) is None
        assert not told(row)

    def test_the_execution_goes_on_with_the_transaction_of_the_caller(self, eva: User) -> None:
        row = task()

        with transaction.atomic():
            human_tasks.complete(row.pk, YES, user=eva)
            transaction.set_rollback(True)

        assert fresh(row).status == "open"
        assert wakes_at(row) is None

    def test_a_second_answer_is_refused(self, eva: User, bob: User) -> None:
        row = task("group:finance")
        human_tasks.complete(row.pk, YES, user=eva)

        with pytest.raises(TaskOverError) as caught:
            human_tasks.complete(row.pk, {"approved": False}, user=bob)

        assert (caught.value.status, caught.value.by) == ("completed", "eva")
        assert caught.value.at == fresh(row).finished_at

    def test_what_somebody_else_has_is_theirs(self, eva: User) -> None:
        row = task("group:finance", assignee="bob")

        with pytest.raises(TaskClaimedError):
            human_tasks.complete(row.pk, YES, user=eva)

    @pytest.mark.parametrize("status", [TaskStatus.CANCELLED, TaskStatus.EXPIRED])
    def test_what_is_over_is_over(self, eva: User, status: TaskStatus) -> None:
        row = task()
        over(row, status)

        for act in (
            lambda: human_tasks.claim(row.pk, user=eva),
            lambda: human_tasks.complete(row.pk, YES, user=eva),
        ):
            with pytest.raises(TaskOverError) as caught:
                act()
            assert caught.value.status == status

    def test_a_comment_has_an_end(self, eva: User) -> None:
        row = task()

        human_tasks.complete(row.pk, YES, user=eva, comment="x" * 20_000)

        assert len(fresh(row).comment) == 10_000


def test_what_no_database_stores_is_left_out_of_what_people_say(eva: User, boss: User) -> None:
    row = task(assignee="eva")

    human_tasks.release(row.pk, user=eva, reason="a\0b")
    human_tasks.complete(row.pk, YES, user=eva, comment="\ud800 ok\0")

    assert ExecutionEvent.objects.filter(type="task_released").get().reason == "ab"
    assert fresh(row).comment == "? ok"


class TestBetweenTheLookAndTheAct:
    """The store stands in for the other process: what it does comes before the act's own lock."""

    @pytest.mark.parametrize("act", ["claim", "complete"])
    def test_who_took_it_is_named(
        self, eva: User, bob: User, monkeypatch: pytest.MonkeyPatch, act: str
    ) -> None:
        row = task("group:finance")
        before_the_lock(monkeypatch, lambda: engine().store.claim_task(row.pk, "bob"))

        with pytest.raises(TaskClaimedError, match="bob"):
            ACTS[act](row, eva)

    @pytest.mark.parametrize(
        ("act", "error"),
        [
            ("claim", NotCandidateError),
            ("complete", NotCandidateError),
            ("release", NotAssigneeError),
            ("delegate", NotAssigneeError),
        ],
    )
    def test_who_is_not_asked_any_more_is_refused(
        self,
        eva: User,
        bob: User,
        monkeypatch: pytest.MonkeyPatch,
        act: str,
        error: type[Exception],
    ) -> None:
        row = task("group:finance", assignee="eva" if act in ("release", "delegate") else "")
        before_the_lock(monkeypatch, lambda: engine().store.assign_task(row.pk, to="group:hr"))

        with pytest.raises(error):
            ACTS[act](row, eva)

        assert (fresh(row).status, fresh(row).assignee) == ("open", "")
        assert [what for what, *_ in told(row)] == ["task_reassigned"]


class TestCancelling:
    def test_it_is_over_and_the_execution_woken(self, boss: User) -> None:
        row = task(assignee="eva")

        human_tasks.cancel(row.pk, user=boss, reason="not needed")

        assert fresh(row).status == "cancelled"
        assert told(row) == [("task_cancelled", "user", "boss")]
        assert wakes_at(row) is not None


def test_workers_are_told_of_what_lets_an_execution_go_on_and_of_nothing_else(
    eva: User, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(engine().acts, "_wake", rung.append)
    completed, cancelled = task(), task()

    human_tasks.claim(completed.pk, user=eva)
    assert not rung
    human_tasks.complete(completed.pk, YES, user=eva)
    human_tasks.cancel(cancelled.pk, user=boss)

    assert rung == ["default", "default"]


def test_out_of_scope_nothing_can_be_done(store: Any) -> None:
    root = person("root", is_superuser=True)
    row = task(assignee="root")

    with durable_settings(SCOPE=f"{see_nothing.__module__}.see_nothing"):
        for act in (
            lambda: human_tasks.claim(row.pk, user=root),
            lambda: human_tasks.release(row.pk, user=root),
            lambda: human_tasks.delegate(row.pk, "root", user=root),
            lambda: human_tasks.reassign(row.pk, "root", user=root),
            lambda: human_tasks.complete(row.pk, YES, user=root),
            lambda: human_tasks.cancel(row.pk, user=root),
        ):
            with pytest.raises(TaskNotFoundError):
                act()

    assert fresh(row).status == "claimed"


def test_what_was_refused_leaves_a_line_in_the_log(
    eva: User, caplog: pytest.LogCaptureFixture
) -> None:
    row = task(not_by=["eva"])

    with caplog.at_level(logging.WARNING), pytest.raises(FourEyesError):
        human_tasks.claim(row.pk, user=eva)

    [record] = caplog.records
    assert vars(record)["error"] == "FourEyesError"


def test_groups_are_groups_and_users_are_users(store: Any) -> None:
    Group.objects.create(name="eva")
    member = person("bob", DO, groups=["eva"])
    row = task("eva")

    with pytest.raises(TaskNotFoundError):
        human_tasks.claim(row.pk, user=member)


def before_the_lock(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Have something done when an act is about to begin its transaction."""
    store = engine().store
    transact = store.transact

    def late(work: Callable[[], Any]) -> Any:
        act()
        return transact(work)

    monkeypatch.setattr(store, "transact", late)


def boss_only(user: Any, executions: Any) -> Any:
    return executions if user.get_username() == "boss" else executions.none()


def test_every_act_has_an_event() -> None:
    acts = {one for one in EventType if one.startswith("task_")}

    assert len(acts) == 9
