from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from durable_django import runtime
from durable_django.control import human_tasks
from durable_django.control.hook_tokens import digest_token, read_token, sign_token
from durable_django.control.human_tasks.errors import (
    LinkGoneError,
    LinkNotFoundError,
    NoSuchUserError,
    UnfitUserError,
)
from durable_django.control.human_tasks.links import (
    LONGEST_LIFE,
    TaskLink,
    find_link,
    link_url,
    list_links,
    mint_link,
    revoke_link,
    state_of,
    use_link,
)
from durable_django.domain.event import Actor, ActorKind
from durable_django.domain.status import TaskStatus
from durable_django.engine.durable_engine import DurableEngine, EngineOptions
from durable_django.exceptions import (
    ConfigurationError,
    FieldErrors,
    TaskClaimedError,
    TaskNotFoundError,
    TaskOverError,
)
from durable_django.models import ExecutionEvent, HumanTask, HumanTaskLink
from durable_django.testing.driver import DurableDriver
from tests.api.doors import durable_settings, see_nothing
from tests.control.human_tasks.desk import DO, HOUR, STEER, fresh, over, person, task
from tests.stores.orm.threads import at_once

YES = {"approved": True}
ALICE = Actor(kind=ActorKind.USER, id="7", name="alice")


@pytest.fixture
def eva(store: Any) -> User:
    return person("eva", DO, groups=["finance"])


@pytest.fixture
def row(eva: User) -> HumanTask:
    return task("group:finance")


@pytest.fixture
def link(row: HumanTask) -> TaskLink:
    return mint_link(row.pk, "eva", expires_in=HOUR)


def why_gone(act: Callable[[], Any]) -> str:
    with pytest.raises(LinkGoneError) as caught:
        act()
    return caught.value.why


def told(row: HumanTask) -> list[tuple[str, str, str]]:
    events = ExecutionEvent.objects.filter(execution=row.execution_id).order_by("id")
    return list(events.values_list("type", "actor_kind", "actor_name"))


class TestMinting:
    def test_it_is_stored_as_a_hash_only(self, link: TaskLink) -> None:
        [stored] = HumanTaskLink.objects.values()

        assert stored["token_digest"] == digest_token(link.token)
        assert link.token not in str(stored)
        assert link.token not in repr(link)
        assert (stored["user"], stored["used_at"]) == ("eva", None)

    def test_tokens_of_signals_are_none_of_tasks(self, link: TaskLink) -> None:
        assert read_token(link.token) is None
        with pytest.raises(LinkNotFoundError):
            find_link(sign_token(link.id, link.expires_at))

    def test_who_made_it_is_in_the_events_and_the_token_is_not(self, row: HumanTask) -> None:
        link = mint_link(row.pk, "eva", expires_in=HOUR, by=ALICE)

        [event] = ExecutionEvent.objects.values()
        assert (event["type"], event["actor_name"]) == ("task_link_minted", "alice")
        assert event["details"]["user"] == "eva"
        assert link.token not in str(event)

    @pytest.mark.parametrize(
        "expires_in", [timedelta(0), -HOUR, LONGEST_LIFE + timedelta(seconds=1)]
    )
    def test_its_life_has_bounds(self, row: HumanTask, expires_in: timedelta) -> None:
        with pytest.raises(ValueError, match="expires_in"):
            mint_link(row.pk, "eva", expires_in=expires_in)

    def test_nobody_gets_none(self, row: HumanTask) -> None:
        with pytest.raises(NoSuchUserError):
            mint_link(row.pk, "nobody", expires_in=HOUR)

    @pytest.mark.parametrize(
        ("fields", "groups"),
        [({"not_by": ["bob"]}, ["finance"]), ({}, ["hr"]), ({"assignee": "eva"}, [])],
        ids=["barred", "no candidate", "another's"],
    )
    def test_only_who_may_complete_it_gets_one(self, store: Any, fields: Any, groups: Any) -> None:
        person("bob", DO, groups=groups)
        row = task("group:finance", **fields)

        with pytest.raises(UnfitUserError):
            mint_link(row.pk, "bob", expires_in=HOUR)

        assert not HumanTaskLink.objects.exists()

    def test_there_is_none_for_what_is_over_or_not_there(self, row: HumanTask) -> None:
        with pytest.raises(TaskNotFoundError):
            mint_link(uuid4(), "eva", expires_in=HOUR)
        over(row)
        with pytest.raises(TaskOverError):
            mint_link(row.pk, "eva", expires_in=HOUR)

    def test_it_vanishes_with_the_callers_transaction(self, row: HumanTask) -> None:
        with transaction.atomic():
            mint_link(row.pk, "eva", expires_in=HOUR, by=ALICE)
            transaction.set_rollback(True)

        assert not HumanTaskLink.objects.exists()
        assert not told(row)


