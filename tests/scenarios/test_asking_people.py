from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from durable_django import (
    Approval,
    Choice,
    MultiChoice,
    TaskAnswer,
    Text,
)
from durable_django.domain.event import Actor, ActorKind
from durable_django.exceptions import (
    FieldErrors,
    PayloadError,
    TaskForbiddenError,
)
from tests.scenarios.people import (
    RefundForm,
    group,
    states,
    user,
)

HOUR = timedelta(hours=1)
CAROL = Actor(kind=ActorKind.USER, id="3", name="carol")


@pytest.fixture
def approve(define):
    return define(lambda ctx: ctx.ask("approve", Approval())["approved"])


class TestAsking:
    def test_it_waits_for_a_person_and_goes_on_with_the_answer(self, driver, approve):
        """C70."""
        execution = driver.start(approve)
        facts = execution.execution
        driver.complete_task(execution, "approve", {"approved": True}, by="alice")

        assert (facts.status, facts.waiting_kind, facts.waiting_for, facts.wake_at) == (
            "suspended",
            "task",
            "approve",
            None,
        )
        assert driver.result(execution) is True
        assert states(driver, execution) == [("approve", "completed")]

    def test_the_answer_says_who_gave_it_and_when(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.ask("approve", Approval())))
        driver.advance(HOUR)

        driver.complete_task(
            execution, "approve", {"approved": False}, by="alice", comment="too much"
        )

        answer = driver.result(execution)
        assert answer == TaskAnswer(
            data={"approved": False}, by="alice", at=driver.clock.now(), comment="too much"
        )

    def test_what_is_asked_is_in_the_row(self, driver, define):
        def body(ctx):
            return ctx.ask(
                "approve",
                {"ok": Approval("Fine?"), "why": Text(multiline=True, required=False)},
                title="Refund #77",
                description="Over the limit.",
                display={"amount": Decimal("9.90")},
                assignees=["alice", "group:finance"],
                candidates=SimpleNamespace(name="hr"),
                not_by=SimpleNamespace(get_username=lambda: "bob"),
                due=HOUR,
                priority=9,
            ).by

        execution = driver.start(define(body))

        [task] = driver.tasks(execution)
        assert (task.title, task.description, task.priority) == ("Refund #77", "Over the limit.", 9)
        shown = driver.engine.payloads.decode(task.display, "display")
        assert shown == [{"amount": Decimal("9.90")}]
        assert [one["name"] for one in task.fields] == ["ok", "why"]
        assert task.candidates == (user("alice"), group("finance"), group("hr"))
        assert (task.assignee, task.not_by) == ("", ("bob",))
        assert task.due_at == driver.clock.now() + HOUR
        driver.complete_task(execution, "approve", {"ok": True}, by="alice")

    def test_one_assignee_has_it_and_may_have_it_again(self, driver, define):
        ask = define(lambda ctx: ctx.ask("approve", Approval(), assignees="alice").by)
        execution = driver.start(ask)
        [task] = driver.tasks(execution)

        driver.store.release_task(task.id, "alice")

        assert (task.assignee, task.status) == ("alice", "claimed")
        [task] = driver.tasks(execution)
        assert (task.assignee, task.candidates) == ("", (user("alice"),))

    def test_a_form_is_kept_by_its_name(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.ask("refund", RefundForm)["amount"]))
        [task] = driver.tasks(execution)

        driver.complete_task(execution, "refund", {"amount": Decimal("9.90")})

        assert (task.form, task.fields) == ("tests.scenarios.people.RefundForm", ())
        assert driver.result(execution) == Decimal("9.90")

    def test_an_answer_is_checked_before_it_counts(self, driver, approve):
        execution = driver.start(approve)

        with pytest.raises(FieldErrors) as refused:
            driver.complete_task(execution, "approve", {"approved": "yes", "extra": 1})

        assert set(refused.value.errors) == {"approved", "extra"}
        assert states(driver, execution) == [("approve", "open")]

    def test_types_survive_live_and_on_replay(self, driver, define):
        given = {
            "amount": Decimal("9.90"),
            "day": date(2026, 11, 20),
            "tags": {"b", "a"},
            "pair": (1, 2),
            "nothing": None,
        }
        seen = []

        def body(ctx):
            seen.append(ctx.ask("refund", RefundForm))
            ctx.sleep("nap", HOUR)
            return seen[-1].data

        execution = driver.start(define(body))
        driver.complete_task(execution, "refund", given, by="alice")
        driver.restart()
        driver.advance(HOUR)

        assert driver.result(execution) == given
        assert len(seen) == 2
        assert seen[0] == seen[1]
        assert repr(seen[0]) == repr(seen[1])

    def test_choices_are_values_and_texts_are_stripped(self, driver, define):
        form = {"by": Choice({"air": "By air"}), "extras": MultiChoice("x", "y"), "note": Text()}
        execution = driver.start(define(lambda ctx: dict(ctx.ask("ship", form).data)))

        answer = {"by": "air", "extras": ["y", "x", "y"], "note": " fragile "}
        driver.complete_task(execution, "ship", answer)

        assert driver.result(execution) == {"by": "air", "extras": ["x", "y"], "note": "fragile"}

    def test_one_after_the_other_each_is_asked_once(self, driver, define):
        """Four eyes: the second may not be the first."""

        def body(ctx):
            first = ctx.ask("approve", Approval(), candidates="group:finance")
            second = ctx.ask("approve", Approval(), not_by=first.by)
            return [first.by, second.by]

        execution = driver.start(define(body))
        driver.complete_task(execution, "approve", {"approved": True}, by="alice")
        with pytest.raises(TaskForbiddenError, match="four-eyes"):
            driver.complete_task(execution, "approve", {"approved": True}, by="alice")
        driver.complete_task(execution, "approve#2", {"approved": True}, by="bob")

        assert driver.result(execution) == ["alice", "bob"]
        assert states(driver, execution) == [("approve", "completed"), ("approve#2", "completed")]

    def test_an_answer_that_cannot_be_stored_is_refused_at_the_door(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.ask("refund", RefundForm).by))

        with pytest.raises(PayloadError, match="Answer of task 'refund'"):
            driver.complete_task(execution, "refund", {"file": object()})

        assert states(driver, execution) == [("refund", "open")]

    def test_whom_it_asks_is_read_once(self, driver, define):
        """A query may find others later, or nobody: the task stands, and so does its answer."""
        people = ["alice"]

        def body(ctx):
            answer = ctx.ask("approve", {}, candidates=list(people), remind=HOUR)
            ctx.sleep("nap", HOUR)
            return answer.by

        execution = driver.start(define(body))
        people.clear()
        driver.advance(HOUR)
        driver.complete_task(execution, "approve", by="alice")
        driver.advance(HOUR)

        assert driver.result(execution) == "alice"

    def test_what_is_not_asked_cannot_be_answered(self, driver, approve):
        execution = driver.start(approve)

        with pytest.raises(LookupError, match="It asks: approve"):
            driver.complete_task(execution, "other")

    def test_a_step_after_the_answer_is_done_once(self, driver, define, log):
        """W24: completion and going on are one act, whoever dies in between."""

        def body(ctx):
            answer = ctx.ask("approve", Approval())
            ctx.step("note", log.append, answer["approved"])
            ctx.ask("again", {})

        execution = driver.start(define(body))
        driver.complete_task(execution, "approve", {"approved": True})
        driver.restart()
        driver.complete_task(execution, "again")

        assert execution.refresh().status == "completed"
        assert log == [True]
