"""Forms that tasks name."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import Group, User

from tests.testapp.models import LedgerEntry


class RefundForm(forms.Form):
    """Of everyday fields."""

    amount = forms.DecimalField(min_value=0, max_digits=8, decimal_places=2, help_text="In EUR.")
    reason = forms.ChoiceField(choices=[("late", "Too late"), ("lost", "Lost")])
    pay_at = forms.DateTimeField(required=False)
    urgent = forms.BooleanField(required=False)
    tags = forms.MultipleChoiceField(choices=[("a", "A"), ("b", "B")], required=False)
    note = forms.CharField(required=False, widget=forms.Textarea, initial="password=hunter2")

    def clean(self) -> Any:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("amount") and cleaned["amount"] > 1000:
            raise forms.ValidationError("Too much for one refund.")
        return cleaned


class ManyFieldsForm(forms.Form):
    """Of every field a browser sends in its own way."""

    at = forms.SplitDateTimeField()
    members = forms.ModelMultipleChoiceField(User.objects.all())
    group = forms.ModelChoiceField(Group.objects.all(), to_field_name="name")
    extra = forms.JSONField(required=False)
    length = forms.DurationField(required=False)
    maybe = forms.NullBooleanField(required=False)


class MeasureForm(forms.Form):
    """Of numbers that people write as they are used to."""

    kilos = forms.DecimalField(localize=True)
    metres = forms.FloatField(localize=True)


class EntryForm(forms.ModelForm):
    class Meta:
        model = LedgerEntry
        fields = ("name", "pid")


class FileForm(forms.Form):
    scan = forms.FileField(required=False)


class NeedyForm(forms.Form):
    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


class Outer:
    class InnerForm(forms.Form):
        word = forms.CharField()


class NoForm:
    """Has what a form has, and is none."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise AssertionError("made")