class TestUsing:
    def test_the_answer_is_the_users_and_the_audit_names_the_link(
        self, row: HumanTask, link: TaskLink
    ) -> None:
        done = use_link(link.token, YES, comment="fine")

        assert (done.status, done.assignee, done.comment) == (TaskStatus.COMPLETED, "eva", "fine")
        assert told(row) == [("task_completed", "hook", "eva")]
        assert ExecutionEvent.objects.get().actor_id == str(link.id)
        assert HumanTaskLink.objects.get().used_at is not None

    def test_a_second_time_it_is_gone(self, link: TaskLink) -> None:
        use_link(link.token, YES)

        assert why_gone(lambda: use_link(link.token, {"approved": False})) == "used"

    def test_looking_does_not_use_it(self, row: HumanTask, link: TaskLink) -> None:
        for _ in range(3):
            assert find_link(link.token)[1] == row

        assert HumanTaskLink.objects.get().used_at is None

    def test_an_answer_that_is_not_valid_leaves_it_unused(
        self, row: HumanTask, link: TaskLink
    ) -> None:
        with pytest.raises(FieldErrors):
            use_link(link.token, {"approved": "perhaps"})

        assert HumanTaskLink.objects.get().used_at is None
        assert fresh(row).status == "open"

    def test_expired_revoked_or_over_it_is_gone(self, store: DurableDriver, row: HumanTask) -> None:
        expired, revoked, late = (
            mint_link(row.pk, "eva", expires_in=HOUR * hours) for hours in (1, 9, 9)
        )
        revoke_link(revoked.id, by=ALICE)
        store.clock.advance(HOUR)

        assert why_gone(partial(use_link, expired.token, YES)) == "expired"
        assert why_gone(partial(use_link, revoked.token, YES)) == "revoked"
        over(row)
        assert why_gone(partial(use_link, late.token, YES)) == "over"
        assert not HumanTaskLink.objects.filter(used_at__isnull=False).exists()

    @pytest.mark.parametrize("state", ["left", "demoted", "moved", "barred", "out of scope"])
    def test_who_may_not_any_more_does_not_by_link(
        self, row: HumanTask, link: TaskLink, eva: User, state: str
    ) -> None:
        if state == "left":
            User.objects.update(is_active=False)
        elif state == "demoted":
            eva.user_permissions.clear()
        elif state == "moved":
            eva.groups.clear()
        elif state == "barred":
            HumanTask.objects.update(not_by=["eva"])
        scope = f"{see_nothing.__module__}.see_nothing" if state == "out of scope" else ""

        with durable_settings(SCOPE=scope):
            assert why_gone(partial(use_link, link.token, YES)) == "barred"

        assert fresh(row).status == "open"
        assert HumanTaskLink.objects.get().used_at is None

    def test_superusers_are_barred_by_link_too(self, eva: User, row: HumanTask) -> None:
        User.objects.update(is_superuser=True)
        link = mint_link(row.pk, "eva", expires_in=HOUR)
        HumanTask.objects.update(not_by=["eva"])

        assert why_gone(partial(use_link, link.token, YES)) == "barred"

    def test_what_somebody_else_has_can_be_answered_once_it_is_released(
        self, row: HumanTask, link: TaskLink
    ) -> None:
        bob = person("bob", DO, groups=["finance"])
        human_tasks.claim(row.pk, user=bob)
        with pytest.raises(TaskClaimedError):
            use_link(link.token, YES)
        human_tasks.release(row.pk, user=bob)

        assert use_link(link.token, YES).assignee == "eva"

    @pytest.mark.parametrize("to", ["bob", "group:hr"])
    def test_whom_a_reassigned_task_is_not_for_does_not_answer_it(
        self, row: HumanTask, link: TaskLink, to: str
    ) -> None:
        """While a user has it, it may come back; what goes to another group does not."""
        runtime.engine().store.assign_task(row.pk, to=to)

        with pytest.raises(TaskClaimedError if to == "bob" else LinkGoneError):
            use_link(link.token, YES)

        assert HumanTaskLink.objects.get().used_at is None
        assert fresh(row).status in ("open", "claimed")

    def test_a_refusal_does_not_spoil_the_callers_transaction(
        self, row: HumanTask, link: TaskLink
    ) -> None:
        over(row)

        with transaction.atomic():
            assert why_gone(partial(use_link, link.token, YES)) == "over"
            assert HumanTaskLink.objects.get().used_at is None

    def test_the_use_and_the_completion_are_one(
        self, row: HumanTask, link: TaskLink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: Any) -> Any:
            raise ZeroDivisionError

        monkeypatch.setattr(runtime.engine().store, "complete_task", fail)
        with pytest.raises(ZeroDivisionError):
            use_link(link.token, YES)

        assert HumanTaskLink.objects.get().used_at is None
        assert fresh(row).status == "open"

    def test_of_two_links_one_answers(self, row: HumanTask, link: TaskLink) -> None:
        second = mint_link(row.pk, "eva", expires_in=HOUR)
        use_link(link.token, YES)

        assert why_gone(partial(use_link, second.token, YES)) == "over"


