from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.http import QueryDict
from django.utils import translation

from durable_django.control.human_tasks.errors import UnknownFormError, UnusableFormError
from durable_django.control.human_tasks.forms import (
    build_form,
    check_answer,
    clean_answer,
    encode_answer,
)
from durable_django.domain.task_form import Approval, Choice, MultiChoice, TaskForm, Text
from durable_django.exceptions import FieldErrors, PayloadError
from durable_django.models import HumanTask
from durable_django.runtime import engine
from tests.control.human_tasks import sample_forms
from tests.testapp.models import LedgerEntry

HERE = sample_forms.__name__
ASKED = TaskForm.of(
    {
        "approved": Approval(comment=False),
        "carrier": Choice({"air": "By air", "sea": "By sea"}),
        "extras": MultiChoice("wrap", "card", required=False),
        "note": Text(label="Your note", max_length=5, required=False),
    }
)


def naming(name: str) -> HumanTask:
    return HumanTask(name="refund", form=f"{HERE}.{name}")


def asking(form: TaskForm = ASKED) -> HumanTask:
    return HumanTask(name="ship", fields=list(form.to_json()))


def errors_of(task: HumanTask, data: Any, **options: Any) -> dict[str, list[str]]:
    with pytest.raises(FieldErrors) as caught:
        check_answer(task, data, **options)
    return caught.value.errors


class TestFormsOfTheProject:
    def test_what_a_browser_sent_becomes_values(self) -> None:
        data = QueryDict("amount=9.90&reason=late&urgent=on&tags=a&tags=b&csrfmiddlewaretoken=x")

        answer = check_answer(naming("RefundForm"), data)

        assert answer == {
            "amount": Decimal("9.90"),
            "reason": "late",
            "pay_at": None,
            "urgent": True,
            "tags": ["a", "b"],
            "note": "",
        }

    def test_values_become_the_same(self) -> None:
        data = {
            "amount": 9.5,
            "reason": "late",
            "pay_at": "2026-01-31T09:00:00Z",
            "urgent": True,
            "tags": ["a"],
        }

        answer = check_answer(naming("RefundForm"), data)

        assert answer["amount"] == Decimal("9.5")
        assert answer["pay_at"] == datetime(2026, 1, 31, 9, tzinfo=UTC)
        assert answer["urgent"] is True
        assert answer["tags"] == ["a"]

    @pytest.mark.parametrize("number", [Decimal("0.125"), "0.125", 0.125], ids=repr)
    def test_numbers_are_the_same_in_every_language(self, settings: Any, number: Any) -> None:
        settings.USE_THOUSAND_SEPARATOR = True

        with translation.override("de"):
            given = check_answer(naming("MeasureForm"), {"kilos": number, "metres": number})
            typed = check_answer(naming("MeasureForm"), QueryDict("kilos=0,125&metres=1.125"))

        assert given == {"kilos": Decimal("0.125"), "metres": 0.125}
        assert typed == {"kilos": Decimal("0.125"), "metres": 1125.0}

    def test_false_is_no(self) -> None:
        answer = check_answer(
            naming("RefundForm"), {"amount": 1, "reason": "lost", "urgent": False}
        )

        assert answer["urgent"] is False

    def test_fields_of_several_parts_and_rows_take_values(self) -> None:
        eva = User.objects.create_user("eva")
        group = Group.objects.create(name="finance")
        data = {
            "at": [datetime(2026, 1, 31, tzinfo=UTC).date(), "10:30"],
            "members": [eva],
            "group": group,
            "extra": {"a": [1, None]},
            "length": timedelta(days=1, hours=2),
            "maybe": False,
        }

        answer = check_answer(naming("ManyFieldsForm"), data)

        assert answer == {
            "at": datetime(2026, 1, 31, 10, 30, tzinfo=UTC),
            "members": [eva],
            "group": group,
            "extra": {"a": [1, None]},
            "length": timedelta(days=1, hours=2),
            "maybe": False,
        }

    def test_what_is_wrong_is_told_by_field(self) -> None:
        errors = errors_of(naming("RefundForm"), {"amount": "much", "reason": "cold"})

        assert errors["amount"] == ["Enter a number."]
        assert "cold" in errors["reason"][0]

    def test_what_is_wrong_with_the_whole_has_no_name(self) -> None:
        errors = errors_of(naming("RefundForm"), {"amount": 5000, "reason": "late"})

        assert errors == {"": ["Too much for one refund."]}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("amount", {"a": 1}),
            ("amount", [1]),
            ("amount", object()),
            ("tags", "a"),
            ("tags", {"a": 1}),
            ("pay_at", 5),
            ("pay_at", "\x00"),
            ("note", [["deep"]]),
            ("unknown", 1),
        ],
    )
    def test_no_value_breaks_a_field(self, name: str, value: Any) -> None:
        given = {"amount": 1, "reason": "late", name: value}

        errors = errors_of(naming("RefundForm"), given)

        assert list(errors) == [name]

    @pytest.mark.parametrize(
        "extra", [object(), {"a": {1, 2}}, {"a": Decimal(1)}], ids=["object", "set", "decimal"]
    )
    def test_what_is_no_json_is_told_by_field(self, extra: Any) -> None:
        errors = errors_of(naming("ManyFieldsForm"), {"extra": extra})

        assert errors == {"extra": ["It is JSON, or what the field's encoder makes of it."]}

    def test_nul_from_a_browser_is_refused_before_the_database_is_asked(self) -> None:
        errors = errors_of(naming("ManyFieldsForm"), QueryDict("group=%00&members=1"))

        assert errors == {"group": ["It holds a NUL character."]}

    def test_a_model_form_only_validates(self) -> None:
        answer = check_answer(naming("EntryForm"), {"name": "x", "pid": 7})

        assert answer == {"name": "x", "pid": 7}
        assert not LedgerEntry.objects.exists()

    def test_a_prefix_keeps_its_names_apart(self) -> None:
        data = QueryDict("answer-amount=1&answer-reason=late&amount=99&comment=hm")

        answer = check_answer(naming("RefundForm"), data, prefix="answer")

        assert answer["amount"] == Decimal(1)

    def test_an_unbound_form_is_there_to_be_shown(self) -> None:
        form = build_form(naming("RefundForm"))

        assert not form.is_bound
        assert 'name="amount"' in form.as_div()

    def test_one_that_is_not_loaded_is_unknown(self) -> None:
        with pytest.raises(UnknownFormError, match="not known in this process"):
            build_form(HumanTask(name="refund", form="shop.forms.RefundForm"))

    @pytest.mark.parametrize(
        ("name", "why"),
        [("FileForm", "scan takes a file"), ("NeedyForm", "arguments"), ("NoForm", "no Django")],
    )
    def test_one_that_is_no_use_says_why(self, name: str, why: str) -> None:
        with pytest.raises(UnusableFormError, match=why):
            build_form(naming(name))

    def test_the_base_class_of_all_forms_is_no_use(self) -> None:
        with pytest.raises(UnusableFormError):
            build_form(HumanTask(name="refund", form="django.forms.forms.BaseForm"))


