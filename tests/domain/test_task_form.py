from __future__ import annotations

import json

import pytest

from durable_django.domain.task_form import Approval, Choice, MultiChoice, TaskForm, Text
from durable_django.exceptions import DefinitionError, FieldErrors

FIELDS = {
    "approved": Approval("Fine?", comment=False, help="Look twice."),
    "by": Choice({"air": "By air", "sea": "By sea"}, label="How"),
    "extras": MultiChoice("box", "card", required=False),
    "note": Text(multiline=True, max_length=5, required=False),
}


def form_of(**fields):
    return TaskForm.of(fields)


def refused(form, data):
    with pytest.raises(FieldErrors) as caught:
        form.clean(data)
    return caught.value.errors


class TestFields:
    def test_a_form_comes_back_from_json_as_it_was(self):
        form = TaskForm.of(FIELDS)

        text = json.dumps(form.to_json())

        assert TaskForm.from_json(json.loads(text)) == form
        assert [one["type"] for one in json.loads(text)] == [
            "approval",
            "choice",
            "choices",
            "text",
        ]

    @pytest.mark.parametrize(
        ("field", "name"),
        [
            pytest.param(Approval(), "approved", id="approval"),
            pytest.param(Choice("a"), "choice", id="choice"),
            pytest.param(MultiChoice("a"), "choices", id="multi_choice"),
            pytest.param(Text(), "text", id="text"),
        ],
    )
    def test_a_field_alone_is_called_after_what_it_is(self, field, name):
        assert TaskForm.of(field).fields == ((name, field),)

    def test_labels_may_be_translated_lazily(self):
        class Lazy:
            def __str__(self):
                return "Genehmigt?"

        [field] = TaskForm.of(Approval(Lazy())).to_json()

        assert field["label"] == "Genehmigt?"

    @pytest.mark.parametrize("name", ["not a name", "", 1, "1st"], ids=repr)
    def test_a_name_is_an_identifier(self, name):
        with pytest.raises(DefinitionError, match="identifier"):
            TaskForm.of({name: Text()})

    def test_a_field_is_a_field(self):
        with pytest.raises(DefinitionError, match="has to be an Approval"):
            TaskForm.of({"a": "text"})

    def test_a_type_from_elsewhere_is_named(self):
        with pytest.raises(DefinitionError, match="unknown type 'slider'"):
            TaskForm.from_json([{"name": "a", "type": "slider"}])

    def test_a_text_has_room(self):
        with pytest.raises(DefinitionError, match="1 or more"):
            Text(max_length=0)


class TestAnswers:
    def test_every_field_is_in_the_answer(self):
        answer = TaskForm.of(FIELDS).clean({"approved": False, "by": "sea"})

        assert answer == {"approved": False, "by": "sea", "extras": [], "note": ""}

    def test_what_was_not_asked_is_refused(self):
        assert refused(form_of(), {"a": 1}) == {"a": ["Nothing was asked by this name."]}

    @pytest.mark.parametrize("data", [None, [], "yes", 1], ids=repr)
    def test_an_answer_is_an_object(self, data):
        assert set(refused(form_of(a=Text()), data)) == {""}

    def test_all_that_is_wrong_is_told_at_once(self):
        errors = refused(TaskForm.of(FIELDS), {"by": "road", "note": "too long", "extra": 1})

        assert set(errors) == {"approved", "by", "note", "extra"}

    @pytest.mark.parametrize(
        "field", [Approval(), Choice("a"), MultiChoice("a"), Text()], ids=lambda f: type(f).__name__
    )
    @pytest.mark.parametrize("value", [None, "", []], ids=repr)
    def test_what_is_required_is_missed(self, field, value):
        assert refused(form_of(a=field), {"a": value}) == {"a": ["This field is required."]}

    @pytest.mark.parametrize(
        ("field", "empty"),
        [
            pytest.param(Approval(required=False), None, id="approval"),
            pytest.param(Choice("a", required=False), "", id="choice"),
            pytest.param(MultiChoice("a", required=False), [], id="multi_choice"),
            pytest.param(Text(required=False), "", id="text"),
        ],
    )
    def test_what_is_not_may_be_left_out(self, field, empty):
        assert form_of(a=field).clean({}) == {"a": empty}

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            pytest.param(Approval(), 1, id="one_is_not_true"),
            pytest.param(Approval(), "true", id="text_is_not_true"),
            pytest.param(Choice("a"), 1, id="number"),
            pytest.param(Choice("a"), ["a"], id="list"),
            pytest.param(MultiChoice("a"), "a", id="not_a_list"),
            pytest.param(MultiChoice("a"), ["a", "b"], id="one_unknown"),
            pytest.param(MultiChoice("a"), [["a"]], id="unhashable"),
            pytest.param(Text(), 1, id="number_for_text"),
            pytest.param(Text(), "a\0b", id="nul"),
            pytest.param(Text(max_length=1), "ab", id="too_long"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, field, value):
        assert set(refused(form_of(a=field), {"a": value})) == {"a"}

    def test_white_space_alone_is_no_text(self):
        assert refused(form_of(a=Text()), {"a": " \n"}) == {"a": ["This field is required."]}

    def test_white_space_around_does_not_count(self):
        assert form_of(a=Text(max_length=2)).clean({"a": " ab "}) == {"a": "ab"}

    @pytest.mark.parametrize("kind", [list, tuple, set, frozenset])
    def test_choices_come_once_and_in_order(self, kind):
        assert form_of(a=MultiChoice("x", "y")).clean({"a": kind(["y", "x"])}) == {"a": ["x", "y"]}
