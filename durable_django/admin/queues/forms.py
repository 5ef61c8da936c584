"""What the pages that control a queue ask of the person."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from durable_django.admin.acts.forms import ReasonForm
from durable_django.domain.work_queue import MAX_RUNNING, QueueControl, Rate
from durable_django.exceptions import DefinitionError


class LimitForm(ReasonForm):
    """How many at one moment."""

    max_running = forms.IntegerField(
        label=_("Run at most"),
        required=False,
        min_value=1,
        max_value=MAX_RUNNING,
        help_text=_("At one moment, over all workers. Empty: no limit."),
        widget=forms.NumberInput(attrs={"class": "dw-input"}),
    )

    def limits(self) -> dict[str, Any]:
        """Return the valid form as options of `queues.configure`."""
        return {"max_running": self.cleaned_data["max_running"]}


class RateForm(ReasonForm):
    """How many begin in which time."""

    rate = forms.CharField(
        label=_("Begin at most"),
        required=False,
        max_length=50,
        help_text=_("So many in each period: 100/min, 5/10s, 1000/h. Empty: no limit."),
        widget=forms.TextInput(attrs={"class": "dw-input", "autocomplete": "off"}),
    )

    def clean_rate(self) -> Rate | None:
        """Read it; an empty one is none."""
        text = self.cleaned_data["rate"]
        try:
            return Rate.parse(text) if text else None
        except DefinitionError as error:
            raise forms.ValidationError(str(error)) from error

    def limits(self) -> dict[str, Any]:
        """Return the valid form as options of `queues.configure`."""
        return {"rate": self.cleaned_data["rate"]}


def initial_of(control: QueueControl) -> dict[str, Any]:
    """Return what the forms show of a queue."""
    rate = control.rate
    return {"max_running": control.max_running, "rate": "" if rate is None else str(rate)}