class TestFieldsOfTheTask:
    def test_values_are_judged_by_the_fields_own_rules(self) -> None:
        answer = check_answer(asking(), {"approved": False, "carrier": "sea", "extras": ["card"]})

        assert answer == {"approved": False, "carrier": "sea", "extras": ["card"], "note": ""}

    def test_a_browser_gives_the_same_answer(self) -> None:
        data = QueryDict("approved=false&carrier=sea&extras=card&extras=wrap&note=+hi+")

        answer = check_answer(asking(), data)

        assert answer == {
            "approved": False,
            "carrier": "sea",
            "extras": ["wrap", "card"],
            "note": "hi",
        }

    @pytest.mark.parametrize(
        "data", [{"note": "long text", "x": 1}, QueryDict("note=long+text&carrier=train")]
    )
    def test_what_is_wrong_is_told_by_field(self, data: Any) -> None:
        errors = errors_of(asking(), data)

        assert {"approved", "carrier", "note"} <= set(errors)
        assert all(said for said in errors.values())

    def test_no_answer_to_an_approval_is_not_no(self) -> None:
        form = TaskForm.of({"approved": Approval(required=False)})

        assert check_answer(asking(form), QueryDict("")) == {"approved": None}
        assert check_answer(asking(form), {}) == {"approved": None}

    def test_an_approval_has_two_buttons_and_none_is_pressed(self) -> None:
        shown = build_form(asking(TaskForm.of(Approval()))).as_div()

        assert shown.count('type="radio"') == 2
        assert "checked" not in shown

    def test_labels_and_help_are_shown(self) -> None:
        form = build_form(
            asking(TaskForm.of({"why_not": Text(help="In a word."), "b": Text("B!")}))
        )

        assert [str(form[name].label) for name in form.fields] == ["Why not", "B!"]
        assert "In a word." in form.as_div()

    def test_a_field_may_be_called_as_a_forms_method_is(self) -> None:
        form = TaskForm.of({"clean": Text(), "errors": Text(), "asked": Text()})

        answer = check_answer(asking(form), QueryDict("clean=a&errors=b&asked=c"))

        assert answer == {"clean": "a", "errors": "b", "asked": "c"}

    def test_nothing_is_asked_and_nothing_is_answered(self) -> None:
        assert check_answer(HumanTask(name="done", fields=[]), QueryDict("x=1")) == {}

    @pytest.mark.parametrize(
        "fields", [[{"type": "magic", "name": "x"}], [{}], [7], [{"type": "choice", "name": "x"}]]
    )
    def test_fields_that_cannot_be_read_say_so(self, fields: Any) -> None:
        with pytest.raises(UnusableFormError):
            build_form(HumanTask(name="x", fields=fields))


class TestStoring:
    def test_rows_become_references_and_are_fetched_again(self) -> None:
        eva = User.objects.create_user("eva")
        group = Group.objects.create(name="finance")
        data = {"at": ["2026-01-31", "10:30"], "members": [eva.pk], "group": "finance"}
        task = naming("ManyFieldsForm")

        text = encode_answer(task, check_answer(task, data), by="eva", comment="")

        assert '"$model"' in text
        stored = engine().payloads.decode(text, "It")
        assert (stored["members"], stored["group"]) == ([eva], group)

    def test_what_no_payload_holds_is_refused(self) -> None:
        with pytest.raises(PayloadError):
            encode_answer(naming("RefundForm"), {"amount": object()}, by="eva", comment="")

    def test_an_answer_that_its_comment_makes_too_large_is_refused_now(self) -> None:
        data = {"note": "x" * 200_000}

        with pytest.raises(PayloadError, match="limit"):
            encode_answer(naming("RefundForm"), data, by="eva", comment="y" * 100_000)


def test_an_invalid_form_can_be_shown_with_its_errors() -> None:
    form = build_form(naming("RefundForm"), QueryDict("amount=much&reason=late"))

    with pytest.raises(FieldErrors):
        clean_answer(form)

    assert "Enter a number." in form.as_div()
    assert 'value="much"' in form.as_div()
