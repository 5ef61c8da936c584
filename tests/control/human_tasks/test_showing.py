from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.http import QueryDict

from durable_django.control import human_tasks
from durable_django.control.human_tasks.people import person_of
from durable_django.control.human_tasks.showing import (
    answer_json,
    build_page,
    display_json,
    offers_comment,
)
from durable_django.control.permissions import Permission
from durable_django.domain.task_form import Approval, Choice, MultiChoice, TaskForm, Text
from durable_django.exceptions import TaskNotFoundError
from durable_django.models import HumanTask
from durable_django.runtime import engine
from tests.control.human_tasks.desk import DO, SEE, STEER, fresh, over, person, task

SHOWN = {"amount": "77 EUR", "lines": [1, 2], "password": "hunter2"}
HIDDEN = {"hidden": True}


@pytest.fixture
def row(store: Any) -> HumanTask:
    return task("group:finance", display=engine().payloads.encode(SHOWN, "It"))


class TestDisplay:
    def test_whom_it_is_for_sees_what_they_decide_on_without_the_secrets(
        self, row: HumanTask
    ) -> None:
        eva = person_of(person("eva", DO, groups=["finance"]))

        assert display_json(row, eva) == {
            "amount": "77 EUR",
            "lines": [1, 2],
            "password": "•••",
        }

    def test_who_only_looks_needs_the_permission_for_payloads(self, row: HumanTask) -> None:
        assert display_json(row, person_of(person("vic", SEE, DO))) == HIDDEN
        assert display_json(row, person_of(person("boss", SEE, STEER))) == HIDDEN
        auditor = person_of(person("ada", SEE, Permission.PAYLOADS))
        assert display_json(row, auditor)["amount"] == "77 EUR"

    def test_who_may_not_complete_tasks_is_not_whom_it_is_for(self, store: Any) -> None:
        row = task(display=engine().payloads.encode(SHOWN, "It"))

        assert display_json(row, person_of(person("vic", SEE))) == HIDDEN


class TestAnswer:
    def test_who_gave_it_sees_it_and_others_do_not(self, row: HumanTask) -> None:
        eva = person("eva", DO, groups=["finance"])
        human_tasks.complete(row.pk, {"approved": True}, user=eva)
        done = fresh(row)

        assert answer_json(done, person_of(eva)) == {"approved": True}
        assert answer_json(done, person_of(person("bob", DO, groups=["finance"]))) == HIDDEN

    def test_it_is_told_in_the_words_of_its_form(self, store: Any) -> None:
        eva = person("eva", DO)
        asked = {
            "zone": Choice({"eu": "Europe"}, label="Where to"),
            "kinds": MultiChoice({"a": "Air", "s": "Sea"}),
            "sure": Approval(),
            "password": Text(),
            "note": Text(required=False),
        }
        row = task("eva", fields=list(TaskForm.of(asked).to_json()))
        given = {"zone": "eu", "kinds": ["s", "a"], "sure": False, "password": "x", "note": ""}
        human_tasks.complete(row.pk, given, user=eva)

        assert build_page(eva, row.pk).answer == (
            ("Where to", "Europe"),
            ("Kinds", "Air, Sea"),
            ("Sure", "no"),
            ("Password", "•••"),
            ("Note", ""),
        )

    def test_without_its_form_it_is_told_by_names(self, row: HumanTask) -> None:
        eva = person("eva", DO, groups=["finance"])
        human_tasks.complete(row.pk, {"approved": True}, user=eva)
        HumanTask.objects.filter(pk=row.pk).update(form="shop.forms.GoneForm")

        assert build_page(eva, row.pk).answer == (("approved", "yes"),)


class TestPage:
    def test_it_has_all_that_a_person_needs(self, row: HumanTask) -> None:
        page = build_page(person("eva", DO, groups=["finance"]), row.pk)

        assert page.row.can_complete
        assert page.display == (("amount", "77 EUR"), ("lines", "[1, 2]"), ("password", "•••"))
        assert page.form is not None
        assert (page.form_problem, page.answer) == ("", ())
        assert page.offers_comment

    def test_what_was_sent_is_shown_with_what_is_wrong(self, row: HumanTask) -> None:
        eva = person("eva", DO, groups=["finance"])

        page = build_page(eva, row.pk, QueryDict("answer-approved=perhaps"), prefix="answer")

        assert page.form is not None
        assert "perhaps is not one" in page.form.as_div()

    def test_an_unknown_form_is_a_sentence(self, store: Any) -> None:
        page = build_page(person("eva"), task(form="shop.forms.RefundForm").pk)

        assert page.form is None
        assert "not known in this process" in page.form_problem

    def test_what_is_over_has_no_form(self, row: HumanTask) -> None:
        over(row)

        page = build_page(person("eva", DO, groups=["finance"]), row.pk)

        assert (page.form, page.form_problem) == (None, "")

    def test_what_is_hidden_has_no_lines(self, row: HumanTask) -> None:
        assert build_page(person("vic", SEE), row.pk).display == ()

    def test_what_is_not_seen_is_not_there(self, row: HumanTask) -> None:
        for task_id in (row.pk, UUID(int=1)):
            with pytest.raises(TaskNotFoundError):
                build_page(person(f"bob{task_id}"[:9], DO), task_id)


@pytest.mark.parametrize(
    ("form", "offers"),
    [
        (TaskForm.of(Approval()), True),
        (TaskForm.of(Approval(comment=False)), False),
        (TaskForm.of(Choice("a")), True),
        (TaskForm.of({}), True),
    ],
    ids=["approval", "approval without", "choice", "nothing"],
)
def test_a_comment_is_offered_unless_the_approval_says_no(form: TaskForm, offers: bool) -> None:  # noqa: FBT001
    assert offers_comment(HumanTask(name="x", fields=list(form.to_json()))) is offers