class TestTokens:
    @pytest.mark.parametrize("place", range(0, 110, 9))
    def test_one_flipped_character_makes_it_unknown(self, link: TaskLink, place: int) -> None:
        other = "A" if link.token[place] != "A" else "B"

        with pytest.raises(LinkNotFoundError):
            find_link(link.token[:place] + other + link.token[place + 1 :])

    @pytest.mark.parametrize("token", ["", "x", "\0", "\ud800", "é" * 110, "a" * 1_000_000])
    def test_any_other_text_is_unknown(self, link: TaskLink, token: str) -> None:
        with pytest.raises(LinkNotFoundError):
            use_link(token, YES)

    def test_a_retired_key_opens_until_it_is_forgotten(self, link: TaskLink, settings: Any) -> None:
        former, settings.SECRET_KEY = settings.SECRET_KEY, "another " * 8
        settings.SECRET_KEY_FALLBACKS = [former]
        find_link(link.token)

        settings.SECRET_KEY_FALLBACKS = []

        with pytest.raises(LinkNotFoundError):
            use_link(link.token, YES)

    def test_another_signed_token_for_the_same_link_is_unknown(self, link: TaskLink) -> None:
        forged = sign_token(link.id, link.expires_at, "durable_django.task_link")

        with pytest.raises(LinkNotFoundError):
            find_link(forged)


class TestRevoking:
    def test_it_is_told_once(self, row: HumanTask, link: TaskLink) -> None:
        assert revoke_link(link.id, by=ALICE, reason="lost")
        assert not revoke_link(link.id, by=ALICE)

        assert told(row) == [("hook_revoked", "user", "alice")]

    def test_what_is_not_there_is_not_revoked(self, link: TaskLink) -> None:
        with pytest.raises(LinkNotFoundError):
            revoke_link(uuid4())


def test_links_are_listed_newest_first(row: HumanTask) -> None:
    made = [mint_link(row.pk, "eva", expires_in=HOUR).id for _ in range(3)]

    assert [one.pk for one in list_links(row.pk)] == made[::-1]
    assert state_of(list_links(row.pk)[0], runtime.engine().store.now()) == "open"


def test_without_the_api_there_is_no_address(settings: Any) -> None:
    assert link_url("token").endswith("/task-links/token/")
    settings.ROOT_URLCONF = "django.contrib.auth.urls"

    with pytest.raises(ConfigurationError, match=r"durable_django\.api\.urls"):
        link_url("token")


@pytest.fixture
def parallel(transactional_db: None) -> Iterator[DurableEngine]:
    """Put an engine with the database's own clock in place."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time; the test is about two.")
    engine = runtime.build_engine(dispatcher=None, options=EngineOptions(renews_leases=False))
    former = runtime.use_engine(engine)
    yield engine
    runtime.use_engine(former)
    engine.dispose()


@pytest.mark.django_db(transaction=True)
def test_of_fifty_uses_at_once_one_completes(parallel: DurableEngine) -> None:
    person("eva", DO, STEER)
    row = task("eva")
    link = mint_link(row.pk, "eva", expires_in=HOUR)

    answers = at_once(*[lambda: use_link(link.token, YES).status] * 50)

    assert answers.count(TaskStatus.COMPLETED) == 1
    gone = [one for one in answers if isinstance(one, LinkGoneError)]
    assert [one.why for one in gone] == ["used"] * 49 or len(gone) == 49
    assert told(row) == [("task_completed", "hook", "eva")]


@pytest.mark.django_db(transaction=True)
def test_of_fifty_completions_and_claims_at_once_one_completes(parallel: DurableEngine) -> None:
    users = [person(f"user{number}", DO) for number in range(5)]
    row = task([user.get_username() for user in users])

    answers = at_once(
        *[partial(human_tasks.complete, row.pk, YES, user=user) for user in users] * 5
    )

    assert sum(not isinstance(one, Exception) for one in answers) == 1
    assert all(isinstance(one, TaskOverError) for one in answers if isinstance(one, Exception))
