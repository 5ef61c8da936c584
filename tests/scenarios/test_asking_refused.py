from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import (
    Approval,
    Choice,
    Escalate,
    Text,
)
from durable_django.domain.event import Actor, ActorKind
from durable_django.exceptions import DefinitionError, PayloadError
from tests.scenarios.people import user

HOUR = timedelta(hours=1)
CAROL = Actor(kind=ActorKind.USER, id="3", name="carol")


class TestRefusedOptions:
    @pytest.mark.parametrize(
        ("options", "told"),
        [
            pytest.param({"form": None}, "needs a form class", id="no_form"),
            pytest.param({"form": Approval}, "with its brackets", id="field_class"),
            pytest.param({"form": {"not a name": Text()}}, "identifier", id="field_name"),
            pytest.param({"form": {"a": 1}}, "has to be an Approval", id="no_field"),
            pytest.param({"form": Approval(label="a\0")}, "'approved' holds", id="field_nul"),
            pytest.param({"form": {"x": Text(help="\ud800")}}, "'x' holds", id="field_surrogate"),
            pytest.param({"form": Choice({"a": "\0"})}, "'choice' holds", id="option_nul"),
            pytest.param({"form": Choice("\ud800")}, "'choice' holds", id="option_surrogate"),
            pytest.param({"assignees": [7]}, "neither a user nor a group", id="nobody"),
            pytest.param({"candidates": "group:"}, "group name", id="empty_group"),
            pytest.param({"not_by": "group:hr"}, "is a group", id="group_barred"),
            pytest.param({"assignees": "a", "not_by": "a"}, "name somebody else", id="all_barred"),
            pytest.param({"candidates": []}, "is for nobody", id="no_candidates"),
            pytest.param({"assignees": iter(())}, "is for nobody", id="no_assignees"),
            pytest.param({"due": timedelta(-1)}, "due", id="due_before"),
            pytest.param({"remind": timedelta(0)}, "remind", id="remind_always"),
            pytest.param({"timeout": timedelta(40_000)}, "timeout", id="timeout_too_long"),
            pytest.param({"priority": 1001}, "priority", id="priority"),
            pytest.param({"priority": True}, "priority", id="priority_bool"),
            pytest.param({"title": "x" * 256}, "title has 256", id="title"),
            pytest.param({"description": "a\0"}, "description", id="nul"),
            pytest.param({"title": "\ud800"}, "title", id="surrogate"),
            pytest.param({"display": [1]}, "display", id="display"),
            pytest.param({"display": {1: 1}}, "display", id="display_key"),
            pytest.param(
                {"escalate": Escalate(after=HOUR, to=[])}, "escalates to nobody", id="escalation"
            ),
            pytest.param(
                {"escalate": Escalate(after=timedelta(-1), to="b")}, "escalate", id="too_early"
            ),
        ],
    )
    def test_it_is_refused_with_a_remedy_and_nothing_is_asked(self, driver, define, options, told):
        given = {"form": Approval()} | options

        def body(ctx):
            with pytest.raises(DefinitionError, match=told):
                ctx.ask("approve", given.pop("form", None), **given)

        execution = driver.start(define(body))

        assert execution.status == "completed"
        assert driver.tasks(execution) == []

    def test_one_of_the_two_may_be_empty(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.ask("a", {}, assignees=[], candidates="b")))

        [task] = driver.tasks(execution)
        assert (task.assignee, task.candidates) == ("", (user("b"),))

    def test_a_form_that_only_this_process_knows(self, driver, define):
        class Local:
            pass

        def body(ctx):
            with pytest.raises(DefinitionError, match="cannot be found again"):
                ctx.ask("approve", Local)

        assert driver.start(define(body)).status == "completed"

    def test_a_display_that_cannot_be_stored(self, driver, define):
        def body(ctx):
            with pytest.raises(PayloadError, match="Display of task 'approve'"):
                ctx.ask("approve", Approval(), display={"file": object()})

        assert driver.start(define(body)).status == "completed"

    def test_who_is_barred_is_passed_over(self, driver, define):
        def body(ctx):
            people = ["alice", "bob"]
            to = Escalate(after=HOUR, to=["alice", "carol"])
            ctx.ask("approve", {}, assignees=people, not_by="alice", escalate=to)

        execution = driver.start(define(body))

        [task] = driver.tasks(execution)
        assert (task.assignee, task.candidates) == ("bob", (user("bob"),))
        assert task.escalate_to == (user("carol"),)
