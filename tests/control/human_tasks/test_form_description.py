from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import Group

from durable_django.control.human_tasks.form_description import MAX_CHOICES, TYPES, describe_form
from durable_django.control.human_tasks.forms import build_form
from durable_django.domain.task_form import Approval, TaskForm
from durable_django.models import HumanTask
from tests.control.human_tasks.sample_forms import ManyFieldsForm, RefundForm


def described(form: Any) -> dict[str, dict[str, Any]]:
    return {field["name"]: field for field in describe_form(form)}


def test_each_field_says_what_it_takes() -> None:
    fields = described(RefundForm())

    assert {name: field["type"] for name, field in fields.items()} == {
        "amount": "decimal",
        "reason": "choice",
        "pay_at": "datetime",
        "urgent": "boolean",
        "tags": "choices",
        "note": "text",
    }
    assert fields["amount"]["required"]
    assert fields["amount"]["help"] == "In EUR."
    assert fields["reason"]["choices"] == [
        {"value": "late", "label": "Too late"},
        {"value": "lost", "label": "Lost"},
    ]
    assert fields["note"]["is_long"]


def test_every_type_is_documented() -> None:
    told = [
        field["type"] for field in [*describe_form(RefundForm()), *describe_form(ManyFieldsForm())]
    ]

    assert set(told) <= set(TYPES)


def test_secrets_among_initial_values_are_hidden() -> None:
    assert described(RefundForm())["note"]["initial"] == "password=•••"


def test_an_approval_is_a_choice_of_two() -> None:
    task = HumanTask(name="x", fields=list(TaskForm.of(Approval()).to_json()))

    [field] = describe_form(build_form(task))

    assert [one["value"] for one in field["choices"]] == ["true", "false"]


@pytest.mark.django_db
def test_choices_among_many_rows_are_cut() -> None:
    Group.objects.bulk_create(Group(name=f"g{number}") for number in range(MAX_CHOICES + 5))

    group = described(ManyFieldsForm())["group"]

    assert len(group["choices"]) == MAX_CHOICES
    assert group["has_more_choices"]


def test_groups_of_choices_are_told_without_the_groups() -> None:
    class Grouped(forms.Form):
        one = forms.ChoiceField(choices=[("", "-"), ("Air", [("a", "A")]), ("s", "S")])

    assert [choice["value"] for choice in described(Grouped())["one"]["choices"]] == ["a", "s"]
